//! What Bitbucket answers, as far as this client reads it.

use serde::Deserialize;

use crate::client::lenient;

/// Pages about a thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Links {
    html: Option<Href>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Href {
    href: Option<String>,
}

impl Links {
    fn html(&self) -> Option<&str> {
        self.html.as_ref()?.href.as_deref()
    }
}

/// A user, team or app.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct User {
    /// The id that stays, braces included; absent for accounts that are gone.
    pub uuid: Option<String>,
    /// The Atlassian account.
    pub account_id: Option<String>,
    /// The name.
    pub display_name: Option<String>,
    /// The short name. Not an identifier: users change it.
    pub nickname: Option<String>,
}

/// A workspace the user belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Membership")]
#[non_exhaustive]
pub struct Workspace {
    /// The name in URLs.
    pub slug: String,
    /// The id that stays, braces included.
    pub uuid: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// Whether the user administers it, where the provider says so.
    pub administrator: Option<bool>,
}

/// The workspace itself, or inside the user's membership of it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Membership {
    In { workspace: Plain, administrator: Option<bool> },
    Plain(Plain),
}

#[derive(Deserialize)]
struct Plain {
    slug: String,
    uuid: Option<String>,
    name: Option<String>,
}

impl From<Membership> for Workspace {
    fn from(membership: Membership) -> Self {
        let (Plain { slug, uuid, name }, administrator) = match membership {
            Membership::In { workspace, administrator } => (workspace, administrator),
            Membership::Plain(workspace) => (workspace, None),
        };
        Self { slug, uuid, name, administrator }
    }
}

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Repository {
    /// The id that stays, braces included.
    pub uuid: Option<String>,
    /// `workspace/slug`.
    pub full_name: String,
    /// The name.
    pub name: Option<String>,
    /// The name in URLs.
    pub slug: Option<String>,
    /// Whether only invited people see it.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub is_private: bool,
    /// What it is about.
    pub description: Option<String>,
    /// The language most of it is written in.
    pub language: Option<String>,
    /// Bytes.
    #[serde(default, deserialize_with = "lenient::count")]
    pub size: Option<u64>,
    /// Whom it belongs to.
    pub owner: Option<User>,
    /// When it was made.
    pub created_on: Option<String>,
    /// When it last changed.
    pub updated_on: Option<String>,
    mainbranch: Option<Named>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    links: Links,
}

impl Repository {
    /// The branch one sees first; an empty repository has none.
    #[must_use]
    pub fn main_branch(&self) -> Option<&str> {
        self.mainbranch.as_ref()?.name.as_deref()
    }

    /// The page for people.
    #[must_use]
    pub fn html_url(&self) -> Option<&str> {
        self.links.html()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Named {
    name: Option<String>,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct PullRequest {
    /// The number within the repository.
    pub id: u64,
    /// What it is about.
    pub title: String,
    /// The text.
    pub description: Option<String>,
    /// `OPEN`, `MERGED`, `DECLINED`, `SUPERSEDED`.
    pub state: Option<String>,
    /// Who opened it; absent for accounts that are gone.
    pub author: Option<User>,
    /// What is to be merged.
    pub source: Option<PullRequestSide>,
    /// Where to.
    pub destination: Option<PullRequestSide>,
    /// How many comments it has.
    #[serde(default, deserialize_with = "lenient::count")]
    pub comment_count: Option<u64>,
    /// How many tasks are left.
    #[serde(default, deserialize_with = "lenient::count")]
    pub task_count: Option<u64>,
    /// When it was opened.
    pub created_on: Option<String>,
    /// When it last changed.
    pub updated_on: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    links: Links,
}

impl PullRequest {
    /// The page for people.
    #[must_use]
    pub fn html_url(&self) -> Option<&str> {
        self.links.html()
    }
}

/// One side of a pull request. Branch and repository are missing if they were deleted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Side")]
#[non_exhaustive]
pub struct PullRequestSide {
    /// The branch.
    pub branch: Option<String>,
    /// `workspace/slug` of the repository.
    pub repository: Option<String>,
    /// The commit's hash.
    pub commit: Option<String>,
}

#[derive(Deserialize)]
struct Side {
    branch: Option<Named>,
    repository: Option<FullName>,
    commit: Option<Hash>,
}

#[derive(Deserialize)]
struct FullName {
    full_name: Option<String>,
}

#[derive(Deserialize)]
struct Hash {
    hash: Option<String>,
}

impl From<Side> for PullRequestSide {
    fn from(side: Side) -> Self {
        Self {
            branch: side.branch.and_then(|branch| branch.name),
            repository: side.repository.and_then(|repository| repository.full_name),
            commit: side.commit.and_then(|commit| commit.hash),
        }
    }
}
