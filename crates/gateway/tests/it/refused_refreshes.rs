//! What token endpoints say of a refresh, and what the caller gets: the causes of `docs/operations/causes.md`, as the sandbox
//! plays them.

use std::fmt::Write as _;

use sandbox::{Fault, ProviderKind, Sandbox, Server};

use crate::harness::{BEN, Rig};

/// A provider whose tokens the gateway refreshes.
struct Place {
    name: &'static str,
    kind: ProviderKind,
    server: Server,
    connection: &'static str,
    token_path: &'static str,
    call: &'static str,
}

const GOOGLE: Place = Place {
    name: "google",
    kind: ProviderKind::Google,
    server: Server::Google,
    connection: "google-oauth2",
    token_path: "/token",
    call: "/proxy/google/drive/v3/files",
};
const BITBUCKET: Place = Place {
    name: "bitbucket",
    kind: ProviderKind::Bitbucket,
    server: Server::Bitbucket,
    connection: "bitbucket",
    token_path: "/site/oauth2",
    call: "/proxy/bitbucket/2.0/user",
};
const MICROSOFT: Place = Place {
    name: "microsoft",
    kind: ProviderKind::Microsoft,
    server: Server::Microsoft,
    connection: "windowslive",
    token_path: "/common/oauth2",
    call: "/proxy/microsoft/v1.0/me",
};

const RECONNECT: (u16, &str) = (403, "reconnect-required");
const MISCONFIGURED: (u16, &str) = (502, "provider-misconfigured");
const LIMITED: (u16, &str) = (429, "provider-rate-limited");
const FAILED: (u16, &str) = (502, "provider-error");

/// What is said, and whom it concerns.
const ROWS: &[(&Place, &str, (u16, &str))] = &[
    (&GOOGLE, "grant-dead", RECONNECT),
    (&GOOGLE, "session-control", RECONNECT),
    (&GOOGLE, "unauthorized-client", RECONNECT),
    (&GOOGLE, "client-unknown", MISCONFIGURED),
    (&GOOGLE, "client-secret", MISCONFIGURED),
    (&BITBUCKET, "grant-as-request", RECONNECT),
    (&MICROSOFT, "aadsts-50173", RECONNECT),
    (&MICROSOFT, "aadsts-53003", RECONNECT),
    (&MICROSOFT, "aadsts-65001", RECONNECT),
    (&MICROSOFT, "aadsts-700007", RECONNECT),
    (&MICROSOFT, "aadsts-700082", RECONNECT),
    (&MICROSOFT, "aadsts-50194", MISCONFIGURED),
    (&MICROSOFT, "aadsts-90002", MISCONFIGURED),
    (&MICROSOFT, "aadsts-7000215", MISCONFIGURED),
    (&MICROSOFT, "aadsts-50196", LIMITED),
    (&MICROSOFT, "aadsts-50087", FAILED),
    (&MICROSOFT, "aadsts-90033", FAILED),
];

fn entry(sandbox: &Sandbox, place: &Place) -> String {
    let (client, secret) = sandbox.provider_client(place.kind);
    let (base, token) = (sandbox.provider_url(place.kind), sandbox.provider_token_url(place.kind));
    let mut toml = format!("[providers.{}]\nbase_url = \"{base}\"\ntoken_url = \"{token}\"\n", place.name);
    writeln!(toml, "client_id = \"{client}\"\nclient_secret = \"{secret}\"\nallow_rotation_in_memory = true")
        .unwrap();
    toml
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_of_a_refresh_reaches_the_one_who_can_act() {
    for (place, said, told) in ROWS {
        let rig = Rig::with(Sandbox::builder(), |sandbox| entry(sandbox, place)).await;
        assert!(rig.sandbox.world().expire(BEN, place.connection));
        rig.sandbox.faults().add(Fault::on(place.server).path(place.token_path).trouble(said));
        for call in 1..=2 {
            let answer = rig.get(place.call, BEN).await;
            assert_eq!(answer.outcome(), (told.0, told.1.to_owned()), "{said}, call {call}");
            assert!(*told != LIMITED || answer.headers.contains_key("retry-after"), "{said}");
            let connects = answer.json()["connect"]["connection"] == place.connection;
            assert_eq!(connects, *told == RECONNECT, "{said}");
        }
        // What only time lifts may be tried again after a second.
        let lasting = [RECONNECT, MISCONFIGURED].contains(told);
        let asked = rig.sandbox.journal().count_of(place.server, place.token_path);
        assert!(asked == 1 || !lasting, "{said}: the second call asked again");
        rig.finish();
    }
}
