//! The claims of a token whose signature is good, against the rules.

use std::sync::Arc;

use crate::Reason;
use crate::challenge::Error;
use crate::identity::Caller;
use crate::jose::{self, Compact};
use crate::json::{Json, Object};
use crate::refusal::Refusal;
use crate::rules::Rules;
use crate::time;

/// Seconds by which a lifetime may exceed the allowed one: `iat` is often set a little back against clocks that differ.
const LIFETIME_SLACK: i64 = 300;

/// Times of a token, in seconds since 1970.
pub(crate) struct Times {
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
}

/// A token that is genuine, for us, and of this time.
pub(crate) struct Genuine {
    /// The key it is bound to. A request that does not show that key is refused whoever the caller is.
    pub(crate) thumbprint: Option<[u8; 32]>,
    /// The caller, or why this one may not call: a 403, which comes after every 401.
    pub(crate) caller: Result<Caller, Refusal>,
}

/// Checks what makes `token` one for us, then who it speaks for. `now` in seconds since 1970.
pub(crate) fn check(
    token: &Compact<'_>,
    issuer: Arc<str>,
    rules: &Rules,
    now: i64,
) -> Result<Genuine, Refusal> {
    let claims = &token.claims;
    for (name, cause) in [("events", "logout token"), ("nonce", "ID token")] {
        if claims.contains_key(name) {
            return Err(Refusal::invalid(cause, "Send the access token; this is another kind of token."));
        }
    }
    let audience = audience(claims, rules)?;
    let times = times(claims, rules, now)?;
    let thumbprint = thumbprint(claims)?;
    let app = client(token)?;
    let organization = optional(claims, "org_id")?;
    let organization_name = optional(claims, "org_name")?;
    let subject = optional(claims, "sub")?;
    let scope = optional(claims, "scope")?.unwrap_or_default();
    let permissions = permissions(claims)?;
    let when = |seconds| {
        time::system(seconds).ok_or_else(|| Refusal::invalid("time out of range", "A time is absurd."))
    };
    let (issued_at, expires_at) = (when(times.issued_at)?, when(times.expires_at)?);
    let admitted = admit(rules, app, organization, organization_name).and_then(|()| user(claims, subject));
    let caller = admitted.map(|subject| Caller {
        subject: subject.into(),
        client: app.map(Into::into),
        organization: organization.map(Into::into),
        organization_name: organization_name.map(Into::into),
        issuer,
        audience,
        scope: scope.into(),
        permissions,
        authorization: rules.authorization,
        issued_at,
        expires_at,
        thumbprint,
    });
    Ok(Genuine { thumbprint, caller })
}

/// `callers.clients` and `callers.organizations`.
fn admit(
    rules: &Rules,
    client: Option<&str>,
    organization: Option<&str>,
    organization_name: Option<&str>,
) -> Result<(), Refusal> {
    if !rules.admits_client(client) {
        let detail = "The app that this access token was issued to may not call this API.";
        return Err(Refusal::forbidden(Reason::NotAllowed, "client is not in callers.clients", detail));
    }
    if !rules.admits_organization(organization, organization_name) {
        let detail = "The user must be logged in to an organisation that may call this API.";
        return Err(Refusal::forbidden(
            Reason::NotAllowed,
            "organisation is not in callers.organizations",
            detail,
        ));
    }
    Ok(())
}

/// A text that may be absent, but is nothing else.
fn optional<'a>(claims: &'a Object, name: &str) -> Result<Option<&'a str>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::invalid(
            "claim of the wrong type",
            "A claim of the access token has the wrong type.",
        )),
    }
}

fn audience(claims: &Object, rules: &Rules) -> Result<Box<[Arc<str>]>, Refusal> {
    let found = audiences(claims).unwrap_or_default();
    let shared = |name: &str| rules.audience.iter().find(|ours| ***ours == *name).cloned();
    if !found.iter().any(|name| shared(name).is_some()) {
        return Err(Refusal::invalid(
            "audience",
            "The access token is for another API; ask Auth0 for this API's audience.",
        ));
    }
    Ok(found.into_iter().map(|name| shared(name).unwrap_or_else(|| name.into())).collect())
}

