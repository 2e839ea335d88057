//! `--token FILE`: the checks that a caller token passes or fails, in the settings' words.

use std::io::{self, Read as _};
use std::path::Path;
use std::time::SystemTime;

use caller_auth::{Check, CheckOutcome, Claim, Verifier};
use secrecy::{ExposeSecret, SecretString};

use super::report::Report;
use crate::compose;
use crate::config::Settings;

/// Longest file: what `server.limits.headers` could let through, many times over.
const LONGEST: u64 = 1024 * 1024;

/// Reads the token; `-` is standard input. A leading `Bearer` is left out.
pub(super) fn read(file: &Path) -> io::Result<SecretString> {
    let mut text = String::new();
    if file == Path::new("-") {
        io::stdin().lock().take(LONGEST).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(file)?.take(LONGEST).read_to_string(&mut text)?;
    }
    let text = SecretString::from(text);
    let token = text.expose_secret().trim();
    let token = token.strip_prefix("Bearer ").or_else(|| token.strip_prefix("DPoP ")).unwrap_or(token);
    Ok(token.trim().into())
}

/// Runs every check of verification. The tenant is asked for its keys alone.
pub(super) async fn check(settings: &Settings, token: &SecretString, report: &mut Report) {
    let verifier = match compose::caller_verifier(settings) {
        Ok(verifier) => verifier,
        Err(error) => {
            return report.fail(
                "token-keys",
                error.to_string(),
                "correct `tenant`: its client, domain and base URL",
            );
        }
    };
    explain(settings, &verifier, token, report).await;
}

async fn explain(settings: &Settings, verifier: &Verifier, token: &SecretString, report: &mut Report) {
    for check in verifier.explain(token.expose_secret(), SystemTime::now()).await {
        let id = format!("token-{}", check.step);
        match check.outcome {
            CheckOutcome::Passed => report.ok(&id, check.detail),
            CheckOutcome::Skipped => report.skip(&id, check.detail),
            CheckOutcome::Failed => {
                let remedy = remedy(settings, &check);
                report.fail(&id, finding(&check), remedy);
            }
        }
    }
}

fn finding(check: &Check) -> String {
    match &check.mismatch {
        None => check.detail.clone(),
        Some(mismatch) => format!(
            "{}: the token has `{}`, and `{}` is accepted",
            check.detail, mismatch.found, mismatch.expected
        ),
    }
}

/// What to change, by the check and by what the token says.
fn remedy(settings: &Settings, check: &Check) -> String {
    let found = check.mismatch.as_ref().map(|mismatch| mismatch.found.as_str()).unwrap_or_default();
    match check.step {
        "form" if check.mismatch.as_ref().is_some_and(|mismatch| mismatch.claim == Claim::Size) => {
            "remove claims from the token, or raise `callers.max_token`".to_owned()
        }
        "form" => {
            "the app must request this API's audience (`callers.audience`) from Auth0: without an audience the token is opaque or encrypted. Token encryption must be off for the API".to_owned()
        }
        "algorithm" if found.starts_with("HS") => {
            "set the API's signing algorithm in Auth0 to RS256 or PS256: HS256 needs a shared secret, which the gateway does not have".to_owned()
        }
        "algorithm" => "set the API's signing algorithm in Auth0 to one of `callers.algorithms`".to_owned(),
        "type" | "kind" => "send the access token, not the ID token or another token".to_owned(),
        "issuer" => format!(
            "if `{found}` is a custom domain of tenant {}, add it to `callers.issuers`, with the slash at its end; otherwise the token is from another tenant",
            settings.tenant.domain
        ),
        "key" => "the token is signed with a key that the tenant does not publish: it is from another tenant, or the key was revoked".to_owned(),
        "signature" if check.mismatch.is_some() => {
            "the tenant's keys have another algorithm than the token: rotate the tenant's signing key after a change of the API's algorithm".to_owned()
        }
        "signature" => "the token was changed or forged: copy the complete token again".to_owned(),
        "audience" => format!("the app must request the audience {:?} from Auth0", settings.callers.audience),
        "times" if check.mismatch.is_some() => {
            "shorten the API's token lifetime in Auth0, or raise `callers.max_lifetime`".to_owned()
        }
        "times" => "get a new token; if it is new, synchronise the clocks".to_owned(),
        "binding" => "the gateway supports DPoP (`cnf.jkt`) only: switch off other sender constraints".to_owned(),
        "client" => "add the app's client id to `callers.clients`".to_owned(),
        "organization" => "add the organisation to `callers.organizations`, or log in to an accepted one".to_owned(),
        "actors" => "add the actors to `callers.actors`".to_owned(),
        "user" => "use the token of a user: applications and agents have no accounts".to_owned(),
        "logout" => "log the user in again".to_owned(),
        _ => "the claim must have the form that Auth0's documentation describes".to_owned(),
    }
}
