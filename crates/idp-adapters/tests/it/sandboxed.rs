//! The sandbox as a second opinion: written from the same facts by other hands.

use std::fmt::Debug;

use idp_adapters::{
    BearerToken,
    client::{Bitbucket, Builder, Client, Facebook, GitHub, Google, Listing, Microsoft, github::Contents},
};
use sandbox::{ProviderKind, Sandbox};
use serde::de::DeserializeOwned;

const BEN: &str = "google-oauth2|100000000000000000002";

/// A client of one of the sandbox's providers for Ben.
fn client<C: Client>(
    sandbox: &Sandbox,
    (kind, connection): (ProviderKind, &str),
    builder: fn(BearerToken) -> Builder<C>,
) -> C {
    let idp_token = sandbox.world().access_token(BEN, connection).unwrap();
    builder(BearerToken::new(idp_token).unwrap()).base_url(sandbox.provider_url(kind)).build().unwrap()
}

/// The list in pages of two and in one piece must be the same.
async fn pages<T: DeserializeOwned + Debug + Send + 'static>(listing: Listing<T>) -> Vec<T> {
    let small = listing.clone().page_size(2).all(usize::MAX).await.unwrap();
    let large = listing.page_size(100).all(usize::MAX).await.unwrap();
    assert!(!small.is_empty());
    assert_eq!(small.len(), large.len(), "{small:?}");
    small
}

#[tokio::test]
async fn github() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let github = client(&sandbox, (ProviderKind::GitHub, "github"), GitHub::builder);
    let login = github.profile().await.unwrap().preferred_username.unwrap();
    let all = pages(github.repositories()).await;
    assert!(all.iter().all(|repository| repository.owner.as_ref().unwrap().login == login));
    assert_eq!(pages(github.issues(&login, "atlas")).await.len(), 5);
    let Contents::File(file) = github.contents(&login, "atlas", "docs/guide.md").await.unwrap() else {
        panic!("a file");
    };
    assert!(file.bytes().unwrap().starts_with(b"# Guide"));
    assert!(matches!(github.contents(&login, "atlas", "").await.unwrap(), Contents::Folder(_)));
    assert!(github.repository(&login, "nothing").await.unwrap_err().is_not_found());
    assert!(sandbox.world().revoke(BEN, "github"));
    assert!(github.profile().await.unwrap_err().is_token_dead());
}

#[tokio::test]
async fn google() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let google = client(&sandbox, (ProviderKind::Google, "google-oauth2"), Google::builder);
    assert_eq!(google.profile().await.unwrap().sub, "100000000000000000002");
    pages(google.calendars()).await;
    let events = pages(google.events("primary")).await;
    assert_eq!(google.event("primary", &events[0].id).await.unwrap().id, events[0].id);
    let files = pages(google.files()).await;
    assert!(files.iter().all(|file| file.name.is_some() && file.mime_type.is_some()));
    assert_eq!(google.file(&files[0].id).await.unwrap().name, files[0].name);
    assert!(pages(google.contacts()).await.iter().all(|contact| !contact.names.is_empty()));
    assert!(sandbox.world().set_scopes(BEN, "google-oauth2", &["openid"]));
    let error = google.files().page().await.unwrap_err();
    assert!(error.is_scope_missing() && !error.missing_scopes().is_empty(), "{error}");
    assert!(sandbox.world().revoke(BEN, "google-oauth2"));
    assert!(google.profile().await.unwrap_err().is_token_dead());
    assert!(google.files().page().await.unwrap_err().is_token_dead());
}

#[tokio::test]
async fn facebook() {
    let sandbox = Sandbox::builder().require_appsecret_proof(true).start().await.unwrap();
    let secret = sandbox.provider_client(ProviderKind::Facebook).1;
    let without = client(&sandbox, (ProviderKind::Facebook, "facebook"), Facebook::builder);
    without.profile().await.unwrap_err();
    let facebook =
        Facebook::builder(BearerToken::new(sandbox.world().access_token(BEN, "facebook").unwrap()).unwrap())
            .base_url(sandbox.provider_url(ProviderKind::Facebook))
            .app_secret(secret.into())
            .build()
            .unwrap();
    assert_eq!(facebook.profile().await.unwrap().sub, "10158000000000002");
    let granted = facebook.permissions().all(100).await.unwrap();
    assert!(granted.iter().any(|permission| permission.is_granted() && permission.permission == "email"));
    pages(facebook.photos()).await;
    assert!(sandbox.world().expire(BEN, "facebook"));
    assert!(facebook.photos().page().await.unwrap_err().is_token_dead());
}

#[tokio::test]
async fn bitbucket() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let bitbucket = client(&sandbox, (ProviderKind::Bitbucket, "bitbucket"), Bitbucket::builder);
    assert!(bitbucket.profile().await.unwrap().sub.starts_with("{6f1c9b0e"));
    let workspaces = bitbucket.workspaces().all(10).await.unwrap();
    let slug = &workspaces[0].slug;
    let repositories = pages(bitbucket.repositories(workspaces[0].uuid.as_ref().unwrap())).await;
    let name = repositories[0].slug.as_ref().unwrap();
    assert_eq!(bitbucket.repository(slug, name).await.unwrap().main_branch(), Some("main"));
    let open = pages(bitbucket.pull_requests(slug, name)).await;
    let one = bitbucket.pull_request(slug, name, open[0].id).await.unwrap();
    assert_eq!((&one.title, one.html_url().is_some()), (&open[0].title, true));
    assert!(sandbox.world().set_scopes(BEN, "bitbucket", &["account"]));
    let error = bitbucket.pull_requests(slug, name).page().await.unwrap_err();
    assert!(error.connection_scope().unwrap().starts_with("account,"), "{error}");
}

#[tokio::test]
async fn microsoft() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let microsoft = client(&sandbox, (ProviderKind::Microsoft, "windowslive"), Microsoft::builder);
    assert!(microsoft.profile().await.unwrap().sub.starts_with("48d31887"));
    let messages = pages(microsoft.messages()).await;
    assert_eq!(microsoft.message(&messages[0].id).await.unwrap().subject, messages[0].subject);
    pages(microsoft.events()).await;
    let items = pages(microsoft.drive_children()).await;
    assert!(items.iter().any(|item| item.is_folder() || item.mime_type().is_some()));
    assert!(sandbox.world().revoke(BEN, "windowslive"));
    assert!(microsoft.messages().page().await.unwrap_err().is_token_dead());
}
