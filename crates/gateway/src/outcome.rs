//! The closed list of outcomes: what became of a request, in words that do not depend on the provider.
//!
//! The same words stand in `Idp-Outcome`, in a problem's `code`, in metrics and in the audit log. Nothing
//! else in the gateway may invent one.

use std::fmt;

use http::StatusCode;

/// The page with a section for each outcome: what it means and what to do.
const PAGE: &str = "https://idp-gateway.github.io/idp-gateway/reference/outcomes.html";

macro_rules! codes {
    ($( $(#[doc = $doc:literal])* $name:ident = $word:literal, $status:ident, $title:literal, $remedy:literal; )+) => {
        /// One word of the closed list (design section 8, contract section 4).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $( $(#[doc = $doc])* $name, )+ }

        impl Code {
            /// Every code, in the order of the catalogue.
            pub const ALL: &'static [Code] = &[ $( Code::$name, )+ ];

            /// The word itself.
            pub const fn as_str(self) -> &'static str {
                match self { $( Code::$name => $word, )+ }
            }

            /// The status a problem with this code carries, unless the provider's own status stands
            /// ([`Code::keeps_provider_status`]).
            pub const fn status(self) -> StatusCode {
                match self { $( Code::$name => StatusCode::$status, )+ }
            }

            /// A short sentence that says what happened, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $( Code::$name => $title, )+ }
            }

            /// What it means besides its title, in a sentence or two.
            pub const fn meaning(self) -> &'static str {
                match self { $( Code::$name => concat!($($doc),*).trim_ascii(), )+ }
            }

            /// What the reader of the answer can do about it.
            pub const fn remedy(self) -> &'static str {
                match self { $( Code::$name => $remedy, )+ }
            }
        }
    };
}

