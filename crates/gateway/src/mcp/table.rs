//! One tool for each of some frequent calls.

use idp_adapters::Kind;

use super::typed::{Form, Parameter, Place, TypedTool};

const fn segment(name: &'static str) -> Parameter {
    Parameter { name, about: "", form: Form::Text, place: Place::Segment }
}

const fn text(name: &'static str, member: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about, form: Form::Text, place: Place::Query(member) }
}

const fn needed(name: &'static str, member: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about, form: Form::Text, place: Place::Needed(member) }
}

const fn number(name: &'static str, member: &'static str) -> Parameter {
    Parameter { name, about: "", form: Form::Number, place: Place::Query(member) }
}

const fn one_of(name: &'static str, member: &'static str, words: &'static [&'static str]) -> Parameter {
    Parameter { name, about: "", form: Form::OneOf(words), place: Place::Query(member) }
}

/// What most tools have in common.
const TOOL: TypedTool = TypedTool {
    name: "",
    kind: Kind::GitHub,
    about: "",
    host: None,
    path: "",
    fixed: &[],
    parameters: &[],
    body: "object",
};

/// Which tools there are, in the order of the list.
pub(super) const TOOLS: [TypedTool; 16] = [
    TypedTool {
        name: "github_repositories",
        kind: Kind::GitHub,
        about: "The user's GitHub repositories.",
        path: "/user/repos",
        parameters: &[
            one_of("sort", "sort", &["created", "updated", "pushed", "full_name"]),
            number("per_page", "per_page"),
            number("page", "page"),
        ],
        body: "array",
        ..TOOL
    },
    TypedTool {
        name: "github_issues",
        kind: Kind::GitHub,
        about: "Issues of a GitHub repository.",
        path: "/repos/{owner}/{repo}/issues",
        parameters: &[
            segment("owner"),
            segment("repo"),
            one_of("state", "state", &["open", "closed", "all"]),
            number("per_page", "per_page"),
            number("page", "page"),
        ],
        body: "array",
        ..TOOL
    },
    TypedTool {
        name: "github_pull_requests",
        kind: Kind::GitHub,
        about: "Pull requests of a GitHub repository.",
        path: "/repos/{owner}/{repo}/pulls",
        parameters: &[
            segment("owner"),
            segment("repo"),
            one_of("state", "state", &["open", "closed", "all"]),
            number("per_page", "per_page"),
            number("page", "page"),
        ],
        body: "array",
        ..TOOL
    },
    TypedTool {
        name: "github_contents",
        kind: Kind::GitHub,
        about: "A file (base64) or folder of a GitHub repository.",
        path: "/repos/{owner}/{repo}/contents/{path}",
        parameters: &[
            segment("owner"),
            segment("repo"),
            Parameter { name: "path", about: "", form: Form::Text, place: Place::Segments },
            text("ref", "ref", "Branch, tag or commit."),
        ],
        body: "",
        ..TOOL
    },
    TypedTool {
        name: "github_search_issues",
        kind: Kind::GitHub,
        about: "Search issues and pull requests on GitHub.",
        path: "/search/issues",
        parameters: &[
            needed("q", "q", "GitHub search syntax."),
            number("per_page", "per_page"),
            number("page", "page"),
        ],
        ..TOOL
    },
    TypedTool {
        name: "google_calendar_events",
        kind: Kind::Google,
        about: "Events of a Google calendar, by start time.",
        path: "/calendar/v3/calendars/{calendar}/events",
        fixed: &[("singleEvents", "true"), ("orderBy", "startTime")],
        parameters: &[
            Parameter {
                name: "calendar",
                about: "\"primary\" or an id.",
                form: Form::Text,
                place: Place::Segment,
            },
            text("from", "timeMin", "RFC 3339."),
            text("until", "timeMax", "RFC 3339."),
            text("q", "q", ""),
            number("limit", "maxResults"),
            text("page", "pageToken", ""),
        ],
        ..TOOL
    },
    TypedTool {
        name: "drive_files",
        kind: Kind::Google,
        about: "List or search files in Google Drive.",
        path: "/drive/v3/files",
        parameters: &[
            text("q", "q", "Drive query: name contains 'x'."),
            text("order", "orderBy", ""),
            number("limit", "pageSize"),
            text("page", "pageToken", ""),
        ],
        ..TOOL
    },
    TypedTool {
        name: "gmail_messages",
        kind: Kind::Google,
        about: "List or search Gmail messages (ids).",
        host: Some("gmail.googleapis.com"),
        path: "/gmail/v1/users/me/messages",
        parameters: &[
            text("q", "q", "Gmail search syntax."),
            number("limit", "maxResults"),
            text("page", "pageToken", ""),
        ],
        ..TOOL
    },
    TypedTool {
        name: "gmail_message",
        kind: Kind::Google,
        about: "One Gmail message.",
        host: Some("gmail.googleapis.com"),
        path: "/gmail/v1/users/me/messages/{id}",
        parameters: &[segment("id"), one_of("format", "format", &["full", "metadata", "minimal", "raw"])],
        ..TOOL
    },
    TypedTool {
        name: "google_contacts",
        kind: Kind::Google,
        about: "The user's Google contacts.",
        host: Some("people.googleapis.com"),
        path: "/v1/people/me/connections",
        fixed: &[("personFields", "names,emailAddresses,phoneNumbers")],
        parameters: &[number("limit", "pageSize"), text("page", "pageToken", "")],
        ..TOOL
    },
    TypedTool {
        name: "outlook_messages",
        kind: Kind::Microsoft,
        about: "List or search Outlook messages.",
        path: "/v1.0/me/messages",
        parameters: &[
            text("search", "$search", "In double quotes."),
            text("filter", "$filter", "OData."),
            text("select", "$select", "Members, by commas."),
            number("limit", "$top"),
            number("skip", "$skip"),
        ],
        ..TOOL
    },
    TypedTool {
        name: "outlook_events",
        kind: Kind::Microsoft,
        about: "Outlook calendar events within a time.",
        path: "/v1.0/me/calendarView",
        parameters: &[
            needed("from", "startDateTime", "ISO 8601."),
            needed("until", "endDateTime", "ISO 8601."),
            number("limit", "$top"),
            number("skip", "$skip"),
        ],
        ..TOOL
    },
    TypedTool {
        name: "onedrive_files",
        kind: Kind::Microsoft,
        about: "Files at the root of the user's OneDrive.",
        path: "/v1.0/me/drive/root/children",
        parameters: &[number("limit", "$top")],
        ..TOOL
    },
    TypedTool {
        name: "bitbucket_repositories",
        kind: Kind::Bitbucket,
        about: "Repositories of a Bitbucket workspace.",
        path: "/2.0/repositories/{workspace}",
        parameters: &[
            segment("workspace"),
            text("q", "q", ""),
            number("limit", "pagelen"),
            number("page", "page"),
        ],
        ..TOOL
    },
    TypedTool {
        name: "bitbucket_pull_requests",
        kind: Kind::Bitbucket,
        about: "Pull requests of a Bitbucket repository.",
        path: "/2.0/repositories/{workspace}/{repo}/pullrequests",
        parameters: &[
            segment("workspace"),
            segment("repo"),
            one_of("state", "state", &["OPEN", "MERGED", "DECLINED", "SUPERSEDED"]),
            number("page", "page"),
        ],
        ..TOOL
    },
    TypedTool {
        name: "facebook_posts",
        kind: Kind::Facebook,
        about: "The user's Facebook posts.",
        path: "/v22.0/me/posts",
        parameters: &[
            text("fields", "fields", "By commas."),
            number("limit", "limit"),
            text("after", "after", ""),
        ],
        ..TOOL
    },
];
