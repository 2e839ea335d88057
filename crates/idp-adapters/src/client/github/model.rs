//! What GitHub answers, as far as this client reads it. Times are RFC 3339 text.

use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::lenient;

/// A user, organization or app.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Account {
    /// The number that stays when the name changes.
    pub id: u64,
    /// The name in URLs.
    pub login: String,
    /// `User`, `Organization`, `Bot`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The page for people.
    pub html_url: Option<String>,
    /// The picture.
    pub avatar_url: Option<String>,
}

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Repository {
    /// The number that stays when the name changes.
    pub id: u64,
    /// The name without the owner's.
    pub name: String,
    /// `owner/name`.
    pub full_name: String,
    /// Whom it belongs to.
    #[serde(default, deserialize_with = "lenient::maybe")]
    pub owner: Option<Account>,
    /// Whether only invited people see it.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub private: bool,
    /// Whether it was made from another one.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub fork: bool,
    /// Whether it is read-only.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub archived: bool,
    /// What it is about.
    pub description: Option<String>,
    /// The language most of it is written in.
    pub language: Option<String>,
    /// The branch one sees first.
    pub default_branch: Option<String>,
    /// `public`, `private`, `internal`.
    pub visibility: Option<String>,
    /// The page for people.
    pub html_url: Option<String>,
    /// Where to clone it from, over HTTPS.
    pub clone_url: Option<String>,
    /// How many people starred it.
    #[serde(default, deserialize_with = "lenient::count")]
    pub stargazers_count: Option<u64>,
    /// When it was made.
    pub created_at: Option<String>,
    /// When it last changed.
    pub updated_at: Option<String>,
    /// Time of the last push.
    pub pushed_at: Option<String>,
}

/// An issue or pull request.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Issue {
    /// The number across all of GitHub.
    pub id: u64,
    /// The number within the repository.
    pub number: u64,
    /// What it is about.
    pub title: String,
    /// `open` or `closed`.
    pub state: Option<String>,
    /// The text, Markdown.
    pub body: Option<String>,
    /// Who opened it.
    #[serde(default, deserialize_with = "lenient::maybe")]
    pub user: Option<Account>,
    /// Its labels.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub labels: Vec<Label>,
    /// Whose job it is.
    #[serde(default, deserialize_with = "lenient::those_known")]
    pub assignees: Vec<Account>,
    /// How many comments it has.
    #[serde(default, deserialize_with = "lenient::count")]
    pub comments: Option<u64>,
    /// The page for people.
    pub html_url: Option<String>,
    /// When it was opened.
    pub created_at: Option<String>,
    /// When it last changed.
    pub updated_at: Option<String>,
    /// When it was closed.
    pub closed_at: Option<String>,
    pull_request: Option<Value>,
}

impl Issue {
    /// Whether this is a pull request: GitHub lists them among the issues.
    #[must_use]
    pub fn is_pull_request(&self) -> bool {
        self.pull_request.is_some()
    }
}

/// A label of an issue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Labelled")]
#[non_exhaustive]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Its colour, six hexadecimal digits.
    pub color: Option<String>,
}

/// Labels come as objects, and as plain names.
#[derive(Deserialize)]
#[serde(untagged)]
enum Labelled {
    Name(String),
    Object { name: Option<String>, color: Option<String> },
}

impl From<Labelled> for Label {
    fn from(label: Labelled) -> Self {
        match label {
            Labelled::Name(name) => Self { name, color: None },
            Labelled::Object { name, color } => Self { name: name.unwrap_or_default(), color },
        }
    }
}

/// An issue to be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NewIssue {
    /// What it is about.
    pub title: String,
    /// The text, Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Names of labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Logins of whom it is for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assignees: Vec<String>,
}

impl NewIssue {
    /// An issue with nothing but a title.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Adds the text.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>) -> Self {
        self.labels.push(name.into());
        self
    }
}

/// What a path of a repository holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Contents {
    /// The entries of a folder, without their bytes.
    Folder(Vec<Content>),
    /// A file, link or submodule.
    File(Box<Content>),
}

/// An entry of a repository.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Content {
    /// `file`, `dir`, `symlink`, `submodule`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The last part of the path.
    pub name: String,
    /// The path from the top of the repository.
    pub path: String,
    /// The object's hash.
    pub sha: Option<String>,
    /// Bytes.
    #[serde(default, deserialize_with = "lenient::count")]
    pub size: Option<u64>,
    /// The page for people.
    pub html_url: Option<String>,
    /// Where the bytes are; for private repositories a link that works without a token for a few minutes.
    #[serde(default, deserialize_with = "lenient::secret")]
    pub download_url: Option<SecretString>,
    encoding: Option<String>,
    content: Option<String>,
}

impl Content {
    /// The file's bytes, where the answer held them.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        if self.encoding.as_deref() != Some("base64") {
            return None;
        }
        let text: String = self.content.as_ref()?.split_ascii_whitespace().collect();
        BASE64_STANDARD.decode(text).ok()
    }
}
