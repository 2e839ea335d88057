//! What is checked of a token before its claims: form, algorithm, type, issuer, key, signature. Each check is a function of
//! its own, so that a diagnosis asks the same ones.

use std::sync::Arc;

use crate::Reason;
use crate::challenge::Error;
use crate::jose::{self, Compact, Malformed};
use crate::keys::{KeySource, KeysUnavailable, VerifyingKey};
use crate::refusal::{Claim, Refusal};
use crate::rules::{Algorithm, Rules};
use crate::signature::{ParsedKeys, by_tenant};

/// `typ` of access tokens.
const ACCESS_TOKEN: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];

/// Takes the token apart.
pub(crate) fn parse<'a>(token: &'a str, rules: &Rules) -> Result<Compact<'a>, Refusal> {
    let (size, longest) = (token.len(), rules.max_token);
    jose::parse(token, longest).map_err(|error| match error {
        Malformed::TooLong => {
            let detail = format!("The access token has {size} bytes; at most {longest} are accepted.");
            Refusal::invalid("too long", detail).because(Claim::Size, longest, &size.to_string())
        }
        Malformed::Opaque => Refusal::new(
            Reason::TokenOpaque,
            Error::InvalidToken,
            "opaque token",
            "It does not have the three parts of a JWT; the app must ask Auth0 for this API's audience.",
        ),
        Malformed::Encrypted => Refusal::invalid(
            "five parts",
            "The token is encrypted; the app must ask for this API's audience, and the API must not encrypt its tokens.",
        ),
        Malformed::Unclean(cause) => Refusal::not_valid(cause),
    })
}

/// `alg` is accepted.
pub(crate) fn algorithm(token: &Compact<'_>, rules: &Rules) -> Result<Algorithm, Refusal> {
    let name = token.algorithm().ok_or_else(|| Refusal::not_valid("no alg"))?;
    rules.algorithm(name).ok_or_else(|| {
        let accepted: Vec<_> = rules.algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
        Refusal::not_valid("alg is not accepted").because(Claim::Algorithm, accepted.join(" "), name)
    })
}

/// `typ` is one of an access token, or absent.
pub(crate) fn typ(token: &Compact<'_>) -> Result<(), Refusal> {
    let Ok(typ) = token.typ() else { return Err(Refusal::not_valid("typ is not a text")) };
    match typ {
        Some(typ) if !ACCESS_TOKEN.iter().any(|known| typ.eq_ignore_ascii_case(known)) => {
            Err(Refusal::not_valid("typ").because(Claim::Type, "JWT at+jwt", typ))
        }
        _ => Ok(()),
    }
}

/// `iss` is accepted.
pub(crate) fn issuer(token: &Compact<'_>, rules: &Rules) -> Result<Arc<str>, Refusal> {
    let found = token.text("iss");
    found.and_then(|iss| rules.issuer(iss)).ok_or_else(|| {
        let accepted = rules.issuers.join(" ");
        Refusal::not_valid("issuer is not accepted").because(Claim::Issuer, accepted, found.unwrap_or("none"))
    })
}

/// The tenant's key with the token's `kid`.
pub(crate) async fn key(token: &Compact<'_>, keys: &dyn KeySource) -> Result<VerifyingKey, Refusal> {
    let kid = token.kid().ok_or_else(|| Refusal::not_valid("kid"))?;
    keys.find(kid).await.map_err(no_keys)?.ok_or_else(|| {
        Refusal::not_valid("unknown kid").because(Claim::KeyId, "a key of the tenant's set", kid)
    })
}

fn no_keys(error: KeysUnavailable) -> Refusal {
    let (reason, cause) = if error.rate_limited {
        (Reason::KeysRateLimited, "the key endpoint says too many requests")
    } else {
        (Reason::KeysUnavailable, "the tenant's keys could not be had")
    };
    let detail = "Access tokens cannot be verified at the moment.";
    let refusal = Refusal::later(reason, cause, detail, error.retry_after);
    Refusal { source: error.source, ..refusal }
}

/// The key's own algorithm, where it names one, and the signature.
pub(crate) fn signature(
    token: &Compact<'_>,
    keys: &ParsedKeys,
    (algorithm, key): (Algorithm, &VerifyingKey),
) -> Result<(), Refusal> {
    if let Some(bound) = key.algorithm()
        && bound != algorithm.as_str()
    {
        let refusal = Refusal::not_valid("the key is for another algorithm");
        return Err(refusal.because(Claim::Algorithm, bound, algorithm.as_str()));
    }
    if by_tenant(keys, (algorithm, key), token.signed, token.signature) {
        Ok(())
    } else {
        Err(Refusal::not_valid("signature"))
    }
}
