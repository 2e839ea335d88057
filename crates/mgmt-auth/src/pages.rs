//! Lists of the Management API, page by page.

use std::marker::PhantomData;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Error, Priority, Tenant};

/// How a list of the Management API is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Paging {
    /// By page number (`page`, `per_page`). Auth0 gives 1,000 entries at most.
    Number,
    /// By checkpoint (`from`, `take`), where the endpoint has it. Without an end.
    Checkpoint,
}

/// Entries of one page.
const PAGE_SIZE: usize = 100;

/// A list, read page by page; see [`Tenant::list`].
#[derive(Debug)]
pub struct Pages<T> {
    tenant: Tenant,
    segments: Vec<String>,
    query: Vec<(String, String)>,
    priority: Priority,
    next: Option<Next>,
    entries: PhantomData<fn() -> T>,
}

#[derive(Debug)]
enum Next {
    Number(usize),
    Checkpoint(Option<String>),
}

impl Tenant {
    /// The list at `{base_url}/api/v2/{segments}`. Nothing is sent until [`Pages::next`].
    #[must_use]
    pub fn list<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
        paging: Paging,
        priority: Priority,
    ) -> Pages<T> {
        let next = Some(match paging {
            Paging::Number => Next::Number(0),
            Paging::Checkpoint => Next::Checkpoint(None),
        });
        let segments = segments.iter().map(|segment| (*segment).to_owned()).collect();
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Pages { tenant: self.clone(), segments, query, priority, next, entries: PhantomData }
    }
}

impl<T: DeserializeOwned> Pages<T> {
    /// The next page; `None` after the last one. After an error the same page can be read again.
    ///
    /// # Errors
    /// As [`Tenant::get`]; or an entry is no `T`.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, Error> {
        let Some(next) = &self.next else { return Ok(None) };
        let size = PAGE_SIZE.to_string();
        let position = match next {
            Next::Number(page) => vec![("page", page.to_string()), ("per_page", size)],
            Next::Checkpoint(None) => vec![("take", size)],
            Next::Checkpoint(Some(from)) => vec![("from", from.clone()), ("take", size)],
        };
        let segments: Vec<_> = self.segments.iter().map(String::as_str).collect();
        let query = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let query: Vec<_> =
            query.chain(position.iter().map(|(name, value)| (*name, value.as_str()))).collect();
        let page: Page = self.tenant.get(&segments, &query, self.priority).await?;
        let (entries, checkpoint) = page.into_parts();
        let read: Vec<T> = entries
            .into_iter()
            .map(serde_json::from_value)
            .collect::<Result<_, _>>()
            .map_err(|_| Error::tenant("an entry of the Management API's list cannot be read"))?;
        let full = read.len() >= PAGE_SIZE;
        self.next = match next {
            Next::Number(page) if full => Some(Next::Number(page + 1)),
            Next::Number(_) => None,
            // A checkpoint that repeats would lead to the same page for ever.
            Next::Checkpoint(last) => {
                checkpoint.filter(|from| last.as_ref() != Some(from)).map(|from| Next::Checkpoint(Some(from)))
            }
        };
        Ok(Some(read))
    }

    /// All entries, page after page.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn all(mut self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        while let Some(page) = self.next().await? {
            all.extend(page);
        }
        Ok(all)
    }
}

/// A bare array, or an object with one: `{ "users": [...], "next": "..." }`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Page {
    Bare(Vec<Value>),
    Object(serde_json::Map<String, Value>),
}

impl Page {
    fn into_parts(self) -> (Vec<Value>, Option<String>) {
        let mut members = match self {
            Self::Bare(entries) => return (entries, None),
            Self::Object(members) => members,
        };
        let next = match members.remove("next") {
            Some(Value::String(next)) if !next.is_empty() => Some(next),
            _ => None,
        };
        let entries = members.into_iter().find_map(|(_, value)| match value {
            Value::Array(entries) => Some(entries),
            _ => None,
        });
        (entries.unwrap_or_default(), next)
    }
}
