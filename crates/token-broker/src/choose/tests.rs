use std::time::SystemTime;

use idp_adapters::Kind;
use serde_json::{Value, json};
use user_store::User;

use super::*;

fn user(identities: Value) -> User {
    let body = json!({ "user_id": "auth0|u", "identities": identities }).to_string();
    User::from_json(body.as_bytes(), "auth0|u", SystemTime::UNIX_EPOCH).unwrap()
}

fn identity(provider: &str, connection: &str, id: &str, token: Option<&str>) -> Value {
    json!({ "provider": provider, "connection": connection, "user_id": id, "access_token": token })
}

fn chosen(user: &User, provider: &Provider, selector: Option<&str>) -> String {
    let selector: Option<AccountSelector> = selector.map(|text| text.parse().unwrap());
    match choose(user, provider, selector.as_ref()) {
        Choice::One(identity) => account(identity).to_string(),
        Choice::Ambiguous(accounts) => {
            accounts.iter().map(Account::to_string).collect::<Vec<_>>().join(" or ")
        }
        Choice::None => "none".into(),
    }
}

fn provider(kind: Kind, connections: &[&str]) -> Provider {
    let connections = connections.iter().map(|name| (*name).to_owned()).collect();
    Provider { connections, ..Provider::new("p", idp_adapters::shared(kind)) }
}

#[test]
fn tm_c02_the_place_in_the_list_decides_nothing() {
    let linked = user(json!([
        identity("google-oauth2", "google-oauth2", "1", Some("g")),
        identity("github", "github", "2", Some("h")),
        identity("waad", "acme-entra", "3", Some("m")),
    ]));
    assert_eq!(chosen(&linked, &provider(Kind::GitHub, &["github"]), None), "github|2");
    assert_eq!(chosen(&linked, &provider(Kind::Microsoft, &["windowslive", "waad"]), None), "acme-entra|3");
    assert_eq!(chosen(&linked, &provider(Kind::Microsoft, &["acme-entra"]), None), "acme-entra|3");
    assert_eq!(chosen(&linked, &provider(Kind::Bitbucket, &["bitbucket"]), None), "none");
    // The generic adapter goes by connection alone.
    assert_eq!(chosen(&linked, &provider(Kind::OAuth2, &["waad"]), None), "none");
    assert_eq!(chosen(&linked, &provider(Kind::OAuth2, &["acme-entra"]), None), "acme-entra|3");
}

#[test]
fn tm_c02_several_are_ambiguous_unless_named() {
    let two = user(json!([
        identity("github", "github", "1", Some("a")),
        identity("github", "github", "2", Some("b")),
        identity("google-oauth2", "google-oauth2", "1", Some("g")),
    ]));
    let github = provider(Kind::GitHub, &["github"]);
    assert_eq!(chosen(&two, &github, None), "github|1 or github|2");
    assert_eq!(chosen(&two, &github, Some("github")), "github|1 or github|2");
    assert_eq!(chosen(&two, &github, Some("github|2")), "github|2");
    assert_eq!(chosen(&two, &github, Some("github|3")), "none");
    assert_eq!(chosen(&two, &github, Some("google-oauth2|1")), "none", "another provider's account");
}

#[test]
fn an_account_without_a_token_steps_back() {
    let two =
        user(json!([identity("github", "github", "1", None), identity("github", "github", "2", Some("b"))]));
    let github = provider(Kind::GitHub, &["github"]);
    assert_eq!(chosen(&two, &github, None), "github|2");
    assert_eq!(chosen(&two, &github, Some("github|1")), "github|1");
}

#[test]
fn tm_c09_an_identity_whose_connection_another_provider_names_belongs_to_that_one_alone() {
    let linked = user(json!([
        identity("waad", "acme-entra", "3", Some("m")),
        identity("waad", "acme-sharepoint", "3", Some("s")),
    ]));
    let mut microsoft = provider(Kind::Microsoft, &["windowslive", "waad"]);
    microsoft.settle(std::sync::Arc::new(["acme-sharepoint".to_owned()].into()));
    let mut sharepoint = provider(Kind::OAuth2, &["acme-sharepoint"]);
    sharepoint.settle(std::sync::Arc::new(["windowslive".to_owned(), "waad".to_owned()].into()));
    assert_eq!(chosen(&linked, &microsoft, None), "acme-entra|3");
    assert_eq!(chosen(&linked, &sharepoint, None), "acme-sharepoint|3");
    assert_eq!(chosen(&linked, &microsoft, Some("acme-sharepoint|3")), "none");
}
