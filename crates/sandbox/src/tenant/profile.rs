//! The user's profile as OpenID Connect claims: `/userinfo` and ID tokens.

use serde_json::{Value, json};

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::text;
use crate::world::state::Record;

use super::verify;

/// The claims that `scope` lets out; `sub` always.
pub(super) fn claims(record: &Record, scope: &str) -> Value {
    let has = |wanted: &str| scope.split(' ').any(|scope| scope == wanted);
    let user = &record.user;
    let mut body = json!({ "sub": user.user_id });
    if has("profile") {
        let (given, family) = user.name.split_once(' ').unwrap_or((&user.name, ""));
        merge(
            &mut body,
            json!({
                "name": user.name, "given_name": given, "family_name": family,
                "nickname": record.identities.first().map(|held| held.identity.login.clone()),
                "picture": format!("https://cdn.example.test/{}.png", text::encode(&user.user_id)),
                "updated_at": text::rfc3339(record.last_login.elapsed().unwrap_or_default()),
            }),
        );
    }
    if has("email") {
        merge(&mut body, json!({ "email": user.email, "email_verified": true }));
    }
    body
}

/// `/userinfo`: for opaque tokens, and JWTs that name it among their audiences.
pub(super) fn userinfo(inner: &Inner, entry: &Entry) -> Answer {
    let token = entry.credential(&["bearer", "dpop"]).unwrap_or_default();
    let opaque =
        inner.state().tenant.opaque.get(token).map(|login| (login.user_id.clone(), login.scope.clone()));
    let known = opaque.or_else(|| {
        let claims = verify::token_for(inner, token, &format!("{}userinfo", inner.issuer_of(entry)))?;
        let scope = claims.get("scope").and_then(Value::as_str).unwrap_or_default().to_owned();
        Some((verify::subject(&claims).to_owned(), scope))
    });
    let found = known.and_then(|(user, scope)| Some((inner.state().users.get(&user).cloned()?, scope)));
    match found {
        Some((record, scope)) => Answer::json(200, &claims(&record, &scope)),
        None => Answer::text(401, "Unauthorized")
            .header("www-authenticate", "Bearer realm=\"Users\", error=\"invalid_token\""),
    }
}
