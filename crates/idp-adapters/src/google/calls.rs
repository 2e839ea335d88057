//! Google's scopes: which includes which, and which call needs which.

use crate::{
    ScopeRule, Segment,
    Segment::{Any, Literal, Rest},
    scopes::Lattice,
};

const PREFIX: &str = "https://www.googleapis.com/auth/";

/// `scope` includes `scope.anything` (`drive`, `drive.readonly`), and the mail scope everything of Gmail.
pub(super) struct Scopes;

impl Lattice for Scopes {
    fn implies(&self, held: &str, wanted: &str) -> bool {
        if held == "https://mail.google.com/" {
            return wanted.strip_prefix(PREFIX).is_some_and(|name| name.starts_with("gmail."));
        }
        let below = |wide: &str| wanted.strip_prefix(wide).is_some_and(|rest| rest.starts_with('.'));
        match held {
            // The short OpenID Connect scopes have long names too.
            "email" => wanted == "https://www.googleapis.com/auth/userinfo.email",
            "profile" => wanted == "https://www.googleapis.com/auth/userinfo.profile",
            "https://www.googleapis.com/auth/userinfo.email" => wanted == "email",
            "https://www.googleapis.com/auth/userinfo.profile" => wanted == "profile",
            _ => held.starts_with(PREFIX) && (below(held) || readonly_below(held, wanted)),
        }
    }
}

/// `drive.readonly` includes `drive.metadata.readonly`; `calendar.events` includes `calendar.events.readonly`.
fn readonly_below(held: &str, wanted: &str) -> bool {
    held == "https://www.googleapis.com/auth/drive.readonly"
        && wanted == "https://www.googleapis.com/auth/drive.metadata.readonly"
        || held == "https://www.googleapis.com/auth/calendar.readonly"
            && wanted
                .strip_prefix("https://www.googleapis.com/auth/calendar.")
                .is_some_and(|s| s.ends_with("readonly"))
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

/// What the most used calls need (facts, section 2.1).
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