/// `aud`, one text or a list of texts.
pub(crate) fn audiences(claims: &Object) -> Option<Vec<&str>> {
    match claims.get("aud")? {
        Json::Text(one) => Some(vec![one]),
        list => list.as_texts(),
    }
}

/// `iat`, `exp` and `nbf`: integers, in order, now.
pub(crate) fn times(claims: &Object, rules: &Rules, now: i64) -> Result<Times, Refusal> {
    let bad = |cause| {
        Refusal::invalid(cause, "The times in the access token ('iat', 'nbf', 'exp') cannot be right.")
    };
    let read = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => {
            value.as_integer().filter(|at| *at >= 0).map(Some).ok_or_else(|| bad("time is not an integer"))
        }
    };
    let issued_at = read("iat")?.ok_or_else(|| bad("no iat"))?;
    let expires_at = read("exp")?.ok_or_else(|| bad("no exp"))?;
    let not_before = read("nbf")?;
    let leeway = time::whole(rules.leeway);
    if now >= expires_at.saturating_add(leeway) {
        let detail = "The access token has expired; get a new one from Auth0.";
        return Err(Refusal::new(Reason::TokenExpired, Error::InvalidToken, "expired", detail));
    }
    let longest = time::whole(rules.max_lifetime).saturating_add(LIFETIME_SLACK);
    if expires_at.saturating_sub(issued_at) > longest {
        return Err(bad("lifetime is longer than allowed"));
    }
    let soon = now.saturating_add(leeway);
    if issued_at > soon {
        return Err(bad("iat is in the future"));
    }
    if not_before.is_some_and(|at| at > soon) {
        return Err(bad("nbf is in the future"));
    }
    Ok(Times { issued_at, expires_at })
}

/// `cnf`: a token bound to anything but a key we can check is no use, and must not pass as if it were not bound.
fn thumbprint(claims: &Object) -> Result<Option<[u8; 32]>, Refusal> {
    let Some(confirmation) = claims.get("cnf") else { return Ok(None) };
    let jkt = confirmation.as_object().and_then(|members| members.get("jkt")?.as_text());
    let bytes = jkt.and_then(jose::decode).and_then(|bytes| bytes.try_into().ok());
    bytes.map(Some).ok_or_else(|| {
        Refusal::invalid(
            "cnf without a usable jkt",
            "The access token is bound in a way that cannot be checked here.",
        )
    })
}

/// The app: `azp` in Auth0's profile, `client_id` in that of RFC 9068. Where both stand, the profile decides.
fn client<'a>(token: &'a Compact<'_>) -> Result<Option<&'a str>, Refusal> {
    let azp = optional(&token.claims, "azp")?;
    let client_id = optional(&token.claims, "client_id")?;
    let is_rfc9068 = token
        .head
        .get("typ")
        .and_then(Json::as_text)
        .is_some_and(|typ| typ.to_ascii_lowercase().ends_with("at+jwt"));
    Ok(if is_rfc9068 { client_id.or(azp) } else { azp.or(client_id) })
}

/// The user. A machine has none, and so there are no accounts to act for.
fn user<'a>(claims: &Object, subject: Option<&'a str>) -> Result<&'a str, Refusal> {
    let machine = |cause| {
        let detail = "The access token speaks for an application; accounts belong to users, who must log in.";
        Refusal::forbidden(Reason::NotAUser, cause, detail)
    };
    if let Some("client-credentials" | "client_credentials") = claims.get("gty").and_then(Json::as_text) {
        return Err(machine("gty is client credentials"));
    }
    match subject {
        None | Some("") => Err(machine("no sub")),
        Some(subject) if subject.ends_with("@clients") => Err(machine("sub is a client")),
        Some(subject) => Ok(subject),
    }
}

fn permissions(claims: &Object) -> Result<Box<[Box<str>]>, Refusal> {
    let Some(value) = claims.get("permissions") else { return Ok(Box::default()) };
    let list = value.as_texts().ok_or_else(|| {
        Refusal::invalid("permissions is not a list", "A claim of the access token has the wrong type.")
    })?;
    Ok(list.into_iter().map(Into::into).collect())
}
