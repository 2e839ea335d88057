//! Tickets over time and over changes of the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use caller_auth::{Algorithm, MemoryReplays};
use idp_adapters::Kind;
use mgmt_auth::{ClientAuth, ClientCredentials, SecretSource, Tenant};
use token_broker::{GrantStore, MemoryStore};
use url::Url;

use super::refusal::Refusal;
use super::{Ask, ConnectParts, HostedConnect, Offer};
use crate::fleet::Fleet;

fn hosted(store: &Arc<dyn GrantStore>, providers: &[(&str, &[&str])]) -> HostedConnect {
    let credentials =
        || ClientCredentials::new("app", ClientAuth::SecretPost(SecretSource::Inline("secret".into())));
    let tenant = Tenant::builder("acme.test")
        .base_url(Url::parse("http://127.0.0.1:9").unwrap())
        .credentials(credentials())
        .build()
        .unwrap();
    let offer = |names: &[&str]| Offer {
        connections: names.iter().map(|name| (*name).to_owned()).collect(),
        kind: Kind::GitHub,
        vault: false,
    };
    HostedConnect::new(ConnectParts {
        public_url: Url::parse("https://acme.example/idp/").unwrap(),
        issuer: "http://127.0.0.1:9/".to_owned(),
        domain: "acme.test".to_owned(),
        sign_in: tenant.clone(),
        credentials: credentials(),
        exchange: None,
        algorithms: vec![Algorithm::Rs256],
        keys: Arc::new(tenant),
        my_account_audience: "https://acme.test/me/".to_owned(),
        ticket_ttl: Duration::from_secs(600),
        return_to: Vec::new(),
        providers: providers
            .iter()
            .map(|(name, connections)| ((*name).to_owned(), offer(connections)))
            .collect::<BTreeMap<_, _>>(),
        store: Arc::clone(store),
        replays: Arc::new(MemoryReplays::new(16)),
        fleet: Arc::new(Fleet::alone()),
        connect_timeout: Duration::from_secs(1),
        forms: crate::body::BodyReader::of_forms(8, Duration::from_secs(1)),
    })
    .unwrap()
}

fn ask<'a>(scopes: Vec<String>) -> Ask<'a> {
    Ask {
        user: "auth0|1",
        client: Some("spa"),
        organization: None,
        provider: "github",
        connection: None,
        account: None,
        vault: None,
        scopes,
        return_to: None,
    }
}

fn ticket_of(url: &str) -> String {
    let url = Url::parse(url).unwrap();
    assert_eq!(url.path(), "/idp/connect/github");
    url.query_pairs().find(|(name, _)| name == "ticket").unwrap().1.into_owned()
}

#[test]
fn tm_h02_a_ticket_ends_with_its_time() {
    let store: Arc<dyn GrantStore> = Arc::new(MemoryStore::new().unwrap());
    let hosted = hosted(&store, &[("github", &["github"])]);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let link = hosted.link(&ask(Vec::new()), now).unwrap();
    assert_eq!(link.expires, now + Duration::from_secs(600));
    let ticket = ticket_of(&link.url);
    let at = |seconds| hosted.ticket(&ticket, "github", now + Duration::from_secs(seconds));
    assert_eq!(at(599).unwrap().user, "auth0|1");
    for late in [600, 601, 86_400] {
        assert_eq!(at(late).unwrap_err().0, Refusal::Expired);
    }
    // That it was used is remembered longer.
    assert!(HostedConnect::remember_for(1_800_000_600, now) > Duration::from_secs(600));
}

#[test]
fn a_link_outlives_no_change_of_its_provider() {
    let store: Arc<dyn GrantStore> = Arc::new(MemoryStore::new().unwrap());
    let now = SystemTime::now();
    let before = hosted(&store, &[("github", &["github", "github-work"])]);
    let work = Ask { connection: Some("github-work"), ..ask(Vec::new()) };
    let ticket = ticket_of(&before.link(&work, now).unwrap().url);
    assert!(before.ticket(&ticket, "github", now).is_ok());
    for after in [
        hosted(&store, &[("hub", &["github", "github-work"])]),
        hosted(&store, &[("github", &["github"])]),
        hosted(&store, &[]),
    ] {
        assert_eq!(after.ticket(&ticket, "github", now).unwrap_err().0, Refusal::Unknown);
        assert_eq!(after.ticket(&ticket, "hub", now).unwrap_err().0, Refusal::Forged);
    }
    let other = Ask { connection: Some("google-oauth2"), ..ask(Vec::new()) };
    assert!(before.link(&other, now).is_err());
}

#[test]
fn the_longest_ticket_still_fits_into_a_state() {
    let store: Arc<dyn GrantStore> = Arc::new(MemoryStore::new().unwrap());
    let hosted = hosted(&store, &[("github", &["github"])]);
    let scopes: Vec<String> = (0..8).map(|number| format!("{number}{}", "s".repeat(140))).collect();
    let link = hosted.link(&ask(scopes), SystemTime::now()).unwrap();
    let ticket = hosted.ticket(&ticket_of(&link.url), "github", SystemTime::now()).unwrap();
    let leg = super::ticket::Leg::Complete {
        silent: true,
        session: "s".repeat(64),
        code: "c".repeat(46),
        verifier: "v".repeat(43),
    };
    let sent = hosted.send("r-1", &ticket, "b".repeat(43), leg);
    assert!(sent.response.unwrap().status().is_redirection());
}
