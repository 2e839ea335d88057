//! Facebook's permissions: which call needs which, and how to find them in prose.

use crate::{
    ScopeRule,
    Segment::{Literal, Version},
    scopes::{self, Table},
};

/// No permission includes another.
pub(super) const SCOPES: Table = Table(&[]);

const fn me(edge: &'static [crate::Segment], any_of: &'static [&'static str]) -> ScopeRule {
    ScopeRule::new("GET", edge, any_of)
}

/// What the most used calls need.
pub(super) const CALLS: &[ScopeRule] = &[
    me(&[Version, Literal("me"), Literal("accounts")], &["pages_show_list"]),
    me(&[Version, Literal("me"), Literal("photos")], &["user_photos"]),
    me(&[Version, Literal("me"), Literal("posts")], &["user_posts"]),
    me(&[Literal("me"), Literal("accounts")], &["pages_show_list"]),
    me(&[Literal("me"), Literal("photos")], &["user_photos"]),
    me(&[Literal("me"), Literal("posts")], &["user_posts"]),
];

/// Words that begin like a permission.
const FAMILIES: &[&str] = &[
    "user_",
    "pages_",
    "publish_",
    "instagram_",
    "ads_",
    "business_",
    "catalog_",
    "leads_",
    "read_",
    "whatsapp_",
    "manage_",
];

/// Permissions that a message names: `(#200) Requires pages_read_engagement permission`.
pub(super) fn named_in(message: &str) -> Vec<String> {
    let words = message.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    let mut found = Vec::new();
    for word in words
        .filter(|word| FAMILIES.iter().any(|family| word.len() > family.len() && word.starts_with(family)))
    {
        scopes::push(&mut found, word);
    }
    found
}
