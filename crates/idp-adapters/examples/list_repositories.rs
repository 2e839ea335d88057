//! Prints a user's repositories: `list_repositories BASE_URL TOKEN`, or without arguments those of a sandbox.

use idp_adapters::{BearerToken, client::GitHub};
use sandbox::{ProviderKind, Sandbox};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "what the example is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::builder().start().await?;
    let idp_token = sandbox.world().access_token("google-oauth2|100000000000000000002", "github");
    let mut given = std::env::args().skip(1);
    let url = given.next().unwrap_or(sandbox.provider_url(ProviderKind::GitHub).into());
    let token = BearerToken::new(given.next().or(idp_token).ok_or("no token")?)?;

    let github = GitHub::builder(token).base_url(url.parse()?).build()?;
    let mut repositories = github.repositories().param("sort", "full_name").items();
    while let Some(repository) = repositories.try_next().await? {
        println!("{}", repository.full_name);
    }
    Ok(())
}
