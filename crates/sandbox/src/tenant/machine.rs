//! The client-credentials grant (facts 1.1 to 1.5).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::mint::{TokenMint, encrypted};
use crate::text::{self, URL64};
use crate::world::client::Client;

use super::answers::{expires_in, oauth_error};

pub(super) fn answer(inner: &Arc<Inner>, entry: &Entry, client: &Client, key: Option<String>) -> Answer {
    let malformed =
        |body: &Value| body.get("scope").is_some_and(|scope| !scope.is_string() && !scope.is_array());
    if entry.json().as_ref().is_some_and(malformed) {
        return oauth_error(400, "invalid_scope", "Scope must be an array or a string");
    }
    let quota = Quota::spend(inner, client);
    if quota.as_ref().is_some_and(|quota| quota.refused) {
        let refusal = oauth_error(429, "too_many_requests", "Client quota exceeded");
        return quota.iter().fold(refusal, |answer, quota| quota.mark(answer));
    }
    let granted = match entry.field("audience") {
        // Auth0's trap: no audience is no error, but an opaque token that no API takes.
        None => opaque(inner, entry),
        Some(audience) => token(inner, client, &audience, entry, key),
    };
    quota.iter().fold(granted, |answer, quota| quota.mark(answer))
}

fn opaque(inner: &Arc<Inner>, entry: &Entry) -> Answer {
    let token = encrypted(&inner.issuer_of(entry));
    inner.state().secrets.insert(token.clone());
    Answer::json(
        200,
        &json!({ "access_token": token, "expires_in": expires_in(inner, 86400), "token_type": "Bearer" }),
    )
}

fn token(inner: &Arc<Inner>, client: &Client, audience: &str, entry: &Entry, key: Option<String>) -> Answer {
    let management = inner.settings.management_audience();
    let known = audience == management
        || audience == inner.settings.api_audience
        || client.grants.iter().any(|(granted, _)| granted == audience);
    if !known {
        return oauth_error(403, "access_denied", &format!("Service not enabled within domain: {audience}"));
    }
    let Some((_, scopes)) = client.grants.iter().find(|(granted, _)| granted == audience) else {
        let text = format!(
            "Client is not authorized to access \"{audience}\". You need to create a \"client-grant\" associated to \
             this API. See: https://auth0.com/docs/api/v2#!/Client_Grants/post_client_grants"
        );
        return oauth_error(403, "access_denied", &text);
    };
    let (lifetime, generation) = {
        let state = inner.state();
        (state.tenant.machine_lifetime, state.tenant.management_generation)
    };
    let scope = scopes.join(" ");
    let mut mint = TokenMint::rs256(Arc::clone(inner))
        .issuer(&inner.issuer_of(entry))
        .machine(&client.id)
        .audience(audience)
        .scope(&scope)
        .expires_in(i64::try_from(lifetime).unwrap_or(i64::MAX / 2))
        // Two tokens of one second must not be the same text.
        .claim("jti", text::random(URL64, 16));
    if let Some(organization) = entry.field("organization") {
        mint = mint.claim("org_id", organization);
    }
    if scopes.is_empty() {
        mint = mint.claim("scope", Value::Null);
    }
    let token_type = if key.is_some() { "DPoP" } else { "Bearer" };
    if let Some(key) = key {
        mint = mint.claim("cnf", json!({ "jkt": key }));
    }
    let token = mint.sign();
    {
        let mut state = inner.state();
        state.secrets.insert(token.clone());
        state.tenant.management_tokens.insert(token.clone(), generation);
    }
    let mut body =
        json!({ "access_token": token, "expires_in": expires_in(inner, lifetime), "token_type": token_type });
    if !scopes.is_empty() {
        merge(&mut body, json!({ "scope": scope }));
    }
    Answer::json(200, &body)
}

/// Machine-token quotas (facts 1.5).
struct Quota {
    per_hour: u64,
    per_day: u64,
    used: u64,
    refused: bool,
}

impl Quota {
    fn spend(inner: &Inner, client: &Client) -> Option<Self> {
        let (per_hour, per_day) = client.quota?;
        let mut state = inner.state();
        let used = state.tenant.quota_used.entry(client.id.clone()).or_insert(0);
        let refused = *used >= per_hour || *used >= per_day;
        if !refused {
            *used += 1;
        }
        Some(Self { per_hour, per_day, used: *used, refused })
    }

    fn mark(&self, answer: Answer) -> Answer {
        let now = text::epoch();
        let (hour, day) = (3600 - now.rem_euclid(3600), 86400 - now.rem_euclid(86400));
        let left = |quota: u64| quota.saturating_sub(self.used);
        let buckets = format!(
            "b=per_hour;q={};r={};t={hour},b=per_day;q={};r={};t={day}",
            self.per_hour,
            left(self.per_hour),
            self.per_day,
            left(self.per_day)
        );
        let answer = answer.header("auth0-client-quota-limit", buckets);
        if !self.refused {
            return answer;
        }
        let (quota, wait) =
            if self.used >= self.per_day { (self.per_day, day) } else { (self.per_hour, hour) };
        answer
            .header("x-ratelimit-limit", quota.to_string())
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset", (now + wait).to_string())
            .header("retry-after", wait.to_string())
    }
}
