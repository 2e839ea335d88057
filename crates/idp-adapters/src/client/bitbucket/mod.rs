//! Bitbucket Cloud: workspaces, repositories, pull requests.

mod model;

use super::{
    Call, Listing,
    builder::typed_client,
    listing::{Next, Style},
    profile,
    request::Request,
};
use crate::{Kind, Profile};

pub use self::model::{PullRequest, PullRequestSide, Repository, User, Workspace};

const HOST: &str = "api.bitbucket.org";
const V2: &str = "2.0";

const fn pages(max: u32) -> Style {
    let next = Next::Url { pointer: "/next", without: &["access_token"] };
    Style { size: "pagelen", max, items: "values", absent_is_empty: false, next }
}

static PAGES: Style = pages(100);
static PULL_REQUESTS: Style = pages(50);

typed_client!(
    /// Bitbucket Cloud's REST API 2.0, without the endpoints that were removed in 2026.
    ///
    /// ```no_run
    /// # async fn f(token: idp_adapters::BearerToken) -> Result<(), idp_adapters::client::Error> {
    /// use idp_adapters::client::Bitbucket;
    ///
    /// let bitbucket = Bitbucket::new(token)?;
    /// for repository in bitbucket.repositories("acme").all(500).await? {
    ///     println!("{}", repository.full_name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    Bitbucket,
    Kind::Bitbucket
);

impl Bitbucket {
    /// The user's profile. Scope `account`.
    pub fn profile(&self) -> Call<Profile> {
        profile(&self.api, Request::get(HOST, &[V2, "user"]))
    }

    /// The workspaces the user belongs to. Scope `account`.
    pub fn workspaces(&self) -> Listing<Workspace> {
        Listing::new(&self.api, Request::get(HOST, &[V2, "user", "workspaces"]), &PAGES)
    }

    /// The repositories of a workspace (slug, or uuid with its braces). Scope `repository`. Parameters: `role`,
    /// `q`, `sort`.
    pub fn repositories(&self, workspace: &str) -> Listing<Repository> {
        Listing::new(&self.api, Request::get(HOST, &[V2, "repositories", workspace]), &PAGES)
    }

    /// One repository. Scope `repository`.
    pub fn repository(&self, workspace: &str, repository: &str) -> Call<Repository> {
        Call::json(&self.api, Request::get(HOST, &[V2, "repositories", workspace, repository]))
    }

    /// The pull requests of a repository; the open ones unless the parameter `state` says otherwise. Scope
    /// `pullrequest`.
    pub fn pull_requests(&self, workspace: &str, repository: &str) -> Listing<PullRequest> {
        let request = Request::get(HOST, &[V2, "repositories", workspace, repository, "pullrequests"]);
        Listing::new(&self.api, request, &PULL_REQUESTS)
    }

    /// One pull request. Scope `pullrequest`.
    pub fn pull_request(&self, workspace: &str, repository: &str, id: u64) -> Call<PullRequest> {
        let id = id.to_string();
        let request = Request::get(HOST, &[V2, "repositories", workspace, repository, "pullrequests", &id]);
        Call::json(&self.api, request)
    }
}
