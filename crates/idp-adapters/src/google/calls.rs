//! Google's scopes: which includes which, and which call needs which.

use crate::{
    ScopeRule, Segment,
    Segment::{Any, Literal, Rest},
    scopes::{Lattice, Table},
};

const PREFIX: &str = "https://www.googleapis.com/auth/";

/// `(wide, narrow)` below [`PREFIX`]; chains are followed. Two that look like pairs and are not: `drive` does not
/// include `drive.appdata`, `contacts` does not include `contacts.other.readonly`.
const INCLUDES: Table = Table(&[
    ("drive", "drive.file"),
    ("drive", "drive.readonly"),
    ("drive", "drive.metadata"),
    ("drive.readonly", "drive.metadata.readonly"),
    ("drive.readonly", "drive.photos.readonly"),
    ("calendar", "calendar.readonly"),
    ("calendar", "calendar.events"),
    ("calendar", "calendar.calendarlist"),
    ("calendar", "calendar.calendars"),
    ("calendar", "calendar.acls"),
    ("calendar", "calendar.freebusy"),
    ("calendar.readonly", "calendar.events.readonly"),
    ("calendar.readonly", "calendar.calendarlist.readonly"),
    ("calendar.readonly", "calendar.calendars.readonly"),
    ("calendar.readonly", "calendar.settings.readonly"),
    ("calendar.events", "calendar.events.owned"),
    ("gmail.modify", "gmail.readonly"),
    ("gmail.modify", "gmail.compose"),
    ("gmail.modify", "gmail.labels"),
    ("gmail.compose", "gmail.send"),
    ("gmail.readonly", "gmail.metadata"),
]);

/// By the table; `scope` includes `scope.readonly`, and the mail scope everything of Gmail.
pub(super) struct Scopes;

impl Lattice for Scopes {
    fn implies(&self, held: &str, wanted: &str) -> bool {
        match (held, wanted) {
            // The short OpenID Connect scopes have long names too.
            ("email", "https://www.googleapis.com/auth/userinfo.email")
            | ("profile", "https://www.googleapis.com/auth/userinfo.profile")
            | ("https://www.googleapis.com/auth/userinfo.email", "email")
            | ("https://www.googleapis.com/auth/userinfo.profile", "profile") => return true,
            _ => {}
        }
        let Some(narrow) = wanted.strip_prefix(PREFIX) else { return false };
        if held == "https://mail.google.com/" {
            return narrow.starts_with("gmail.");
        }
        let Some(wide) = held.strip_prefix(PREFIX) else { return false };
        let below = |scope: &str| scope == wide || INCLUDES.implies(wide, scope);
        INCLUDES.implies(wide, narrow) || narrow.strip_suffix(".readonly").is_some_and(below)
    }
}

const fn call(
    method: &'static str,
    host: Option<&'static str>,
    pattern: &'static [Segment],
    any_of: &'static [&'static str],
) -> ScopeRule {
    ScopeRule { method, host, pattern, any_of }
}

const GMAIL: Option<&str> = Some("gmail.googleapis.com");
const PEOPLE: Option<&str> = Some("people.googleapis.com");

const DRIVE_READ: &[&str] = &[
    "https://www.googleapis.com/auth/drive.metadata.readonly",
    "https://www.googleapis.com/auth/drive.readonly",
    "https://www.googleapis.com/auth/drive.file",
    "https://www.googleapis.com/auth/drive",
];
const DRIVE_WRITE: &[&str] =
    &["https://www.googleapis.com/auth/drive.file", "https://www.googleapis.com/auth/drive"];
const CALENDAR_READ: &[&str] = &[
    "https://www.googleapis.com/auth/calendar.readonly",
    "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
    "https://www.googleapis.com/auth/calendar",
];
const EVENTS_READ: &[&str] = &[
    "https://www.googleapis.com/auth/calendar.events.readonly",
    "https://www.googleapis.com/auth/calendar.events",
    "https://www.googleapis.com/auth/calendar.readonly",
    "https://www.googleapis.com/auth/calendar",
];
const EVENTS_WRITE: &[&str] =
    &["https://www.googleapis.com/auth/calendar.events", "https://www.googleapis.com/auth/calendar"];
const MAIL_READ: &[&str] = &[
    "https://www.googleapis.com/auth/gmail.readonly",
    "https://www.googleapis.com/auth/gmail.modify",
    "https://mail.google.com/",
];
const CONTACTS_READ: &[&str] =
    &["https://www.googleapis.com/auth/contacts.readonly", "https://www.googleapis.com/auth/contacts"];

/// What the most used calls need.
pub(super) const CALLS: &[ScopeRule] = &[
    call("GET", None, &[Literal("drive"), Literal("v3"), Literal("files"), Rest], DRIVE_READ),
    call("POST", None, &[Literal("drive"), Literal("v3"), Literal("files"), Rest], DRIVE_WRITE),
    call("PATCH", None, &[Literal("drive"), Literal("v3"), Literal("files"), Rest], DRIVE_WRITE),
    call(
        "GET",
        None,
        &[Literal("calendar"), Literal("v3"), Literal("users"), Literal("me"), Literal("calendarList"), Rest],
        CALENDAR_READ,
    ),
    call(
        "GET",
        None,
        &[Literal("calendar"), Literal("v3"), Literal("calendars"), Any, Literal("events"), Rest],
        EVENTS_READ,
    ),
    call(
        "POST",
        None,
        &[Literal("calendar"), Literal("v3"), Literal("calendars"), Any, Literal("events"), Rest],
        EVENTS_WRITE,
    ),
    call(
        "GET",
        GMAIL,
        &[Literal("gmail"), Literal("v1"), Literal("users"), Any, Literal("messages"), Rest],
        MAIL_READ,
    ),
    call(
        "GET",
        PEOPLE,
        &[Literal("v1"), Literal("people"), Literal("me"), Literal("connections")],
        CONTACTS_READ,
    ),
];
