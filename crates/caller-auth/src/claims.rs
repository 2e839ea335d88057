//! The claims of a token whose signature is good, against the rules. Each check is a function of its own, so that
//! [`explain`](crate::explain) asks the same ones.

use std::sync::Arc;
use std::time::Duration;

use crate::Reason;
use crate::actors::{self, Actor};
use crate::challenge::Error;
use crate::common::{Common, Counted};
use crate::identity::{Caller, KeptClaim, Rare};
use crate::jose::{self, Compact};
use crate::json::{Json, Object};
use crate::refusal::{Claim, Refusal};
use crate::rules::Rules;
use crate::time;

/// Seconds by which a lifetime may exceed the allowed one: `iat` is often set a little back against clocks that differ.
pub(crate) const LIFETIME_SLACK: Duration = Duration::from_secs(300);

/// Times of a token, in seconds since 1970.
pub(crate) struct Times {
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
}

/// A token that is genuine, for us, and of this time.
pub(crate) struct Genuine {
    /// The key it is bound to. A request without a proof of that key is refused for every caller.
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
    kind(claims)?;
    let audience = audience(claims, rules)?;
    let times = times(claims, rules, now)?;
    let thumbprint = thumbprint(claims)?;
    let party = Party::of(token)?;
    let (scope, permissions) = granted(claims)?;
    if [times.issued_at, times.expires_at].into_iter().any(|seconds| time::system(seconds).is_none()) {
        return Err(Refusal::invalid("time out of range", "A time is absurd."));
    }
    let caller = admit(&party, rules).map(|is_user| {
        let granted = Granted { issuer, audience, scope, permissions };
        Caller {
            issued_at: times.issued_at,
            expires_at: times.expires_at,
            ..party.caller(is_user, granted, claims, thumbprint, rules)
        }
    });
    Ok(Genuine { thumbprint, caller })
}

/// The caller that claims speak for when nothing is verified: times are not looked at, the audience only where there is one.
pub(crate) fn described(claims: &Object, rules: &Rules) -> Result<Caller, Refusal> {
    kind(claims)?;
    let audience = if claims.contains_key("aud") { audience(claims, rules)? } else { Box::default() };
    let issuer = optional(claims, "iss")?;
    let issuer = match issuer {
        None => rules.issuers.first().cloned(),
        Some(issuer) => rules.issuer(issuer),
    };
    let issuer =
        issuer.ok_or_else(|| Refusal::invalid("issuer", "The access token comes from another tenant."))?;
    let party = Party::of_claims(claims, false)?;
    let is_user = admit(&party, rules)?;
    let (scope, permissions) = granted(claims)?;
    Ok(party.caller(is_user, Granted { issuer, audience, scope, permissions }, claims, None, rules))
}

/// The texts of the claims that the rules name.
pub(crate) fn kept(claims: &Object, rules: &Rules) -> Box<[KeptClaim]> {
    let texts = |value: &Json| match value {
        Json::Text(text) => Box::from([text.as_str().into()]),
        Json::List(items) => items.iter().filter_map(Json::as_text).map(Into::into).collect(),
        _ => Box::default(),
    };
    let named = rules.claims.iter().filter_map(|name| Some((name.as_str().into(), texts(claims.get(name)?))));
    named.collect()
}

/// An access token, and no other kind that the tenant signs.
pub(crate) fn kind(claims: &Object) -> Result<(), Refusal> {
    for (name, cause) in [("events", "logout token"), ("nonce", "ID token")] {
        if claims.contains_key(name) {
            return Err(Refusal::invalid(cause, "Send the access token; this is another kind of token."));
        }
    }
    Ok(())
}

/// Who issued a token, for whom, and what it allows.
struct Granted<'a> {
    issuer: Arc<str>,
    audience: Box<[Arc<str>]>,
    scope: &'a str,
    permissions: Box<[Box<str>]>,
}

/// Who a token names: the subject, the app, the organisation, and who acts.
pub(crate) struct Party<'a> {
    pub(crate) subject: Option<&'a str>,
    pub(crate) client: Option<&'a str>,
    pub(crate) organization: Option<&'a str>,
    pub(crate) organization_name: Option<&'a str>,
    pub(crate) actors: Box<[Actor]>,
    /// Why the token does not speak for a user, if it does not.
    machine: Option<&'static str>,
}

impl<'a> Party<'a> {
    /// Reads it, and refuses claims of the wrong type.
    pub(crate) fn of(token: &'a Compact<'_>) -> Result<Self, Refusal> {
        // The app is `azp` in Auth0's profile, `client_id` in that of RFC 9068. Where both stand, the profile decides.
        let is_rfc9068 = token
            .head
            .get("typ")
            .and_then(Json::as_text)
            .is_some_and(|typ| typ.to_ascii_lowercase().ends_with("at+jwt"));
        Self::of_claims(&token.claims, is_rfc9068)
    }

