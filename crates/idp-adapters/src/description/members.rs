//! Places in answers and requests that a program which forwards calls treats in a special way.

use std::borrow::Cow;

/// A JSON member whose value is a URL at the provider.
///
/// [`LinkMember::matches`] compares names from the inside out, one for each object or array around the value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkMember {
    /// Names from the outside in: the last is the member's own, those before it the members that hold its object.
    pub names: Cow<'static, [MemberName]>,
    /// Whether these names start at the top of the document or stand anywhere.
    pub depth: Depth,
    /// What the link is for.
    pub purpose: LinkPurpose,
}

/// Where a [`LinkMember`] is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The first name is a member of the document itself.
    Top,
    /// The names may stand at any depth, in arrays and other objects.
    Any,
}

/// What a link in a body is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// The way to another page of a list. Clients follow it, so it always leads back through the forwarding program.
    Paging,
    /// The address of a resource itself (GitHub's `url` and `*_url`). Rewritten only where the operator asks for it
    /// (`rewrite_urls`), because bodies otherwise pass as they are; only values that begin with one of the
    /// provider's API hosts are meant.
    Resource,
}

/// One name of a [`LinkMember`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberName {
    /// This name.
    Is(&'static str),
    /// This name, which settings gave.
    Given(String),
    /// A name that ends so (`Members@odata.nextLink`).
    EndsWith(&'static str),
}

impl MemberName {
    fn matches(&self, name: &str) -> bool {
        match self {
            MemberName::Is(own) => name == *own,
            MemberName::Given(own) => name == own,
            MemberName::EndsWith(end) => name.ends_with(end),
        }
    }
}

impl LinkMember {
    /// A paging link at any depth.
    pub(crate) const fn paging(names: &'static [MemberName]) -> Self {
        Self { names: Cow::Borrowed(names), depth: Depth::Any, purpose: LinkPurpose::Paging }
    }

    /// The address of a resource, at any depth.
    pub(crate) const fn resource(names: &'static [MemberName]) -> Self {
        Self { names: Cow::Borrowed(names), depth: Depth::Any, purpose: LinkPurpose::Resource }
    }

    /// A paging link at exactly this place, given as a JSON pointer (RFC 6901).
    #[must_use]
    pub fn at_pointer(pointer: &str) -> Self {
        let names = pointer.split('/').filter(|name| !name.is_empty());
        let names = names.map(|name| MemberName::Given(name.replace("~1", "/").replace("~0", "~")));
        Self { names: names.collect(), depth: Depth::Top, purpose: LinkPurpose::Paging }
    }

    /// Whether this name is one of [`LinkMember::names`]: a scanner has to remember no others.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        self.names.iter().any(|own| own.matches(name))
    }

    /// Whether this is the member at a place of a document: the names from the value outwards, one for each object
    /// around it and `None` for each array. Stops at the first name that does not fit.
    pub fn matches<'a>(&self, inside_out: impl IntoIterator<Item = Option<&'a str>>) -> bool {
        let mut place = inside_out.into_iter();
        let fits = self
            .names
            .iter()
            .rev()
            .all(|want| place.next().is_some_and(|name| name.is_some_and(|name| want.matches(name))));
        fits && match self.depth {
            Depth::Any => true,
            Depth::Top => place.next().is_none(),
        }
    }
}

/// Response headers whose value is one URL, for every provider. A value that is a URL of one of the provider's API
/// hosts leads back through the forwarding program; every other value passes as it is. `Link` (RFC 8288) holds several; read
/// it with [`crate::link_header`].
///
/// `Location` and `Content-Location` are RFC 9110; `X-Goog-Upload-*` are Google's resumable uploads;
/// `Operation-Location` and `Azure-AsyncOperation` Microsoft's long-running operations; `OData-EntityId` is OData 4.
pub const ADDRESS_HEADERS: &[&str] = &[
    "location",
    "content-location",
    "x-goog-upload-url",
    "x-goog-upload-control-url",
    "operation-location",
    "azure-asyncoperation",
    "odata-entityid",
];

