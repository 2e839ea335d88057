//! ID tokens: only the client's own, for the sign-in that asked for them.

use serde_json::{Value, json};

use super::fixture::{ISSUER, Keys, NOW, USER, at, head, merge, raw, token};
use crate::{Algorithm, IdTokenRefusal, IdTokenVerifier};

fn verifier() -> IdTokenVerifier {
    IdTokenVerifier::new(ISSUER, "connect", &[Algorithm::Rs256], Keys::tenant())
}

fn id_token(over_head: Value, over_claims: Value) -> String {
    let claims = json!({
        "iss": ISSUER, "sub": USER, "aud": "connect", "iat": NOW, "exp": NOW + 36_000, "nonce": "n-1", "sid": "s",
    });
    raw(&merge(head(json!({})), over_head).to_string(), &merge(claims, over_claims).to_string(), "RS256")
}

#[tokio::test]
async fn a_good_id_token_names_the_user() {
    for more in [json!({}), json!({ "azp": "connect" }), json!({ "aud": ["connect", "x"], "azp": "connect" })]
    {
        let found = verifier().verify(&id_token(json!({}), more), "n-1", at(NOW)).await;
        assert_eq!(found.map(|token| token.subject), Ok(USER.to_owned()));
    }
    assert_eq!(verifier().issuer(), ISSUER);
}

#[tokio::test]
async fn anything_else_is_refused() {
    for (name, over_head, over_claims) in [
        ("typ at+jwt", json!({ "typ": "at+jwt" }), json!({})),
        ("other nonce", json!({}), json!({ "nonce": "n-2" })),
        ("no nonce", json!({}), json!({ "nonce": null })),
        ("no sub", json!({}), json!({ "sub": null })),
        ("empty sub", json!({}), json!({ "sub": "" })),
        ("other client", json!({}), json!({ "aud": "other" })),
        ("another client's, for both", json!({}), json!({ "aud": ["connect", "other"], "azp": "other" })),
        ("for both, for whom is not said", json!({}), json!({ "aud": ["connect", "other"] })),
        ("azp of another", json!({}), json!({ "azp": "other" })),
        ("other issuer", json!({}), json!({ "iss": "https://evil/" })),
        ("no iat", json!({}), json!({ "iat": null })),
        ("no exp", json!({}), json!({ "exp": null })),
        ("expired", json!({}), json!({ "iat": NOW - 200, "exp": NOW - 31 })),
        ("future", json!({}), json!({ "iat": NOW + 31 })),
        ("alg", json!({ "alg": "HS256" }), json!({})),
        ("an algorithm that is not accepted", json!({ "alg": "PS256" }), json!({})),
        ("kid", json!({ "kid": "nobody" }), json!({})),
        ("too long", json!({}), json!({ "x": "y".repeat(16 * 1024) })),
    ] {
        let answer = verifier().verify(&id_token(over_head, over_claims), "n-1", at(NOW)).await;
        assert!(matches!(answer, Err(IdTokenRefusal::Invalid(_))), "{name}: {answer:?}");
    }
    let verifier = verifier();
    // A nonce that was never asked for matches none, and an access token is no ID token.
    assert!(verifier.verify(&id_token(json!({}), json!({ "nonce": "" })), "", at(NOW)).await.is_err());
    assert!(verifier.verify(&token(json!({}), json!({ "aud": "connect" })), "n-1", at(NOW)).await.is_err());
    for nonsense in ["", "a", "a.b.c", "..", "a.b.c.d.e"] {
        assert!(verifier.verify(nonsense, "n-1", at(NOW)).await.is_err(), "{nonsense:?}");
    }
}