    fn of_claims(claims: &'a Object, is_rfc9068: bool) -> Result<Self, Refusal> {
        let subject = optional(claims, "sub")?;
        let (azp, client_id) = (optional(claims, "azp")?, optional(claims, "client_id")?);
        let actors = actors::chain(claims).map_err(|cause| {
            let detail = "The actors in the access token ('act') cannot be read, or are more than 5.";
            Refusal::invalid(cause, detail)
        })?;
        Ok(Self {
            subject,
            client: if is_rfc9068 { client_id.or(azp) } else { azp.or(client_id) },
            organization: optional(claims, "org_id")?,
            organization_name: optional(claims, "org_name")?,
            actors,
            machine: machine(claims, subject, [azp, client_id])?,
        })
    }

    /// The caller whose token names this party, without its times.
    fn caller(
        self,
        is_user: bool,
        granted: Granted<'_>,
        claims: &Object,
        thumbprint: Option<[u8; 32]>,
        rules: &Rules,
    ) -> Caller {
        let common = Common {
            is_user,
            client: self.client.map(Into::into),
            organization: self.organization.map(Into::into),
            organization_name: self.organization_name.map(Into::into),
            issuer: granted.issuer,
            audience: granted.audience,
            scope: granted.scope.into(),
            permissions: granted.permissions,
            authorization: rules.authorization,
            counted: Counted::default(),
        };
        let rare = Rare { actors: self.actors, claims: kept(claims, rules), thumbprint };
        Caller {
            subject: self.subject.or(self.client).unwrap_or_default().into(),
            common: Arc::new(common),
            rare: rare.boxed(),
            issued_at: 0,
            expires_at: 0,
        }
    }

    fn client(&self, rules: &Rules) -> Result<(), Refusal> {
        if rules.admits_client(self.client) {
            return Ok(());
        }
        let detail = "The app that this access token was issued to may not call this API.";
        Err(Refusal::forbidden(Reason::NotAllowed, "client is not accepted", detail).because(
            Claim::Client,
            rules.clients.iter().cloned().collect::<Vec<_>>().join(" "),
            self.client.unwrap_or("none"),
        ))
    }

    fn organization(&self, rules: &Rules) -> Result<(), Refusal> {
        if rules.admits_organization(self.organization, self.organization_name) {
            return Ok(());
        }
        let detail = "The user must be logged in to an organisation that may call this API.";
        Err(Refusal::forbidden(Reason::NotAllowed, "organisation is not accepted", detail).because(
            Claim::Organization,
            rules.organizations.iter().cloned().collect::<Vec<_>>().join(" "),
            self.organization.or(self.organization_name).unwrap_or("none"),
        ))
    }

    fn actors(&self, rules: &Rules) -> Result<(), Refusal> {
        if rules.actors.admit(&self.actors) {
            return Ok(());
        }
        let detail = "A party that acts for the user ('act') may not call this API.";
        let found = self.actors.iter().map(Actor::subject).collect::<Vec<_>>().join(" ");
        Err(Refusal::forbidden(Reason::NotAllowed, "actor is not accepted", detail).because(
            Claim::Actor,
            rules.actors.to_string(),
            &found,
        ))
    }

    /// Whether it is a user; refuses everything else where only users are accepted.
    fn user(&self, rules: &Rules) -> Result<bool, Refusal> {
        match self.machine {
            None => Ok(true),
            Some(_) if !rules.users_only => Ok(false),
            Some(cause) => {
                let detail =
                    "It was issued to an application. Only users have accounts, so a user must log in.";
                Err(Refusal::forbidden(Reason::NotAUser, cause, detail))
            }
        }
    }

    /// Each check by itself, for a diagnosis.
    pub(crate) fn each(&self, rules: &Rules) -> [(&'static str, Result<(), Refusal>); 4] {
        [
            ("client", self.client(rules)),
            ("organization", self.organization(rules)),
            ("actors", self.actors(rules)),
            ("user", self.user(rules).map(drop)),
        ]
    }
}

/// Whether the party may call; gives whether it is a user.
fn admit(party: &Party<'_>, rules: &Rules) -> Result<bool, Refusal> {
    party.client(rules)?;
    party.organization(rules)?;
    party.actors(rules)?;
    party.user(rules)
}

/// Why a token speaks for a machine or an agent of its own, if it does. Users' ids are `connection|id` in Auth0.
fn machine(
    claims: &Object,
    subject: Option<&str>,
    clients: [Option<&str>; 2],
) -> Result<Option<&'static str>, Refusal> {
    let profile = optional(claims, "sub_profile")?.unwrap_or_default();
    Ok(match subject {
        _ if is_client_credentials(claims) => Some("gty is client credentials"),
        _ if profile.split_ascii_whitespace().any(|word| matches!(word, "ai_agent" | "service")) => {
            Some("sub_profile is an agent or a service")
        }
        None | Some("") => Some("no sub"),
        Some(subject) if clients.contains(&Some(subject)) => Some("sub is the client"),
        Some(subject) if subject.starts_with("agt_") => Some("sub is an agent"),
        Some(subject) if !subject.contains('|') => Some("sub is not a user id"),
        _ => None,
    })
}

