//! Webhooks: one message for each change, signed, again until it is taken, and without any token.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::child::RunningGateway;
use crate::connect_support::{APP, Browser, link, start_over, tenant};
use crate::harness::{BEN, CLEO};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A message as the receiver got it.
#[derive(Debug)]
struct Message {
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

impl Message {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn assert_signed(&self) {
        let key = base64::engine::general_purpose::STANDARD.decode(&SECRET["whsec_".len()..]).unwrap();
        let signed = format!("{}.{}.{}", self.id, self.timestamp, self.body);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        let tag = base64::engine::general_purpose::STANDARD.encode(tag.as_ref());
        assert_eq!(self.signature, format!("v1,{tag}"));
    }
}

type Shared = Arc<(Mutex<Vec<u16>>, mpsc::UnboundedSender<Message>, &'static str)>;

async fn take(State(shared): State<Shared>, headers: HeaderMap, body: String) -> StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let message = Message {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body,
    };
    let unknown = !shared.2.is_empty() && message.body.contains(shared.2);
    let status = if unknown { 404 } else { shared.0.lock().unwrap().pop().unwrap_or(204) };
    shared.1.send(message).unwrap();
    StatusCode::from_u16(status).unwrap()
}

/// A receiver that answers with these statuses first, the last one first. Its address, and what it gets.
async fn receiver(first: &[u16]) -> (String, mpsc::UnboundedReceiver<Message>) {
    receiver_without("", first).await
}

/// The same, which does not know this user.
async fn receiver_without(user: &'static str, first: &[u16]) -> (String, mpsc::UnboundedReceiver<Message>) {
    let (send, receive) = mpsc::unbounded_channel();
    let shared: Shared = Arc::new((Mutex::new(first.to_vec()), send, user));
    let router = Router::new().fallback(take).with_state(shared);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, receive)
}

async fn next(messages: &mut mpsc::UnboundedReceiver<Message>) -> Message {
    let longest = std::time::Duration::from_secs(30);
    tokio::time::timeout(longest, messages.recv()).await.expect("a message in time").unwrap()
}

fn section(url: &str, secret: &tempfile::NamedTempFile, more: &str) -> String {
    format!("[[webhooks]]\nurl = \"{url}\"\nsecret_file = \"{}\"\n{more}", secret.path().display())
}

