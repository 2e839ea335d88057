//! GitHub: users, repositories, issues, contents.

mod model;

use super::{
    Builder, Call, Listing,
    builder::typed_client,
    listing::{Next, Style},
    profile,
    request::Request,
};
use crate::{Kind, Profile};

pub use self::model::{Account, Content, Contents, Issue, Label, NewIssue, Repository};

const HOST: &str = "api.github.com";

static PAGES: Style =
    Style { size: "per_page", max: 100, items: "", absent_is_empty: false, next: Next::Link };

typed_client!(
    /// GitHub's REST API, GitHub Enterprise Server with its base URL `https://HOST/api/v3`.
    ///
    /// An unchanged answer to a conditional request ([`Call::if_changed`], [`Listing::if_changed`]) does not count
    /// against the hourly limit. The API version is `2022-11-28` unless [`Builder::api_version`] says otherwise; an
    /// Enterprise Server chooses its own.
    ///
    /// ```no_run
    /// # async fn f(token: idp_adapters::BearerToken) -> Result<(), idp_adapters::client::Error> {
    /// use idp_adapters::client::{GitHub, github::NewIssue};
    ///
    /// let github = GitHub::new(token)?;
    /// println!("{:?}", github.profile().await?.preferred_username);
    /// let issue = github.create_issue("acme", "atlas", &NewIssue::new("It does not start")).await?;
    /// println!("#{}", issue.number);
    /// # Ok(())
    /// # }
    /// ```
    GitHub,
    Kind::GitHub
);

impl Builder<GitHub> {
    /// The version of the API (`X-GitHub-Api-Version`); empty for none. Default: `2022-11-28`.
    #[must_use]
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = Some(version.into());
        self
    }
}

impl GitHub {
    /// The user's profile. No scope needed; the address only if it is public.
    pub fn profile(&self) -> Call<Profile> {
        profile(&self.api, Request::get(HOST, &["user"]))
    }

    /// The repositories the user can see: own ones, and those of others and of organizations shared with the user.
    /// Scope `repo` for private ones. Parameters: `visibility`, `affiliation`, `sort`, ...
    pub fn repositories(&self) -> Listing<Repository> {
        Listing::new(&self.api, Request::get(HOST, &["user", "repos"]), &PAGES)
    }

    /// One repository. Without the rights to see it, it is not found.
    pub fn repository(&self, owner: &str, name: &str) -> Call<Repository> {
        Call::json(&self.api, Request::get(HOST, &["repos", owner, name]))
    }

    /// The issues of a repository, pull requests among them ([`Issue::is_pull_request`]); the open ones unless the
    /// parameter `state` says otherwise.
    pub fn issues(&self, owner: &str, name: &str) -> Listing<Issue> {
        Listing::new(&self.api, Request::get(HOST, &["repos", owner, name, "issues"]), &PAGES)
    }

    /// One issue.
    pub fn issue(&self, owner: &str, name: &str, number: u64) -> Call<Issue> {
        Call::json(&self.api, Request::get(HOST, &["repos", owner, name, "issues", &number.to_string()]))
    }

    /// Opens an issue. Scope `public_repo`, or `repo` for private repositories.
    pub fn create_issue(&self, owner: &str, name: &str, issue: &NewIssue) -> Call<Issue> {
        Call::json(&self.api, Request::post(HOST, &["repos", owner, name, "issues"], issue))
    }

    /// A file, or the entries of a folder; `""` is the top folder. The parameter `ref` names a branch, tag or
    /// commit. Files of more than 1 MB come without their bytes.
    pub fn contents(&self, owner: &str, name: &str, path: &str) -> Call<Contents> {
        let mut segments = vec!["repos", owner, name, "contents"];
        let path = path.trim_matches('/');
        segments.extend(path.split('/').filter(|_| !path.is_empty()));
        Call::json(&self.api, Request::get(HOST, &segments))
    }
}
