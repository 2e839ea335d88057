//! The user look-up, and each configured connection.

use serde_json::Value;

use super::{
    super::{
        ask::{Asker, tenant_url},
        token::Management,
        user::{Identity, entry, identities, look_up},
    },
    explain,
    report::Report,
};
use crate::config::{Settings, nearest};

/// An id that no tenant has: asking for it proves the permission without touching anybody's record.
const NO_USER: &str = "auth0|gateway-doctor-no-such-user";

pub(super) async fn check(
    settings: &Settings,
    asker: &Asker,
    management: Option<&Management>,
    user: Option<&str>,
    report: &mut Report,
) {
    let Some(management) = management else {
        report.skip("user-look-up", "there is no management token");
        skip_connections(settings, "there is no management token", report);
        return;
    };
    let id = user.unwrap_or(NO_USER);
    let record = match look_up(settings, asker, &management.token, id).await {
        Ok(reply) if reply.status == 200 => reply.json(),
        Ok(reply) if reply.status == 404 && user.is_none() => {
            report.ok("user-look-up", "the Management API answers look-ups");
            return connections(settings, asker, management, report).await;
        }
        Ok(reply) => {
            let (finding, remedy) = explain::look_up(&reply, id);
            report.fail("user-look-up", finding, remedy);
            return skip_connections(settings, "there is no user record", report);
        }
        Err(error) => {
            report.fail("user-look-up", format!("the tenant does not answer: {error}"), "try again");
            return skip_connections(settings, "there is no user record", report);
        }
    };
    if record.get("blocked").and_then(Value::as_bool) == Some(true) {
        report.fail(
            "user-look-up",
            format!("`{id}` is blocked"),
            "unblock the user in Auth0, or use another user",
        );
    } else {
        report.ok("user-look-up", format!("`{id}` has {} identities", identities(&record).len()));
    }
    accounts(settings, &identities(&record), report);
}

fn skip_connections(settings: &Settings, why: &str, report: &mut Report) {
    for (name, provider) in &settings.providers {
        for connection in &provider.connections {
            report.skip(&format!("connection:{name}:{connection}"), why);
        }
    }
}

/// What one user's record says of each connection.
fn accounts(settings: &Settings, identities: &[Identity], report: &mut Report) {
    for (name, provider) in &settings.providers {
        let id = format!("connection:{name}");
        let own: Vec<_> =
            identities.iter().filter(|identity| entry(settings, identity) == Some(name.as_str())).collect();
        match own.as_slice() {
            [] => {
                let others = identities.iter().filter(|identity| entry(settings, identity).is_none());
                let others: Vec<_> = others.map(|identity| identity.connection.as_str()).collect();
                let hint = provider.connections.iter().find_map(|wanted| nearest(wanted, others.iter().copied()));
                report.warn(
                    &id,
                    format!("the user has no account of {}{}", provider.connections.join(", "), did_you_mean(hint)),
                    "correct `connections`, or link the account; `gateway user ID` shows what the user has",
                );
            }
            [one] if one.has_token => report.ok(&id, format!("{} holds a token", one.connection)),
            [one] => report.fail(
                &id,
                format!("the identity of {} has no token", one.connection),
                "grant read:user_idp_tokens; give the connection your own OAuth client instead of Auth0's developer keys; sign in again",
            ),
            several => report.warn(
                &id,
                format!("the user has {} accounts here", several.len()),
                "calls must name one of them in the header Idp-Account",
            ),
        }
    }
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// Whether the tenant knows each connection; needs a scope that the gateway itself does not.
async fn connections(settings: &Settings, asker: &Asker, management: &Management, report: &mut Report) {
    if !management.scopes.contains("read:connections") {
        return skip_connections(
            settings,
            "use --user ID to see whether a user's account has a token",
            report,
        );
    }
    let url = tenant_url(settings, &["api", "v2", "connections"]);
    let known: Vec<Value> =
        match asker.get(&format!("{url}?fields=name,strategy"), Some(&management.token)).await {
            Ok(reply) if reply.status == 200 => reply.json().as_array().cloned().unwrap_or_default(),
            _ => return skip_connections(settings, "the tenant does not list its connections", report),
        };
    for (name, provider) in &settings.providers {
        for connection in &provider.connections {
            let id = format!("connection:{name}:{connection}");
            let exists = known.iter().any(|known| {
                ["name", "strategy"]
                    .iter()
                    .any(|member| known.get(*member).and_then(Value::as_str) == Some(connection))
            });
            if exists {
                report.ok(&id, "the tenant has this connection");
            } else {
                let names = known.iter().filter_map(|known| known.get("name").and_then(Value::as_str));
                let hint = did_you_mean(nearest(connection, names));
                report.warn(
                    &id,
                    format!("the tenant has no such connection{hint}"),
                    format!("correct `providers.{name}.connections`"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_connection_is_recognised() {
        let known = ["github", "google-oauth2"];
        assert_eq!(nearest("githb", known.into_iter()), Some("github"));
        assert_eq!(nearest("windowslive", known.into_iter()), None);
    }
}
