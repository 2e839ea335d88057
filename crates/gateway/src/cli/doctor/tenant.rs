//! Discovery, clock, signing keys, grant and scopes.

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{
    super::{
        ask::{Asker, Reply, tenant_url},
        token::{self, Management},
    },
    explain,
    report::Report,
};
use crate::config::Settings;

pub(super) async fn discovery(settings: &Settings, asker: &Asker, report: &mut Report) {
    let url = tenant_url(settings, &[".well-known", "openid-configuration"]);
    let asked = SystemTime::now();
    let reply = match asker.get(&url, None).await {
        Ok(reply) => reply,
        Err(error) => {
            report.fail(
                "discovery",
                format!("{url} does not answer: {error}"),
                "correct `tenant.domain` or `tenant.base_url`, and make sure that this machine can reach it",
            );
            report.skip("clock", "the tenant does not answer");
            return;
        }
    };
    clock(settings, &reply, asked, report);
    let issuer = reply.json().get("issuer").and_then(Value::as_str).map(str::to_owned);
    match (reply.status, issuer) {
        (200, Some(issuer)) if settings.callers.issuers.contains(&issuer) => {
            report.ok("discovery", format!("the tenant's issuer is {issuer}"));
        }
        (200, Some(issuer)) => report.fail(
            "discovery",
            format!(
                "the tenant's issuer is `{issuer}`, but `callers.issuers` is {:?}",
                settings.callers.issuers
            ),
            format!("add `{issuer}` to `callers.issuers`, or correct `tenant.domain` and `tenant.base_url`"),
        ),
        (status, _) => report.fail(
            "discovery",
            format!("{url} answered {status}, without a discovery document"),
            "correct `tenant.domain` or `tenant.base_url`: there is no Auth0 tenant at that address",
        ),
    }
}

fn clock(settings: &Settings, reply: &Reply, asked: SystemTime, report: &mut Report) {
    let Some(theirs) = reply.date else {
        report.skip("clock", "the tenant's answer has no `Date` header");
        return;
    };
    let skew = theirs.duration_since(asked).or_else(|_| asked.duration_since(theirs)).unwrap_or_default();
    let finding = format!("this machine's clock and the tenant's differ by {} s", skew.as_secs());
    let remedy = "synchronise this machine's clock (NTP): tokens are checked against it";
    if skew > settings.callers.leeway {
        report.fail("clock", finding, remedy);
    } else if skew.as_secs() > 5 {
        report.warn("clock", finding, remedy);
    } else {
        report.ok("clock", finding);
    }
}

pub(super) async fn keys(settings: &Settings, asker: &Asker, report: &mut Report) {
    let url = tenant_url(settings, &[".well-known", "jwks.json"]);
    let reply = match asker.get(&url, None).await {
        Ok(reply) if reply.status == 200 => reply,
        Ok(reply) => {
            return report.fail(
                "keys",
                format!("{url} answered {}", reply.status),
                "correct `tenant.domain` or `tenant.base_url`",
            );
        }
        Err(error) => {
            return report.fail(
                "keys",
                format!("{url} does not answer: {error}"),
                "correct `tenant.domain` or `tenant.base_url`",
            );
        }
    };
    let keys = reply.json().get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
    let usable = keys.iter().filter(|key| is_usable(key)).count();
    if usable == 0 {
        report.fail(
            "keys",
            format!("none of the tenant's {} keys can verify RS256 or PS256", keys.len()),
            "set the API's signing algorithm to RS256 or PS256, and rotate to an RSA key of 2048 bits or more",
        );
    } else if let Some(named) = foreign_algorithms(settings, &keys) {
        report.fail(
            "keys",
            format!(
                "the tenant's keys are for {named}, but `callers.algorithms` is {}: no caller token can be accepted",
                accepted(settings).join(", ")
            ),
            "add the keys' algorithm to `callers.algorithms`; or, after the API's signing algorithm was changed, rotate the tenant's signing key",
        );
    } else if usable < keys.len() {
        report.warn(
            "keys",
            format!("{usable} of the tenant's {} keys can be used", keys.len()),
            "check the tenant's signing keys: RSA, at least 2048 bits, `use` is `sig`, each with its own `kid`",
        );
    } else {
        report.ok("keys", format!("{usable} signing keys"));
    }
}

