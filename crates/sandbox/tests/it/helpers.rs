//! What the tests have in common.

use reqwest::{Client, RequestBuilder};
use sandbox::{ProviderKind, Sandbox};
use serde_json::Value;

pub(crate) const ANA: &str = "google-oauth2|100000000000000000001";
pub(crate) const BEN: &str = "google-oauth2|100000000000000000002";
pub(crate) const CLEO: &str = "google-oauth2|100000000000000000003";

pub(crate) async fn start() -> Sandbox {
    Sandbox::builder().start().await.expect("the sandbox starts")
}

pub(crate) fn client() -> Client {
    let policy = reqwest::redirect::Policy::none();
    Client::builder().user_agent("sandbox-tests").redirect(policy).build().expect("a client")
}

/// A GET to a provider with the user's token of `connection`.
pub(crate) fn get(
    sandbox: &Sandbox,
    kind: ProviderKind,
    user: &str,
    connection: &str,
    path: &str,
) -> RequestBuilder {
    let url = sandbox.provider_url(kind).join(path).expect("a path");
    client().get(url).bearer_auth(sandbox.world().access_token(user, connection).expect("a token"))
}

pub(crate) async fn json(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

/// A member of a JSON document by pointer, as text.
pub(crate) fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
