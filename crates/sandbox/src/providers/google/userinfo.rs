//! The profile: OpenID Connect's, and the older form of `/oauth2/v2/userinfo`.

use serde_json::{Value, json};

use crate::http::Answer;
use crate::json::merge;
use crate::providers::session::Session;
use crate::refusals::google::{PREFIX, scope_missing};

pub(super) fn answer(session: &Session, version: &str) -> Result<Answer, Answer> {
    let profile = ["profile".to_owned(), format!("{PREFIX}userinfo.profile")];
    let email = ["email".to_owned(), format!("{PREFIX}userinfo.email")];
    let has = |scopes: &[String]| scopes.iter().any(|scope| session.has(scope));
    if !session.has("openid") && !has(&profile) && !has(&email) {
        return Err(scope_missing(&["openid".to_owned()]));
    }
    let account = &session.account;
    let old = version == "v2";
    let mut body = if old { json!({ "id": account.id }) } else { json!({ "sub": account.id }) };
    if has(&profile) {
        let (given, family) = account.name.split_once(' ').unwrap_or((&account.name, ""));
        let picture = format!("https://lh3.googleusercontent.com/a/{}=s96-c", account.login);
        merge(
            &mut body,
            json!({ "name": account.name, "given_name": given, "family_name": family, "picture": picture }),
        );
    }
    if has(&email) {
        let verified = if old { "verified_email" } else { "email_verified" };
        merge(&mut body, json!({ "email": account.email, verified: Value::Bool(true) }));
    }
    Ok(Answer::json(200, &body))
}