/// Request headers that name another method than the request's own. What they say must not be lost: a request whose
/// override is dropped does something else.
pub const METHOD_OVERRIDE_HEADERS: &[&str] = &[
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-method",
    "x-rest-method",
    "x-method",
    "x-http-verb",
    "x-verb",
];

/// What becomes of a request with one of [`METHOD_OVERRIDE_HEADERS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MethodOverride {
    /// Refused when it names a method that is not the method of the request (ignoring ASCII case). One that names the request's
    /// own method says nothing, and is dropped.
    #[default]
    Refused,
    /// The same, with one exception: a POST of `application/x-www-form-urlencoded` whose override names `GET` means
    /// a GET whose query is the form (how Google's clients send URLs of over 2,048 characters). It is judged as that
    /// GET, and sent on as the POST with the override that it is.
    FormPostAsGet,
}

/// A word that must not stand in the value of a query member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeniedValue {
    /// The query member's name, in lower case.
    pub member: &'static str,
    /// The word, in lower case.
    pub word: &'static str,
    /// Why, in words for an operator.
    pub reason: &'static str,
}

impl DeniedValue {
    pub(crate) const fn new(member: &'static str, word: &'static str, reason: &'static str) -> Self {
        Self { member, word, reason }
    }

    /// Whether the raw value of that member holds the word: at any place, in any ASCII case, percent-encoded or not, and also
    /// with escapes of JSON.
    #[must_use]
    pub fn is_in(&self, value: &[u8]) -> bool {
        let mut text = without_escapes(&percent_encoding::percent_decode(value).collect::<Vec<u8>>());
        text.make_ascii_lowercase();
        text.windows(self.word.len()).any(|part| part == self.word.as_bytes())
    }
}

/// The text with each `\u00XX` of JSON as its byte.
fn without_escapes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        let code = match rest {
            [b'\\', b'u', b'0', b'0', high, low, ..] => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        out.push(code.unwrap_or(byte));
        rest = if code.is_some() { rest.get(6..).unwrap_or_default() } else { behind };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_from_the_inside_out() {
        const NEXT: LinkMember = LinkMember::paging(&[MemberName::Is("paging"), MemberName::Is("next")]);
        assert!(NEXT.matches([Some("next"), Some("paging")]));
        // In an item of a list, and below an id.
        assert!(NEXT.matches([Some("next"), Some("paging"), Some("photos"), None, Some("data")]));
        assert!(NEXT.matches([Some("next"), Some("paging"), Some("10158")]));
        assert!(!NEXT.matches([Some("next")]));
        assert!(!NEXT.matches([Some("next"), None, Some("paging")]));
        assert!(!NEXT.matches([Some("previous"), Some("paging")]));
        assert!(!NEXT.matches([]));
    }

    #[test]
    fn a_pointer_means_one_place() {
        let link = LinkMember::at_pointer("/meta/next~1url");
        assert!(link.matches([Some("next/url"), Some("meta")]));
        assert!(!link.matches([Some("next/url"), Some("meta"), Some("data")]));
        assert!(!link.matches([Some("next/url"), Some("meta"), None]));
    }

    #[test]
    fn denied_values_are_found_in_every_spelling() {
        let denied = DeniedValue::new("fields", "access_token", "x");
        for value in [
            "id,access_token",
            "accounts%7Baccess%5Ftoken%7D",
            "access_token.as(x)",
            "ACCESS_TOKEN",
            "[\"access\\u005ftoken\"]",
            "%5B%22acc%5Cu0065ss_token%22%5D",
        ] {
            assert!(denied.is_in(value.as_bytes()), "{value}");
        }
        for value in ["id", "", "access_tokem", "access\\u00", "access\\u015ftoken"] {
            assert!(!denied.is_in(value.as_bytes()), "{value}");
        }
    }
}