codes! {
    /// Its status is 2xx or 3xx, and the answer is passed on.
    Ok = "ok", OK, "The provider answered", "Nothing to do.";
    /// The request has no `Authorization` header, or one with a scheme that is not accepted.
    CallerTokenMissing = "caller-token-missing", UNAUTHORIZED, "No access token was sent",
        "Send the app's Auth0 access token as 'Authorization: Bearer TOKEN'.";
    /// The signature, the issuer, the audience or another claim is not what the gateway accepts.
    CallerTokenInvalid = "caller-token-invalid", UNAUTHORIZED, "The access token is not valid here",
        "Get a new access token from Auth0 for this API's audience, and send it unchanged.";
    /// The time of its claim `exp` is over.
    CallerTokenExpired = "caller-token-expired", UNAUTHORIZED, "The access token has expired",
        "Get a new access token from Auth0 (getTokenSilently in the Auth0 SDKs) and repeat the call.";
    /// Auth0 issues such a token to an app that asks for no audience. Only Auth0 can read it.
    CallerTokenOpaque = "caller-token-opaque", UNAUTHORIZED, "The access token is opaque, not a JWT",
        "Request an access token with the 'audience' of this API from Auth0; without an audience Auth0 issues opaque tokens.";
    /// The proof does not fit the method, the address, the token or its key, or it was used before.
    DpopProofInvalid = "dpop-proof-invalid", UNAUTHORIZED, "The DPoP proof is missing or not valid",
        "Send a fresh DPoP proof for this method, URL and access token, signed with the key the token is bound to.";
    /// A rule with `require_scope`, or `disconnect_scope`, asks for a scope that the token does not have.
    CallerScopeMissing = "caller-scope-missing", FORBIDDEN, "The access token lacks a required scope",
        "Request an access token with the scopes in 'required_scopes' from Auth0.";
    /// It comes from the client credentials grant: no user has logged in.
    CallerNotAUser = "caller-not-a-user", FORBIDDEN, "The access token is not for a user",
        "Use a token from a user login (Authorization Code with PKCE); a client-credentials token belongs to no user, so it has no accounts.";
    /// The lists of `callers` do not name what the token names.
    CallerNotAllowed = "caller-not-allowed", FORBIDDEN, "This client or organisation may not use the gateway",
        "Ask the operator to admit the client or organisation in 'callers.clients' or 'callers.organizations'.";
    /// Auth0 marks the user as blocked, or an operator has blocked the user at the gateway.
    UserBlocked = "user-blocked", FORBIDDEN, "The user is blocked",
        "Ask the operator to unblock the user in Auth0 or at the gateway.";
    /// The user in the token's `sub` was deleted, or was linked to another user.
    UserUnknown = "user-unknown", FORBIDDEN, "Auth0 has no such user",
        "Log in again. If accounts were linked, the token still names the account that no longer exists on its own.";
    /// A rule, the access level, the deny list or an operator's block refuses it. `detail` says which.
    PolicyDenied = "policy-denied", FORBIDDEN, "The gateway's policy does not allow this call",
        "Use a method and path the provider's 'access' and 'rules' allow, or ask the operator to add a rule.";
    /// The name in the path is no entry of `providers`.
    UnknownProvider = "unknown-provider", NOT_FOUND, "No such provider is configured",
        "Use a provider name from the gateway's configuration: /proxy/{provider}/...";
    /// It can be read in more than one way, or it would leave the part of the API that was checked.
    BadPath = "bad-path", BAD_REQUEST, "The path cannot be passed on safely",
        "Send a path without dot segments, backslashes, control bytes, raw non-ASCII or broken percent-escapes.";
    /// The host after `~` is not one that the provider's adapter calls.
    HostNotAllowed = "host-not-allowed", FORBIDDEN, "The provider host is not allowed",
        "Use one of the provider's own API hosts after '~', or none for the default host.";
    /// The user has more than one account at this provider, and the call does not name one.
    AccountAmbiguous = "account-ambiguous", CONFLICT, "Several accounts of the user match",
        "Choose one of 'accounts' and send its 'account' value as the 'Idp-Account' header.";
    /// Neither the user's identities nor Token Vault contain an account at this provider.
    AccountNotConnected = "account-not-connected", FORBIDDEN, "The user has no such account connected",
        "Let the user connect the account: open 'connect.url' if there is one, else use the parameters in 'connect'.";
    /// The access was revoked or has expired, and no refresh brings a new token.
    ReconnectRequired = "reconnect-required", FORBIDDEN, "The provider no longer accepts the user's grant",
        "Let the user connect the account again: open 'connect.url' if there is one, else use the parameters in 'connect'.";
    /// The user has not consented to a scope that this call needs.
    ProviderScopeMissing = "provider-scope-missing", FORBIDDEN, "The user's grant lacks a scope at the provider",
        "Let the user agree to the scopes: open 'connect.url' if there is one, else use the parameters in 'connect'.";
    /// The user, the account or the app has no right to do this. With `connect` in the problem: the provider refuses, for this
    /// call, a token that it accepted or issued moments ago, and connecting the account again may help.
    ProviderDenied = "provider-denied", FORBIDDEN, "The provider does not allow the user to do this",
        "Check the user's rights at the provider; asking for more scopes does not help.";
    /// The user or the app has made too many calls. The gateway passes the limit on and does not wait.
    ProviderRateLimited = "provider-rate-limited", TOO_MANY_REQUESTS, "The provider limits the rate of calls",
        "Wait for the seconds in 'Retry-After', then repeat the call.";
    /// It answered with a server error, with invalid HTTP, or with an incomplete body.
    ProviderError = "provider-error", BAD_GATEWAY, "The provider failed to answer properly",
        "Repeat the call later; if it persists, look at the provider's status page.";
    /// No connection could be made: DNS, the network or TLS failed.
    ProviderUnreachable = "provider-unreachable", BAD_GATEWAY, "The provider could not be reached",
        "Repeat the call later; operators: check the network, DNS and TLS between gateway and provider.";
    /// No answer came within the configured time.
    ProviderTimeout = "provider-timeout", GATEWAY_TIMEOUT, "The provider took too long to answer",
        "Repeat the call later, or ask for less in one call.";
    /// It answered 4xx because the request itself is wrong.
    ProviderRejected = "provider-rejected", BAD_REQUEST, "The provider rejected the request",
        "Correct the request as the provider's own message says.";
    /// The provider refuses the OAuth client, an API is not enabled there, or a setting cannot be used.
    ProviderMisconfigured = "provider-misconfigured", BAD_GATEWAY, "The gateway's set-up at the provider is incomplete",
        "Operators: look at the log for this request id; 'gateway doctor' names the setting.";
    /// Auth0 answered 429, and nothing in the caches can serve the call.
    TenantRateLimited = "tenant-rate-limited", SERVICE_UNAVAILABLE, "Auth0 limits the rate of the gateway's calls",
        "Wait for the seconds in 'Retry-After', then repeat the call.";
    /// There was no answer or a server error, and nothing in the caches can serve the call.
    TenantUnavailable = "tenant-unavailable", SERVICE_UNAVAILABLE, "Auth0 does not answer",
        "Wait for the seconds in 'Retry-After', then repeat the call.";
    /// Auth0 refuses the gateway's client, its grant or its scopes.
    TenantMisconfigured = "tenant-misconfigured", BAD_GATEWAY, "The gateway's set-up in Auth0 is incomplete",
        "Operators: look at the log for this request id; 'gateway doctor' names the missing grant or scope.";
    /// The caller has used up the quota that `quotas` sets.
    RateLimited = "rate-limited", TOO_MANY_REQUESTS, "Too many calls from this caller",
        "Wait for the seconds in 'Retry-After', then repeat the call.";
    /// The gateway's limit or the limit for this provider is reached.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "The gateway has too many requests in flight",
        "Wait for the seconds in 'Retry-After', then repeat the call.";
    /// It is longer than `server.limits.body`.
    BodyTooLarge = "body-too-large", PAYLOAD_TOO_LARGE, "The request body is too large",
        "Send a smaller body, or ask the operator to raise 'server.limits.body'.";
    /// They exceed `server.limits.headers` or `server.limits.header_count`.
    HeadersTooLarge = "headers-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's headers are too large",
        "Send fewer or shorter headers.";
    /// It is longer than `server.limits.uri`.
    UriTooLong = "uri-too-long", URI_TOO_LONG, "The request's target is too long",
        "Shorten the path or query, or move parameters into the body where the provider allows it.";
    /// Its head or its body arrived too slowly, or stopped arriving.
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, "The request took too long to arrive",
        "Send the request's head and body without long pauses.";
    /// A header, the query or the body cannot be read, or can be read in more than one way.
    BadRequest = "bad-request", BAD_REQUEST, "The request is malformed",
        "Correct the request as 'detail' says.";
    /// A token in the path is refused too: URLs are kept in logs and in browser histories.
    CallerTokenInQuery = "caller-token-in-query", BAD_REQUEST, "An access token was sent in the query",
        "Send the token in the 'Authorization' header only, and take it out of the URL.";
    /// The provider would receive it in a form, in a multipart body, or in a header other than `Authorization`.
    CallerTokenInBody = "caller-token-in-body", BAD_REQUEST, "The access token was sent inside the body",
        "Send the token in the 'Authorization' header only, and take it out of the body; it must never reach a provider.";
    /// The gateway has no such route, or the route is switched off.
    NotFound = "not-found", NOT_FOUND, "There is nothing at this address",
        "See /openapi.json for the routes of the gateway.";
    /// The route serves other methods.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "The method is not allowed here",
        "Use one of the methods in the 'Allow' header.";
    /// The header `Host` is not in `server.allowed_hosts`.
    Misdirected = "misdirected", MISDIRECTED_REQUEST, "This host name is not served here",
        "Use the gateway's public host name; operators: list it in 'server.allowed_hosts'.";
    /// WebSocket and CONNECT are not served.
    NotImplemented = "not-implemented", NOT_IMPLEMENTED, "The gateway does not support this",
        "Do not ask for WebSocket or CONNECT; use plain requests.";
    /// The target is not a host of the provider, is a sign-in page, contains the token, or is the fourth redirect in a row.
    RedirectBlocked = "redirect-blocked", BAD_GATEWAY, "The provider redirected to an address that the gateway does not call",
        "Ask the provider for the content in another way, or ask the operator to review the provider's 'redirects' setting.";
    /// Its encoding cannot be searched, and this provider is known to repeat tokens.
    ResponseUninspectable = "response-uninspectable", BAD_GATEWAY, "The provider's answer could not be checked for secrets",
        "Repeat the call without 'Accept-Encoding'; operators: a proxy between gateway and provider compresses although the gateway does not accept compression.";
    /// The call needs stored data, or would use a single-use refresh token without a place to store the next one.
    StoreUnavailable = "store-unavailable", SERVICE_UNAVAILABLE, "The gateway's store cannot be reached",
        "Wait for the seconds in 'Retry-After', then repeat the call; operators: check 'store'.";
    /// This is an error in the gateway. Its log has the cause.
    InternalError = "internal-error", INTERNAL_SERVER_ERROR, "The gateway failed",
        "Repeat the call; if it persists, report the request id to the operator.";
}

