//! The tenant as a browser's login sees it: the authorization endpoint, the code, the ID token.

use std::time::{Duration, SystemTime};

use caller_auth::{IdTokenRefusal, IdTokenVerifier};
use mgmt_auth::{ClientCredentials, Tenant};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::my_account::MyAccount;
use super::seal::challenge;
use super::ticket::{Flow, Leg};

/// What the My Account API wants of a token that connects accounts.
const SCOPE: &str = "openid create:me:connected_accounts";
/// How long Auth0 may take for one answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// The tenant, and the gateway's Regular Web Application there.
pub(super) struct SignIn {
    /// The issuer, with its slash: people sign in there.
    pub(super) issuer: String,
    pub(super) tenant: Tenant,
    pub(super) credentials: ClientCredentials,
    pub(super) ids: IdTokenVerifier,
    pub(super) my_account: MyAccount,
    pub(super) my_account_audience: String,
    /// The callback that is registered with the application.
    pub(super) callback: String,
}

/// Who signed in, and the access token for the My Account API where this was asked for.
pub(super) struct SignedIn {
    pub(super) user: String,
    pub(super) access_token: SecretString,
}

impl SignIn {
    /// Where the browser of a flow goes. `google`: the provider is Google.
    pub(super) fn authorize(&self, flow: &Flow, state: &str, google: bool) -> Option<Url> {
        let mut url = Url::parse(&format!("{}authorize", self.issuer)).ok()?;
        let (ticket, challenge) = (&flow.ticket, challenge(&flow.verifier));
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.credentials.client_id)
            .append_pair("redirect_uri", &self.callback)
            .append_pair("state", state)
            .append_pair("nonce", &flow.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        match &flow.leg {
            Leg::SignIn { silent } | Leg::Complete { silent, .. } => {
                if ticket.vault {
                    query.append_pair("scope", SCOPE).append_pair("audience", &self.my_account_audience);
                } else {
                    query.append_pair("scope", "openid");
                }
                if *silent {
                    query.append_pair("prompt", "none");
                }
            }
            Leg::Account => {
                query.append_pair("scope", "openid").append_pair("connection", &ticket.connection);
                if !ticket.scopes.is_empty() {
                    query.append_pair("connection_scope", &ticket.scopes.join(","));
                }
                if google {
                    query.append_pair("access_type", "offline").append_pair("prompt", "consent");
                    if let Some(account) = &ticket.account {
                        query.append_pair("login_hint", account);
                    }
                }
            }
            // The My Account API says where the browser goes.
            Leg::Vault => return None,
        }
        if let Some(organization) = &ticket.organization {
            query.append_pair("organization", organization);
        }
        drop(query);
        Some(url)
    }

    /// Redeems a code, and says who signed in.
    ///
    /// # Errors
    /// Why no user is known to have signed in, for the log.
    pub(super) async fn redeem(
        &self,
        code: &str,
        flow: &Flow,
        now: SystemTime,
    ) -> Result<SignedIn, &'static str> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.callback),
            ("code_verifier", &flow.verifier),
        ];
        let answer = self.tenant.request_token(&self.credentials, &form).await.map_err(|error| {
            let word = error.code().map(plain_word);
            tracing::warn!(event = "connect_token_refused", fault = error.fault().as_str(), code = word);
            "the code was not redeemed"
        })?;
        let id = answer.id_token().ok_or("no ID token came")?;
        let id = self.ids.verify(id.expose_secret(), &flow.nonce, now).await;
        let id = id.map_err(|refusal| match refusal {
            IdTokenRefusal::Invalid(word) | IdTokenRefusal::Unavailable(word) => word,
        })?;
        Ok(SignedIn { user: id.subject, access_token: answer.access_token().clone() })
    }
}

/// An error word of Auth0's as it may stand in a log.
pub(super) fn plain_word(word: &str) -> String {
    word.chars().filter(|letter| letter.is_ascii_lowercase() || *letter == '_').take(40).collect()
}
