//! Pages through the open pull requests of a user's Bitbucket repositories. The provider is a sandbox on loopback;
//! without the base URL it is bitbucket.org.

use idp_adapters::{BearerToken, client::Bitbucket};
use sandbox::{ProviderKind, Sandbox};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "what the example is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::builder().start().await?;
    let idp_token = sandbox.world().access_token("google-oauth2|100000000000000000002", "bitbucket");
    let bitbucket = Bitbucket::builder(BearerToken::new(idp_token.ok_or("no token")?)?)
        .base_url(sandbox.provider_url(ProviderKind::Bitbucket))
        .build()?;

    for workspace in bitbucket.workspaces().all(10).await? {
        let mut repositories = bitbucket.repositories(&workspace.slug).param("role", "member").items();
        while let Some(repository) = repositories.try_next().await? {
            let name = repository.slug.unwrap_or_default();
            let mut listing = bitbucket.pull_requests(&workspace.slug, &name).page_size(5);
            loop {
                let page = listing.page().await?;
                for pull_request in page.items {
                    println!("{} #{} {}", repository.full_name, pull_request.id, pull_request.title);
                }
                let Some(next) = page.next else { break };
                listing = listing.after(next);
            }
        }
    }
    Ok(())
}