impl Code {
    /// Whether an answer of the provider with this code keeps the provider's status even as a problem.
    pub const fn keeps_provider_status(self) -> bool {
        matches!(self, Code::Ok | Code::ProviderDenied | Code::ProviderError | Code::ProviderRejected)
    }

    /// Whether the code means "come back later", so that `Retry-After` must be present.
    pub const fn is_limit(self) -> bool {
        matches!(
            self,
            Code::ProviderRateLimited
                | Code::TenantRateLimited
                | Code::TenantUnavailable
                | Code::RateLimited
                | Code::Overloaded
                | Code::StoreUnavailable
        )
    }

    /// What the calling program does next, in one sentence.
    pub const fn next_step(self) -> &'static str {
        match self {
            Code::Ok => "It uses the answer.",
            Code::CallerTokenMissing
            | Code::CallerTokenInvalid
            | Code::CallerTokenExpired
            | Code::CallerTokenOpaque
            | Code::DpopProofInvalid => {
                "It gets a new token or proof and repeats the call once. Sending the same one again does not help."
            }
            Code::AccountNotConnected | Code::ReconnectRequired | Code::ProviderScopeMissing => {
                "It sends the user through `connect`, and repeats the call after that."
            }
            Code::ProviderDenied => {
                "It tells the user. If the problem has `connect`, it may offer to connect the account again."
            }
            Code::AccountAmbiguous => "It lets the user choose, and repeats the call with `Idp-Account`.",
            Code::CallerScopeMissing | Code::CallerNotAUser => {
                "It requests another token from Auth0. With this one the call is refused again."
            }
            Code::UserUnknown => "It logs the user in again.",
            _ if self.is_limit() => "It waits for `Retry-After`, then repeats the call.",
            Code::ProviderError
            | Code::ProviderUnreachable
            | Code::ProviderTimeout
            | Code::RequestTimeout
            | Code::InternalError => {
                "It repeats a safe call later, with increasing pauses. An unsafe call may already have had its effect."
            }
            Code::TenantMisconfigured
            | Code::ProviderMisconfigured
            | Code::CallerNotAllowed
            | Code::UserBlocked
            | Code::ResponseUninspectable => {
                "It stops and shows the remedy. Only an operator can correct this."
            }
            _ => "It changes the request. The same request gets the same answer.",
        }
    }

    /// The RFC 9209 error type that says the same to a proxy-aware client, where there is one.
    pub const fn proxy_error(self) -> Option<&'static str> {
        Some(match self {
            Code::ProviderUnreachable => "destination_unavailable",
            Code::ProviderTimeout => "http_response_timeout",
            Code::ResponseUninspectable | Code::RedirectBlocked => "http_protocol_error",
            Code::PolicyDenied | Code::CallerScopeMissing | Code::UserBlocked | Code::HostNotAllowed => {
                "http_request_denied"
            }
            Code::TenantMisconfigured | Code::ProviderMisconfigured => "proxy_configuration_error",
            Code::InternalError => "proxy_internal_error",
            Code::TenantUnavailable
            | Code::TenantRateLimited
            | Code::StoreUnavailable
            | Code::ReconnectRequired => "proxy_internal_response",
            Code::Overloaded => "connection_limit_reached",
            _ => return None,
        })
    }

    /// The address of its section in the documentation.
    pub fn documentation(self) -> String {
        format!("{PAGE}#{self}")
    }

    /// The code with this word.
    pub fn from_word(word: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.as_str() == word)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_and_round_trip() {
        for code in Code::ALL {
            assert_eq!(Code::from_word(code.as_str()), Some(*code));
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{code}");
            assert!(!code.remedy().is_empty() && !code.title().is_empty());
        }
    }

    #[test]
    fn the_statuses_of_the_contract() {
        let table = [
            ("account-ambiguous", 409),
            ("reconnect-required", 403),
            ("misdirected", 421),
            ("not-implemented", 501),
            ("tenant-misconfigured", 502),
            ("tenant-rate-limited", 503),
            ("rate-limited", 429),
            ("overloaded", 503),
            ("headers-too-large", 431),
            ("uri-too-long", 414),
            ("body-too-large", 413),
            ("request-timeout", 408),
            ("user-unknown", 403),
            ("redirect-blocked", 502),
        ];
        for (word, status) in table {
            assert_eq!(Code::from_word(word).map(|c| c.status().as_u16()), Some(status), "{word}");
        }
    }
}
