//! The right account of the right user, and the hosts of one provider.

use reqwest::Method;
use sandbox::{Identity, ProviderKind, Sandbox, Server, User, World};

use crate::harness::{Answer, BEN, Rig};

/// Two GitHub accounts, the second with a numeric id, and Google.
pub(crate) const DANA: &str = "google-oauth2|200";

pub(crate) fn dana() -> User {
    User::new(DANA)
        .named("Dana Silva", "dana@example.test")
        .identity(Identity::google("200", "dana"))
        .identity(Identity::github("901", "dana-work"))
        .identity(Identity::github("902", "dana-home").numeric(true))
}

fn linked() -> World {
    World::demo().with(dana())
}

async fn ask(rig: &Rig, account: Option<&str>) -> Answer {
    let request = rig.request(Method::GET, "/proxy/github/user", DANA);
    rig.send(match account {
        Some(account) => request.header("idp-account", account),
        None => request,
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_c02_an_ambiguous_account_is_refused_with_the_list_and_chosen_by_header() {
    let rig = Rig::over(Sandbox::builder().world(linked()), "", "").await;
    for ambiguous in [None, Some("github")] {
        let answer = ask(&rig, ambiguous).await;
        assert_eq!(answer.outcome(), (409, "account-ambiguous".into()));
        let body = answer.json();
        let mut accounts: Vec<_> =
            body["accounts"].as_array().unwrap().iter().map(|a| a["account"].as_str().unwrap()).collect();
        accounts.sort_unstable();
        assert_eq!(accounts, ["github|901", "github|902"]);
        assert_eq!(body["accounts"][0]["provider"], "github");
    }
    assert_eq!(
        rig.sandbox.journal().count_of(Server::GitHub, "/"),
        0,
        "nothing is called while it is unclear for whom"
    );
    for (account, login) in
        [("github|901", "dana-work"), ("github|902", "dana-home"), ("github%7C902", "dana-home")]
    {
        let answer = ask(&rig, Some(account)).await;
        if account.contains('%') {
            // Split first, then decoded: this names a connection called `github|902`.
            assert_eq!(answer.outcome(), (403, "account-not-connected".into()));
        } else {
            assert_eq!(answer.status, 200, "{account}");
            assert_eq!(answer.json()["login"], login);
        }
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_c01_another_users_account_is_never_used() {
    let rig = Rig::over(Sandbox::builder().world(linked()), "", "").await;
    for foreign in ["github|583232", "GITHUB|901", "google-oauth2|200", "bitbucket"] {
        let answer = ask(&rig, Some(foreign)).await;
        assert_eq!(answer.outcome(), (403, "account-not-connected".into()), "{foreign}");
        assert!(answer.json()["connect"]["connection"].is_string(), "{foreign}");
    }
    assert_eq!(rig.sandbox.journal().count_of(Server::GitHub, "/"), 0);
    let ben = rig.request(Method::GET, "/proxy/github/user", BEN).header("idp-account", "github|583232");
    assert_eq!(rig.send(ben).await.json()["login"], "ben");
    rig.finish();
}

fn google(sandbox: &Sandbox) -> String {
    let origin = sandbox.provider_url(ProviderKind::Google).origin().ascii_serialization();
    format!(
        r#"
[providers.google]
base_url = "{origin}"
[providers.google.upstreams]
"people.googleapis.com" = "{origin}"
[providers.google.hosts]
"people.gw.example.com" = "people.googleapis.com"
"www.gw.example.com" = "www.googleapis.com"
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_by_path_and_by_name_reach_the_same_api_and_no_other() {
    let rig = Rig::with(Sandbox::builder(), google).await;
    let by_path = rig.get("/proxy/google/~people.googleapis.com/v1/people/me?personFields=names", BEN).await;
    assert_eq!(by_path.outcome(), (200, "ok".into()), "{:?}", by_path.json());
    let named = |host: &'static str, path: &str| rig.request(Method::GET, path, BEN).header("host", host);
    let by_name = rig.send(named("People.GW.example.com:8443", "/v1/people/me?personFields=names")).await;
    assert_eq!(by_name.json(), by_path.json());
    let profile = rig.send(named("www.gw.example.com", "/oauth2/v3/userinfo")).await;
    assert_eq!(profile.outcome(), (200, "ok".into()));
    // On a virtual host every path is the provider's; ours do not exist there.
    for path in ["/v1/me", "/proxy/github/user", "/openapi.json", "/docs"] {
        let answer = rig.send(named("www.gw.example.com", path)).await;
        assert_eq!(answer.outcome(), (404, "provider-rejected".into()), "{path}");
    }
    for host in [
        "oauth2.googleapis.com",
        "sts.googleapis.com",
        "a.b.googleapis.com",
        "evil.example",
        "169.254.169.254",
        "localhost:1",
    ] {
        let answer = rig.get(&format!("/proxy/google/~{host}/x"), BEN).await;
        assert_eq!(answer.outcome(), (403, "host-not-allowed".into()), "{host}");
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn capability_urls_pass_or_are_dropped_as_configured() {
    for (setting, there) in [("pass", true), ("drop", false)] {
        let rig = Rig::with(Sandbox::builder(), |sandbox| {
            let base = sandbox.provider_url(ProviderKind::Microsoft);
            format!("[providers.microsoft]\nbase_url = \"{base}\"\ncapability_urls = \"{setting}\"\n")
        })
        .await;
        let children = rig.get("/proxy/microsoft/v1.0/me/drive/root/children", BEN).await.json();
        let id = children["value"].as_array().unwrap().iter().find(|item| item["file"].is_object()).unwrap()
            ["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let item = rig.get(&format!("/proxy/microsoft/v1.0/me/drive/items/{id}"), BEN).await;
        assert_eq!(item.status, 200);
        assert_eq!(
            item.json().get("@microsoft.graph.downloadUrl").is_some_and(|url| !url.is_null()),
            there,
            "{setting}: {}",
            item.json()
        );
        assert_eq!(item.json()["id"], id.as_str());
        rig.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_oauth2_api_is_called_by_its_connection_alone() {
    let rig = Rig::with(Sandbox::builder(), |sandbox| {
        let base = sandbox.provider_url(ProviderKind::OAuth2);
        format!("[providers.crm]\nadapter = \"oauth2\"\nconnections = [\"acme-crm\"]\nbase_url = \"{base}\"\naccess = \"full\"\n")
    })
    .await;
    let answer = rig.get("/proxy/crm/userinfo", BEN).await;
    assert_eq!(answer.outcome(), (200, "ok".into()), "{:?}", answer.json());
    let seen = rig.sandbox.journal().last(Server::OAuth2).unwrap();
    assert_eq!(seen.headers().get_all("authorization").iter().count(), 1);
    // Dana has accounts whose strategy is known to no connection of this entry.
    assert_eq!(
        rig.get("/proxy/crm/userinfo", crate::harness::ANA).await.outcome(),
        (403, "account-not-connected".into())
    );
    rig.finish();
}