fn secret() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{SECRET}").unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h10_each_change_of_an_account_is_told_once_and_signed() {
    let (url, mut messages) = receiver(&[]).await;
    let secret = secret();
    let rig = start_over(tenant(), &section(&url, &secret, "")).await;
    for _ in 0..3 {
        assert_eq!(rig.get("/proxy/github/user", CLEO).await.outcome().1, "reconnect-required");
    }
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    let page = link(&rig, "github", CLEO, json!({ "return_to": APP })).await;
    assert_eq!(Browser::new(&rig).walk(&page, CLEO, "allow").await.result(), "ok");
    for _ in 0..2 {
        assert_eq!(rig.get("/proxy/github/user", CLEO).await.status, 200);
    }
    // The second time it changes nothing.
    for _ in 0..2 {
        let gone = rig.send(rig.request(Method::DELETE, "/v1/me/github", CLEO)).await;
        assert_eq!(gone.status, 200);
    }
    assert_eq!(rig.send(rig.request(Method::DELETE, "/v1/me/github", BEN)).await.status, 200);
    let mut told = Vec::new();
    for kind in ["reconnect_required", "connected", "recovered", "disconnected"] {
        let message = next(&mut messages).await;
        message.assert_signed();
        let json = message.json();
        assert_eq!(json["type"], format!("account.{kind}"));
        assert_eq!((&json["data"]["user_id"], &json["data"]["provider"]), (&json!(CLEO), &json!("github")));
        assert_eq!(json["data"]["connection"], "github");
        assert_eq!(json["data"]["request_id"].as_str().unwrap().len(), 32);
        rig.note(&HeaderMap::new(), message.body.as_bytes());
        told.push(message.id);
    }
    told.dedup();
    assert_eq!(told.len(), 4, "each has an id of its own");
    let last = next(&mut messages).await.json();
    assert_eq!((&last["type"], &last["data"]["user_id"]), (&json!("account.disconnected"), &json!(BEN)));
    assert!(messages.try_recv().is_err());
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h10_a_message_names_no_account_that_only_the_app_has_named() {
    let (url, mut messages) = receiver(&[]).await;
    let secret = secret();
    let only = "events = [\"account.connected\"]\n";
    let rig = start_over(tenant(), &section(&url, &secret, only)).await;
    let known = rig.get("/v1/me", CLEO).await.json();
    let own = known["accounts"].as_array().unwrap().iter().find(|account| account["provider"] == "github");
    let own = own.unwrap()["user_id"].as_str().unwrap().to_owned();
    for (named, told) in [("somebody-else", json!(null)), (&*own, json!(own))] {
        let body = json!({ "account": format!("github|{named}"), "return_to": APP });
        let page = link(&rig, "github", CLEO, body).await;
        assert_eq!(Browser::new(&rig).walk(&page, CLEO, "allow").await.result(), "ok");
        let message = next(&mut messages).await.json();
        assert_eq!(
            (&message["data"]["connection"], &message["data"]["provider_user_id"]),
            (&json!("github"), &told)
        );
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h10_each_account_that_one_request_disconnects_is_told_and_audited() {
    let (url, mut messages) = receiver(&[]).await;
    let (sandbox, secret) = (sandbox::Sandbox::builder().start().await.unwrap(), secret());
    let providers = format!(
        "[vault]\nclient_id = \"{}\"\nclient_secret = \"{}\"\n[providers.google]\nbase_url = \"{}\"\n\
         source = [\"vault\", \"identities\"]\n{}",
        sandbox::VAULT_CLIENT,
        sandbox.vault_client_secret(),
        sandbox.provider_url(sandbox::ProviderKind::Google),
        section(&url, &secret, ""),
    );
    let gateway = RunningGateway::over(&sandbox, "", &providers);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    // The second time it changes nothing, and has its lines in the audit log all the same.
    for count in [2, 4] {
        let gone = http.delete(gateway.url("/v1/me/google")).bearer_auth(sandbox.caller_token(BEN));
        assert_eq!(gone.send().await.unwrap().status(), 200);
        let lines = gateway.wait_audited("revoke", count);
        let accounts: Vec<&str> = lines.iter().map(|line| line["account"].as_str().unwrap()).collect();
        let both = ["google-oauth2", "google-oauth2|100000000000000000002"];
        assert_eq!(accounts, both.repeat(count / 2));
    }
    for id in [json!(null), json!("100000000000000000002")] {
        let message = next(&mut messages).await.json();
        assert_eq!(
            (&message["type"], &message["data"]["provider_user_id"]),
            (&json!("account.disconnected"), &id)
        );
    }
    let gone = http.delete(gateway.url("/v1/me/github")).bearer_auth(sandbox.caller_token(BEN));
    assert_eq!(gone.send().await.unwrap().status(), 200);
    assert_eq!(next(&mut messages).await.json()["data"]["provider"], "github");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_not_taken_comes_again_with_its_id() {
    let (url, mut messages) = receiver(&[503]).await;
    let secret = secret();
    let only = "events = [\"account.reconnect_required\"]\n";
    let rig = start_over(tenant(), &section(&url, &secret, only)).await;
    assert_eq!(rig.get("/proxy/github/user", CLEO).await.outcome().1, "reconnect-required");
    let first = next(&mut messages).await;
    let second = next(&mut messages).await;
    assert_eq!((&first.id, &first.body), (&second.id, &second.body));
    second.assert_signed();
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h11_a_message_that_is_refused_stops_no_others() {
    let (url, mut messages) = receiver_without(CLEO, &[]).await;
    let secret = secret();
    let rig = start_over(tenant(), &section(&url, &secret, "")).await;
    assert_eq!(rig.get("/proxy/github/user", CLEO).await.outcome().1, "reconnect-required");
    let refused = next(&mut messages).await.id;
    for user in [CLEO, BEN] {
        assert_eq!(rig.send(rig.request(Method::DELETE, "/v1/me/github", user)).await.status, 200);
    }
    // The other messages of the one user wait, so that they keep their order.
    loop {
        let message = next(&mut messages).await;
        if message.json()["data"]["user_id"] == BEN {
            break;
        }
        assert_eq!(message.id, refused);
    }
    rig.finish();
}

/// A process with one message that its receiver refused the first time; the id of the message.
async fn with_a_waiting_message(
    sandbox: &sandbox::Sandbox,
    (url, messages): (&str, &mut mpsc::UnboundedReceiver<Message>),
    secret: &tempfile::NamedTempFile,
) -> (RunningGateway, String) {
    let drain = "drain = { delay = \"0s\", timeout = \"5s\" }";
    let gateway = RunningGateway::over(sandbox, drain, &section(url, secret, ""));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = http.get(gateway.url("/proxy/github/user")).bearer_auth(sandbox.caller_token(CLEO));
    assert_eq!(call.send().await.unwrap().headers()["idp-outcome"], "reconnect-required");
    let id = next(messages).await.id;
    gateway.wait_for("webhook_failed");
    gateway.signal("TERM");
    (gateway, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_is_sent_when_the_process_ends() {
    let (url, mut messages) = receiver(&[503]).await;
    let (sandbox, secret) = (sandbox::Sandbox::builder().start().await.unwrap(), secret());
    let (gateway, id) = with_a_waiting_message(&sandbox, (&url, &mut messages), &secret).await;
    assert_eq!(next(&mut messages).await.id, id);
    gateway.wait_for("stopped");
    assert!(!gateway.logged().contains("webhook_lost"), "it was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_lost_when_the_process_ends_stands_in_the_log() {
    let (url, mut messages) = receiver(&[503; 9]).await;
    let (sandbox, secret) = (sandbox::Sandbox::builder().start().await.unwrap(), secret());
    let (gateway, id) = with_a_waiting_message(&sandbox, (&url, &mut messages), &secret).await;
    assert_eq!(gateway.wait_for("webhook_lost")["id"], id);
    gateway.wait_for("stopped");
}
