//! `gateway call PROVIDER PATH --user ID`: one call for the operator. No caller policy, but audited.

use http::{HeaderValue, Method, Request, Uri};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::{exit::Exit, output::Output};
use crate::{
    body,
    config::{Access, Settings},
    outcome::Code,
    state::App,
    telemetry::{Telemetry, TelemetryOptions},
};

/// Explains what a user id is, when an argument is not one.
pub(super) const USER_ID: &str = "give the primary user id, which is the `sub` of the token, for example google-oauth2|1234; linked accounts have no id of their own";

/// What to call, for whom.
pub(super) struct Wanted {
    pub(super) provider: String,
    pub(super) path: String,
    pub(super) user: String,
    pub(super) account: Option<String>,
    pub(super) method: String,
}

pub(super) async fn run(mut settings: Settings, wanted: Wanted, as_json: bool, output: &Output) -> Exit {
    for provider in settings.providers.values_mut() {
        provider.access = Access::Full;
        provider.rules.clear();
    }
    if !settings.providers.contains_key(wanted.provider.as_str()) {
        let known: Vec<&str> = settings.providers.keys().map(String::as_str).collect();
        output.message(&format!(
            "error: the configuration has no provider `{}`\n  remedy: name one of: {}",
            wanted.provider,
            known.join(", ")
        ));
        return Exit::Usage;
    }
    let Some(request) = request(&wanted) else {
        output.message("error: the method, the path or the account cannot be sent in a request\n  remedy: start the path with a slash and percent-encode it, as in /user/repos?per_page=5");
        return Exit::Usage;
    };
    let telemetry = match Telemetry::install(&TelemetryOptions::from(&settings)) {
        Ok(telemetry) => telemetry,
        Err(error) => return output.failure(&error.to_string(), "see `gateway check`"),
    };
    let app = match App::new(&settings, telemetry.metrics().clone(), telemetry.audit().clone()).await {
        Ok(app) => app,
        Err(error) => return output.failure(&error.to_string(), "see `gateway check` and `gateway doctor`"),
    };
    let response = app.operate(request, &wanted.user).await;
    let (parts, answer) = response.into_parts();
    let bytes = match answer.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(_) => return output.failure("the provider's answer broke off", "try again"),
    };
    telemetry.shutdown().await;
    let text = String::from_utf8_lossy(&bytes);
    let header =
        |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let outcome = header("idp-outcome").unwrap_or_else(|| problem_code(&text));
    if as_json {
        let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.as_ref()));
        output.line(
            &json!({ "status": parts.status.as_u16(), "outcome": outcome, "content_type": header("content-type"), "body": body })
                .to_string(),
        );
    } else {
        output.message(&format!("{} {outcome}", parts.status.as_u16()));
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        match (problem["message"].as_str(), problem["remedy"].as_str()) {
            // The gateway's own refusal; the remedies of problems are for apps, and this one is for the operator.
            (Some(_), Some(_)) if outcome == Code::UserUnknown.as_str() => {
                return output.failure(&format!("the tenant has no user `{}`", wanted.user), USER_ID);
            }
            (Some(message), Some(remedy)) => return output.failure(message, remedy),
            _ => output.line(&text),
        }
    }
    if parts.status.as_u16() < 400 { Exit::Fine } else { Exit::No }
}

fn request(wanted: &Wanted) -> Option<Request<body::RequestBody>> {
    if !wanted.path.starts_with('/') {
        return None;
    }
    let mut request = Request::new(body::empty());
    *request.method_mut() = Method::from_bytes(wanted.method.as_bytes()).ok()?;
    *request.uri_mut() = format!("/proxy/{}{}", wanted.provider, wanted.path).parse::<Uri>().ok()?;
    if let Some(account) = &wanted.account {
        request.headers_mut().insert("idp-account", HeaderValue::from_str(account).ok()?);
    }
    Some(request)
}

fn problem_code(text: &str) -> String {
    let problem: Value = serde_json::from_str(text).unwrap_or_default();
    problem["code"].as_str().unwrap_or("ok").to_owned()
}
