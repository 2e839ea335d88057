//! What a request asks for, and why that cannot be told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::config::OperationKind;

/// What the documents of one request ask for, all operations together: `operationName` may select any of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requested {
    /// The root fields of each type of operation, by name and not by alias.
    pub roots: BTreeMap<OperationKind, BTreeSet<String>>,
    /// The deepest nesting of fields.
    pub depth: usize,
    /// Whether the schema is asked for (`__schema`, `__type`).
    pub introspects: bool,
    /// Hashes and ids of documents that the provider keeps.
    pub persisted: BTreeSet<String>,
}

impl Requested {
    pub(super) fn merge(&mut self, other: Self) {
        for (operation, fields) in other.roots {
            self.roots.entry(operation).or_default().extend(fields);
        }
        self.depth = self.depth.max(other.depth);
        self.introspects |= other.introspects;
        self.persisted.extend(other.persisted);
    }
}

/// Longest summary of what was asked for, in bytes.
pub(super) const LONGEST_SUMMARY: usize = 256;

/// For the audit log and explanations: `query(viewer repository)`, cut where it gets long.
impl fmt::Display for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (operation, fields) in &self.roots {
            let fields: Vec<&str> = fields.iter().map(String::as_str).take(LONGEST_SUMMARY).collect();
            let separator = if text.is_empty() { "" } else { " " };
            text.push_str(&format!("{separator}{operation}({})", fields.join(" ")));
        }
        if !self.persisted.is_empty() {
            text.push_str(" persisted");
        }
        if text.len() > LONGEST_SUMMARY {
            // Names are ASCII.
            text.truncate(LONGEST_SUMMARY);
            text.push('…');
        }
        f.write_str(text.trim_start())
    }
}

/// Why a request cannot be read as GraphQL that a rule could decide on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Neither POST nor GET.
    #[error("only POST and GET carry GraphQL")]
    Method,
    /// A POST with a query string, which some servers prefer to the body.
    #[error("a POST holds its document in the body alone: leave the query string out")]
    TwoPlaces,
    /// Anything but `application/json`.
    #[error("the body is not 'application/json'")]
    ContentType,
    /// A `Content-Encoding`.
    #[error("the body is encoded ('Content-Encoding')")]
    Encoded,
    /// The body is longer than what is read ahead.
    #[error("the body is longer than {0} bytes ('server.limits.replay'), or came too slowly")]
    TooLong(usize),
    /// No JSON object (or list of objects), or a member twice.
    #[error("the body is not a JSON object, or a list of them, without duplicate members")]
    Json,
    /// A member that no GraphQL request has, or of the wrong type.
    #[error("the member '{0}' is unknown, or of the wrong type")]
    Member(String),
    /// Neither a document nor the hash of one.
    #[error("there is no 'query'")]
    NoQuery,
    /// The document does not parse, is no executable document, or is larger or deeper than any client's.
    #[error("the document is no valid GraphQL, or has too many tokens or levels")]
    Document,
    /// A fragment that is not there, is there twice, or spreads itself.
    #[error("the fragment '{0}' is missing, repeated or part of itself")]
    Fragment(String),
}

/// A name from a request, for an error text: short, and made of the letters of names.
pub(super) fn shown(name: &str) -> String {
    let inside = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    name.chars().filter(inside).take(64).collect()
}

/// What is known of a call's GraphQL.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Documents<'a> {
    /// The request's body is not read yet.
    #[default]
    Unread,
    /// What it asks for, or why that cannot be told.
    Read(&'a Result<Requested, Unreadable>),
}
