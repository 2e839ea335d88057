//! `gateway call PROVIDER PATH --user ID`: one call for the operator. No caller policy, but audited.

use http::{HeaderValue, Method, Request, Uri};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::{
    exit::Exit,
    output::{Ended, Failure, Output},
};
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

pub(super) async fn run(mut settings: Settings, wanted: Wanted, as_json: bool, output: &Output) -> Ended {
    for provider in settings.providers.values_mut() {
        provider.access = Access::Full;
        provider.rules.clear();
    }
    has_provider(&settings, &wanted)?;
    let request = request(&wanted)?;
    let mut options = TelemetryOptions::from(&settings);
    if options.telemetry.log_level == TelemetryOptions::default().telemetry.log_level {
        // The result says what went wrong; a level that was chosen on purpose stays.
        "error".clone_into(&mut options.telemetry.log_level);
    }
    let telemetry =
        Telemetry::install(&options).map_err(|error| Failure::new(error, "see `gateway check`"))?;
    let app = App::new(&settings, telemetry.metrics().clone(), telemetry.audit().clone()).await;
    let app = app.map_err(|error| Failure::new(error, "see `gateway check` and `gateway doctor`"))?;
    let response = app.operate(request, &wanted.user).await;
    let (parts, answer) = response.into_parts();
    let collected = answer.collect().await;
    let bytes =
        collected.map_err(|_| Failure::new("the provider's answer broke off", "try again"))?.to_bytes();
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
            // The gateway's own refusal; the remedies of problems are for apps, and these are for the operator.
            (Some(_), Some(_)) if outcome == Code::UserUnknown.as_str() => {
                let problem = format!("the tenant has no user `{}`", wanted.user);
                return Err(Failure::new(problem, USER_ID));
            }
            (Some(message), Some(remedy)) => {
                let own = operators_remedy(&outcome, &problem, &wanted);
                return Err(Failure::new(message, own.as_deref().unwrap_or(remedy)));
            }
            _ => output.line(&text),
        }
    }
    Ok(if parts.status.as_u16() < 400 { Exit::Fine } else { Exit::No })
}

fn has_provider(settings: &Settings, wanted: &Wanted) -> Result<(), Failure> {
    if settings.providers.contains_key(wanted.provider.as_str()) {
        return Ok(());
    }
    let known: Vec<&str> = settings.providers.keys().map(String::as_str).collect();
    let problem = format!("the configuration has no provider `{}`", wanted.provider);
    Err(Failure::usage(problem, format!("name one of: {}", known.join(", "))))
}

/// What an operator does about a refusal whose own remedy speaks to an app.
fn operators_remedy(outcome: &str, problem: &Value, wanted: &Wanted) -> Option<String> {
    Some(match Code::from_word(outcome)? {
        Code::AccountAmbiguous => {
            let accounts = problem["accounts"].as_array().into_iter().flatten();
            let names: Vec<_> = accounts.filter_map(|account| account["account"].as_str()).collect();
            format!("name one of them: --account '{}'", names.join("' or --account '"))
        }
        Code::AccountNotConnected => {
            format!("`gateway user '{}'` shows the accounts that the user has", wanted.user)
        }
        Code::ReconnectRequired | Code::ProviderScopeMissing => {
            "the user has to connect the account, in your app or in the console".to_owned()
        }
        Code::TenantUnavailable => {
            "check that this machine can reach the tenant: run `gateway doctor`".to_owned()
        }
        _ => return None,
    })
}

fn request(wanted: &Wanted) -> Result<Request<body::RequestBody>, Failure> {
    let Wanted { method, path, provider, account, .. } = wanted;
    if !path.starts_with('/') {
        let why = format!("the path `{path}` does not begin with a slash");
        return Err(Failure::usage(why, "write the provider's own path, as in /user/repos?per_page=5"));
    }
    let mut request = Request::new(body::empty());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(|_| {
        Failure::usage(format!("`{method}` is not a method"), "use GET, POST, PUT, PATCH or DELETE")
    })?;
    *request.uri_mut() = format!("/proxy/{provider}{path}").parse::<Uri>().map_err(|_| {
        let why = format!("the path `{path}` cannot be sent");
        Failure::usage(why, "percent-encode the path, as in /user/repos?per_page=5")
    })?;
    if let Some(account) = account {
        let value = HeaderValue::from_str(account).map_err(|_| {
            let why = format!("the account `{account}` cannot be sent");
            Failure::usage(why, "copy it from the output of `gateway user`")
        })?;
        request.headers_mut().insert("idp-account", value);
    }
    Ok(request)
}

fn problem_code(text: &str) -> String {
    let problem: Value = serde_json::from_str(text).unwrap_or_default();
    problem["code"].as_str().unwrap_or("ok").to_owned()
}
