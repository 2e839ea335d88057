//! Microsoft Graph's delegated permissions: which includes which, and which call needs which.

use crate::{
    ScopeRule, Segment,
    Segment::{Any, Literal, Rest},
    scopes::Lattice,
};

/// Permissions are written with or without the resource in front, in any case.
pub(super) struct Scopes;

impl Lattice for Scopes {
    /// `Mail.ReadWrite` includes `Mail.Read`, `Mail.Read` includes `Mail.ReadBasic`, and what ends in `.All` or
    /// `.Shared` includes the same without.
    fn implies(&self, held: &str, wanted: &str) -> bool {
        let (held, wanted) = (plain(held), plain(wanted));
        if held == wanted {
            return true;
        }
        let (Some((held_on, held_to)), Some((on, to))) = (held.split_once('.'), wanted.split_once('.'))
        else {
            return false;
        };
        let (held_verb, held_reach) = held_to.split_once('.').unwrap_or((held_to, ""));
        let (verb, reach) = to.split_once('.').unwrap_or((to, ""));
        held_on == on
            && level(held_verb) >= level(verb)
            && level(verb) > 0
            && (held_reach == reach || reach.is_empty())
    }
}

pub(super) fn same(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

fn plain(scope: &str) -> String {
    let lower = scope.to_ascii_lowercase();
    lower.strip_prefix("https://graph.microsoft.com/").map(str::to_owned).unwrap_or(lower)
}

fn level(verb: &str) -> u8 {
    match verb {
        "readbasic" => 1,
        "read" => 2,
        "readwrite" => 3,
        _ => 0,
    }
}

const fn call(
    method: &'static str,
    pattern: &'static [Segment],
    any_of: &'static [&'static str],
) -> ScopeRule {
    ScopeRule { method, host: Some("graph.microsoft.com"), pattern, any_of }
}

const ME: Segment = Literal("me");

/// What the most used calls need.
pub(super) const CALLS: &[ScopeRule] = &[
    call("GET", &[Any, ME], &["User.Read"]),
    call("GET", &[Any, ME, Literal("messages"), Rest], &["Mail.Read"]),
    call("GET", &[Any, ME, Literal("mailFolders"), Rest], &["Mail.Read"]),
    call("POST", &[Any, ME, Literal("sendMail")], &["Mail.Send"]),
    call("GET", &[Any, ME, Literal("events"), Rest], &["Calendars.Read"]),
    call("GET", &[Any, ME, Literal("calendarView")], &["Calendars.Read"]),
    call("POST", &[Any, ME, Literal("events"), Rest], &["Calendars.ReadWrite"]),
    call("GET", &[Any, ME, Literal("drive"), Rest], &["Files.Read"]),
    call("GET", &[Any, ME, Literal("contacts"), Rest], &["Contacts.Read"]),
    call("GET", &[Any, Literal("sites"), Rest], &["Sites.Read.All"]),
];