fn accepted(settings: &Settings) -> Vec<&'static str> {
    settings.callers.algorithms.iter().map(|algorithm| algorithm.as_str()).collect()
}

/// The algorithms that the usable keys name, when `callers.algorithms` has none of them. A key that names none is for all.
fn foreign_algorithms(settings: &Settings, keys: &[Value]) -> Option<String> {
    let accepted = accepted(settings);
    let mut named = Vec::new();
    for key in keys.iter().filter(|key| is_usable(key)) {
        match key.get("alg").and_then(Value::as_str) {
            Some(algorithm) if !accepted.contains(&algorithm) => named.push(algorithm),
            _ => return None,
        }
    }
    named.sort_unstable();
    named.dedup();
    (!named.is_empty()).then(|| named.join(", "))
}

fn is_usable(key: &Value) -> bool {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let long = text("n").and_then(|n| URL_SAFE_NO_PAD.decode(n).ok()).is_some_and(|n| n.len() >= 256);
    text("kty") == Some("RSA")
        && long
        && text("kid").is_some_and(|kid| !kid.is_empty())
        && text("use").is_none_or(|purpose| purpose == "sig")
        && text("alg").is_none_or(|algorithm| matches!(algorithm, "RS256" | "PS256"))
}

/// The management token, its audience and its scopes.
pub(super) async fn grant(settings: &Settings, asker: &Asker, report: &mut Report) -> Option<Management> {
    let management = match token::request(settings, asker).await {
        Ok(management) => management,
        Err(refused) => {
            let (finding, remedy) = explain::refusal(settings, &refused);
            report.fail("grant", finding, remedy);
            report.skip("scopes-missing", "there is no management token");
            report.skip("scopes-excess", "there is no management token");
            return None;
        }
    };
    if !management.token.expose_secret().contains('.') {
        report.fail(
            "grant",
            "the tenant issued an opaque token, which the Management API refuses",
            "correct `tenant.audience`: https://{canonical domain}/api/v2/, with the slash at the end",
        );
        return None;
    }
    let left = management.expires_at.duration_since(SystemTime::now()).unwrap_or_default();
    report.ok("grant", format!("a management token for {} s", left.as_secs()));
    scopes(settings, &management, report);
    Some(management)
}

fn scopes(settings: &Settings, management: &Management, report: &mut Report) {
    if !management.scopes_known {
        report.warn(
            "scopes-missing",
            "the tenant's answer does not list the granted scopes",
            "authorise the application for the Auth0 Management API with read:users and read:user_idp_tokens",
        );
        report.skip("scopes-excess", "the scopes are not known");
        return;
    }
    let required = settings.required_scopes();
    let missing: Vec<_> =
        required.iter().copied().filter(|scope| !management.scopes.contains(*scope)).collect();
    if missing.is_empty() {
        report.ok("scopes-missing", format!("granted: {}", required.join(" and ")));
    } else {
        let list = missing.join(" ");
        report.fail(
            "scopes-missing",
            format!("the grant lacks {list}"),
            format!("add {list} to the application's grant for the Auth0 Management API"),
        );
    }
    let excess: Vec<_> =
        management.scopes.iter().map(String::as_str).filter(|scope| !required.contains(scope)).collect();
    if excess.is_empty() {
        report.ok("scopes-excess", "nothing beyond that is granted");
    } else {
        let finding = format!("the grant also holds {}", excess.join(" "));
        let remedy = "remove these scopes from the application's grant: a stolen token would have them too";
        if settings.tenant.allow_excess_scopes {
            report.warn("scopes-excess", finding, remedy);
        } else {
            report.fail(
                "scopes-excess",
                finding,
                format!("{remedy}; or set `tenant.allow_excess_scopes = true`"),
            );
        }
    }
}