fn is_client_credentials(claims: &Object) -> bool {
    let grant = claims.get("gty");
    let one = grant.and_then(Json::as_text).map(|one| vec![one]);
    let all = one.or_else(|| grant.and_then(Json::as_texts)).unwrap_or_default();
    all.iter().any(|word| matches!(*word, "client-credentials" | "client_credentials"))
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

/// The audiences of the token, one of which is ours.
pub(crate) fn audience(claims: &Object, rules: &Rules) -> Result<Box<[Arc<str>]>, Refusal> {
    let found = audiences(claims).unwrap_or_default();
    let shared = |name: &str| rules.audience.iter().find(|ours| ***ours == *name).cloned();
    if !found.iter().any(|name| shared(name).is_some()) {
        let refusal = Refusal::invalid(
            "audience",
            "The access token is for another API; ask Auth0 for this API's audience.",
        );
        return Err(refusal.because(Claim::Audience, rules.audience.join(" "), &found.join(" ")));
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
        let detail = "Its claim 'exp' is in the past.";
        return Err(Refusal::new(Reason::TokenExpired, Error::InvalidToken, "expired", detail));
    }
    lifetime(expires_at.saturating_sub(issued_at), rules)?;
    let soon = now.saturating_add(leeway);
    if issued_at > soon {
        return Err(early(Claim::IssuedAt, "iat is in the future", issued_at, soon));
    }
    if let Some(at) = not_before.filter(|at| *at > soon) {
        return Err(early(Claim::NotBefore, "nbf is in the future", at, soon));
    }
    Ok(Times { issued_at, expires_at })
}

/// A time in the future. The user cannot correct it.
fn early(claim: Claim, cause: &'static str, at: i64, soon: i64) -> Refusal {
    let (name, ahead) = (claim.as_str(), at.saturating_sub(soon));
    let detail = format!(
        "The access token's '{name}' is {ahead} s later than accepted: the clocks of Auth0 and of this server differ."
    );
    Refusal::invalid(cause, detail).because(claim, format_args!("at most {soon}"), &at.to_string())
}

fn lifetime(seconds: i64, rules: &Rules) -> Result<(), Refusal> {
    let accepted = time::whole(rules.max_lifetime);
    if seconds <= accepted.saturating_add(time::whole(LIFETIME_SLACK)) {
        return Ok(());
    }
    let detail =
        format!("The access token lives {seconds} s from 'iat' to 'exp'; at most {accepted} s are accepted.");
    let refusal = Refusal::invalid("lifetime is longer than accepted", detail);
    Err(refusal.because(Claim::Lifetime, accepted, &seconds.to_string()))
}

/// `cnf`: a token bound to anything but a key we can check is no use, and must not pass as if it were not bound.
pub(crate) fn thumbprint(claims: &Object) -> Result<Option<[u8; 32]>, Refusal> {
    let Some(confirmation) = claims.get("cnf") else { return Ok(None) };
    // Beside another confirmation the key alone does not prove possession (RFC 7800, section 3.1).
    let members = confirmation.as_object().filter(|members| members.len() == 1);
    let jkt = members.and_then(|members| members.get("jkt")?.as_text());
    let bytes = jkt.and_then(jose::decode).and_then(|bytes| bytes.try_into().ok());
    bytes.map(Some).ok_or_else(|| {
        Refusal::invalid(
            "cnf without a usable jkt",
            "The access token is bound in a way that cannot be checked here.",
        )
    })
}

/// `scope` as it stands, and the list `permissions`.
type Scopes<'a> = (&'a str, Box<[Box<str>]>);

/// `scope` and `permissions`.
pub(crate) fn granted(claims: &Object) -> Result<Scopes<'_>, Refusal> {
    let scope = optional(claims, "scope")?.unwrap_or_default();
    let Some(value) = claims.get("permissions") else { return Ok((scope, Box::default())) };
    let list = value.as_texts().ok_or_else(|| {
        Refusal::invalid("permissions is not a list", "A claim of the access token has the wrong type.")
    })?;
    Ok((scope, list.into_iter().map(Into::into).collect()))
}
