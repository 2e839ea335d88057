//! The tenant's refusals in the operator's terms: what is wrong, and where it is put right.

use super::super::{ask::Reply, call::USER_ID, token::Refused};
use crate::config::Settings;

/// Why there is no management token.
pub(in super::super) fn refusal(settings: &Settings, refused: &Refused) -> (String, String) {
    let reply = match refused {
        Refused::Unreachable(error) => {
            return (
                format!("{} does not answer: {error}", settings.tenant.base_url),
                "correct `tenant.domain` or `tenant.base_url`, and make sure that this machine can reach it"
                    .to_owned(),
            );
        }
        Refused::Answer(reply) => reply,
    };
    let (error, description) = (reply.error(), reply.description());
    let said = format!("the token endpoint answered {} {error}: {description}", reply.status);
    let remedy = match (reply.status, error.as_str()) {
        (429, _) => "wait: the tenant's rate limit is used up. The gateway requests one token in each token lifetime, so look for another program that requests tokens".to_owned(),
        (500.., _) => "wait until the tenant answers again; see status.auth0.com".to_owned(),
        (_, "unauthorized_client") => "allow the grant `Client Credentials` in the application's advanced settings".to_owned(),
        (403, "access_denied") if description.contains("Service not enabled") => format!(
            "`tenant.audience` ({}) is not an API of this tenant: `tenant.domain` must be the canonical domain",
            settings.tenant.audience
        ),
        (403, "access_denied") => format!(
            "authorise the application `{}` for the Auth0 Management API with read:users and read:user_idp_tokens",
            settings.tenant.client_id
        ),
        (401, _) => "correct `tenant.client_id` and its secret or key, and `tenant.auth`, which must be the method of the application in Auth0".to_owned(),
        (404 | 405, _) => "correct `tenant.domain` or `tenant.base_url`: there is no Auth0 tenant at that address".to_owned(),
        (200..=299, _) => "correct `tenant.domain` or `tenant.base_url`: this address is not a token endpoint".to_owned(),
        _ => "read the tenant's log (feccft), and correct the application named by `tenant.client_id`".to_owned(),
    };
    (said, remedy)
}

/// Why there is no user record.
pub(in super::super) fn look_up(reply: &Reply, id: &str) -> (String, String) {
    let said = format!("the look-up answered {} {}: {}", reply.status, reply.error(), reply.description());
    match reply.status {
        404 => (format!("the tenant has no user `{id}`"), USER_ID.to_owned()),
        400 if reply.error() == "invalid_uri" || !id.contains('|') => {
            (format!("`{id}` is not a user id"), USER_ID.to_owned())
        }
        400 => (
            said,
            "the id is malformed, or the management token is not valid: check `tenant.domain`".to_owned(),
        ),
        401 => (
            said,
            "the token and the look-up must use the same host: remove `tenant.base_url`, or use its host for both"
                .to_owned(),
        ),
        403 => (said, "add `read:users` to the application's grant for the Auth0 Management API".to_owned()),
        429 => (said, "wait: the rate limit of the Management API is used up".to_owned()),
        _ => (said, "wait until the tenant answers again".to_owned()),
    }
}
