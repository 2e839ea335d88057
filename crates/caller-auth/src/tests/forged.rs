//! The table of forged tokens, and the good ones beside them.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::KeyPair as _;
use serde_json::{Value, json};

use super::fixture::{
    AUDIENCE, FOREIGN, ISSUER, Keys, NOW, TENANT, USER, at, bearer, claims, head, raw, rsa, rules, token,
    verify,
};
use crate::{Authorization, KeysUnavailable, Schemes, Verifier, jose};
use crate::{Claim, Reason};

/// Verifies each, expects the code, and that nothing of the token is repeated to whoever sent it.
async fn refused(cases: Vec<(&str, String)>, reason: Reason) {
    for (name, token) in cases {
        let refusal = verify(rules(), &token).await.expect_err(name);
        assert_eq!(refusal.reason, reason, "{name}: {}", refusal.cause);
        let shown = format!("{refusal:?}");
        assert!(token.len() < 20 || !shown.contains(&token[..20]), "{name}");
    }
}

/// Expects a refusal before anything was asked of the tenant.
async fn refused_unasked(cases: Vec<(&str, String)>) {
    for (name, token) in cases {
        let keys = Keys::tenant();
        let verifier = Verifier::with_rules(rules(), keys.clone());
        let refusal = verifier.verify(&bearer(&token), Schemes::Standard, at(NOW)).await.expect_err(name);
        assert_eq!(refusal.reason, Reason::TokenInvalid, "{name}: {}", refusal.cause);
        assert_eq!(keys.asked(), 0, "{name}");
    }
}

#[tokio::test]
async fn good_tokens_of_both_profiles_are_accepted() {
    for (name, over_head, over_claims) in [
        ("Auth0", json!({}), json!({})),
        ("no typ", json!({ "typ": null }), json!({})),
        ("RFC 9068", json!({ "typ": "at+jwt" }), json!({ "azp": null, "client_id": "spa", "jti": "x" })),
        (
            "RFC 9068, long",
            json!({ "typ": "application/at+jwt" }),
            json!({ "azp": null, "client_id": "spa" }),
        ),
        ("PS256, key without alg", json!({ "alg": "PS256", "kid": "any" }), json!({})),
        ("one audience", json!({}), json!({ "aud": AUDIENCE })),
        ("password grant", json!({}), json!({ "gty": "password" })),
        (
            "claims of others",
            json!({}),
            json!({ "https://acme.com/roles": [1.5, null, { "a": true }], "act": { "sub": "x" } }),
        ),
    ] {
        let verified = verify(rules(), &token(over_head, over_claims)).await.expect(name);
        let caller = &verified.caller;
        assert_eq!(
            (caller.subject(), caller.client(), caller.issuer()),
            (USER, Some("spa"), ISSUER),
            "{name}"
        );
        assert!(
            caller.is_for(AUDIENCE) && caller.has("github:read") && !caller.has("github:write"),
            "{name}"
        );
        assert_eq!(caller.expires_at(), at(NOW + 3600));
    }
}

#[tokio::test]
async fn tm_j01_no_signature_and_wrong_algorithms_are_refused_before_anything_is_asked() {
    let hmac_with = |secret: &[u8], algorithm: &str| {
        let head = head(json!({ "alg": algorithm }));
        let signed = format!(
            "{}.{}",
            jose::encode(head.to_string().as_bytes()),
            jose::encode(claims(json!({})).to_string().as_bytes())
        );
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        format!("{signed}.{}", jose::encode(tag.as_ref()))
    };
    let unsigned = |algorithm: Value| {
        let token = token(json!({ "alg": "RS256" }), json!({}));
        let body = token.split('.').nth(1).unwrap().to_owned();
        format!("{}.{body}.", jose::encode(head(json!({ "alg": algorithm })).to_string().as_bytes()))
    };
    let modulus = TENANT.public_key().modulus().big_endian_without_leading_zero().to_vec();
    let mut cases: Vec<(&str, String)> = vec![
        ("none", unsigned(json!("none"))),
        ("None", unsigned(json!("None"))),
        ("empty signature", unsigned(json!("RS256"))),
        ("HS256 with the public key", hmac_with(TENANT.public_key().as_ref(), "HS256")),
        ("HS256 with the modulus", hmac_with(&modulus, "HS256")),
        ("HS512", hmac_with(b"", "HS512")),
    ];
    for (name, algorithm) in
        [("none signed", "none"), ("RS512", "RS512"), ("ES256", "ES256"), ("rs256", "rs256"), ("empty", "")]
    {
        cases.push((name, token(json!({ "alg": algorithm }), json!({}))));
    }
    cases.push(("alg is no text", token(json!({ "alg": ["RS256"] }), json!({}))));
    cases.push(("no alg", token(json!({ "alg": null }), json!({}))));
    refused_unasked(cases).await;
}

#[tokio::test]
async fn tm_j01_the_algorithm_must_be_the_keys_own() {
    let cases = vec![
        ("PS256 with an RS256 key", token(json!({ "alg": "PS256" }), json!({}))),
        ("RS256 head, PS256 signature", {
            let signed = token(json!({}), json!({}));
            let signed = signed.rsplit_once('.').unwrap().0;
            format!("{signed}.{}", rsa(&TENANT, "PS256", signed))
        }),
    ];
    refused(cases, Reason::TokenInvalid).await;
}

#[tokio::test]
async fn tm_j02_keys_in_the_head_are_ignored_and_extensions_refused() {
    let key = FOREIGN.public_key();
    let jwk = json!({
        "kty": "RSA", "kid": "k1",
        "n": jose::encode(key.modulus().big_endian_without_leading_zero()),
        "e": jose::encode(key.exponent().big_endian_without_leading_zero()),
    });
    let foreign = |with: Value| {
        let signed = format!(
            "{}.{}",
            jose::encode(head(with).to_string().as_bytes()),
            jose::encode(claims(json!({})).to_string().as_bytes())
        );
        format!("{signed}.{}", rsa(&FOREIGN, "RS256", &signed))
    };
    let cases = vec![
        ("jwk", foreign(json!({ "jwk": jwk }))),
        ("jku", foreign(json!({ "jku": "https://evil.example/jwks.json" }))),
        ("x5u", foreign(json!({ "x5u": "https://evil.example/cert" }))),
        ("x5c", foreign(json!({ "x5c": ["MIIB"] }))),
        ("foreign kid", foreign(json!({ "kid": "evil" }))),
        ("path kid", foreign(json!({ "kid": "../../dev/null" }))),
    ];
    refused(cases, Reason::TokenInvalid).await;
    assert!(
        verify(rules(), &token(json!({ "jku": "https://evil.example/", "x5c": [] }), json!({})))
            .await
            .is_ok()
    );
    refused_unasked(vec![
        ("crit", token(json!({ "crit": ["exp"] }), json!({}))),
        ("b64", token(json!({ "b64": true }), json!({}))),
        ("zip", token(json!({ "zip": "DEF" }), json!({}))),
        ("no kid", token(json!({ "kid": null }), json!({}))),
        ("empty kid", token(json!({ "kid": "" }), json!({}))),
        ("kid is a number", token(json!({ "kid": 1 }), json!({}))),
        ("kid too long", token(json!({ "kid": "k".repeat(257) }), json!({}))),
    ])
    .await;
}

#[tokio::test]
async fn tm_j04_issuer_audience_and_kind_are_exact() {
    refused_unasked(vec![
        ("no slash", token(json!({}), json!({ "iss": "https://acme.eu.auth0.com" }))),
        ("case", token(json!({}), json!({ "iss": "https://ACME.eu.auth0.com/" }))),
        ("other tenant", token(json!({}), json!({ "iss": "https://evil.eu.auth0.com/" }))),
        ("prefix", token(json!({}), json!({ "iss": "https://acme.eu.auth0.com/.evil" }))),
        ("no iss", token(json!({}), json!({ "iss": null }))),
        ("iss list", token(json!({}), json!({ "iss": [ISSUER] }))),
        ("logout typ", token(json!({ "typ": "logout+jwt" }), json!({}))),
        ("proof typ", token(json!({ "typ": "dpop+jwt" }), json!({}))),
        ("typ is a list", token(json!({ "typ": ["JWT"] }), json!({}))),
    ])
    .await;
    refused(
        vec![
            ("other audience", token(json!({}), json!({ "aud": "https://other" }))),
            ("prefix of ours", token(json!({}), json!({ "aud": "https://api.acme.com/" }))),
            ("no audience", token(json!({}), json!({ "aud": null }))),
            ("empty list", token(json!({}), json!({ "aud": [] }))),
            ("mixed list", token(json!({}), json!({ "aud": [AUDIENCE, 1] }))),
            ("ID token", token(json!({}), json!({ "nonce": "n" }))),
            ("logout token", token(json!({}), json!({ "events": {} }))),
            ("sub is a number", token(json!({}), json!({ "sub": 5 }))),
            ("scope is a list", token(json!({}), json!({ "scope": ["a"] }))),
            ("cnf by certificate", token(json!({}), json!({ "cnf": { "x5t#S256": "x" } }))),
            (
                "cnf by key and certificate",
                token(json!({}), json!({ "cnf": { "jkt": crate::jose::encode(&[7; 32]), "x5t#S256": "x" } })),
            ),
            ("cnf is a text", token(json!({}), json!({ "cnf": "x" }))),
        ],
        Reason::TokenInvalid,
    )
    .await;
    refused(
        vec![
            ("@clients", token(json!({}), json!({ "sub": "abc@clients" }))),
            ("gty", token(json!({}), json!({ "gty": "client-credentials" }))),
            ("gty with _", token(json!({}), json!({ "gty": "client_credentials" }))),
            ("no sub", token(json!({}), json!({ "sub": null }))),
            ("empty sub", token(json!({}), json!({ "sub": "" }))),
            ("sub without a connection", token(json!({}), json!({ "sub": "somebody" }))),
            ("sub is azp", token(json!({}), json!({ "sub": "custom|1", "azp": "custom|1" }))),
            ("sub is client_id", token(json!({}), json!({ "sub": "custom|1", "client_id": "custom|1" }))),
            ("agent", token(json!({}), json!({ "sub": "agt_0123" }))),
            ("agent with a bar", token(json!({}), json!({ "sub": "agt_0123|x" }))),
            ("ai_agent", token(json!({}), json!({ "sub_profile": "ai_agent" }))),
            ("service among others", token(json!({}), json!({ "sub_profile": "x service" }))),
            ("gty list", token(json!({}), json!({ "gty": ["x", "client-credentials"] }))),
        ],
        Reason::NotAUser,
    )
    .await;
}

#[tokio::test]
async fn an_id_that_ends_like_a_client_is_a_user() {
    let sub = "auth0|somebody@clients";
    let caller = verify(rules(), &token(json!({}), json!({ "sub": sub, "sub_profile": "user" })))
        .await
        .unwrap()
        .caller;
    assert_eq!((caller.subject(), caller.is_user()), (sub, true));
}

#[tokio::test]
async fn machines_are_callers_where_users_are_not_asked_for() {
    let mut all = rules();
    all.users_only = false;
    for (over, subject) in [
        (json!({ "sub": "abc@clients", "azp": "abc" }), "abc@clients"),
        (json!({ "sub": "agt_1" }), "agt_1"),
        (json!({ "sub": null }), "spa"),
    ] {
        let caller = verify(all.clone(), &token(json!({}), over.clone())).await.expect("machine").caller;
        assert_eq!((caller.subject(), caller.is_user()), (subject, false), "{over}");
    }
    assert!(verify(all, &token(json!({}), json!({}))).await.unwrap().caller.is_user());
}

/// A chain of so many actors, the outermost named `a1`.
fn actors(count: usize) -> Value {
    (1..=count).rev().fold(Value::Null, |inner, number| {
        let mut act = json!({ "sub": format!("a{number}") });
        if !inner.is_null() {
            act["act"] = inner;
        }
        act
    })
}

#[tokio::test]
async fn tm_j04_actors_are_read_to_a_depth_of_five() {
    let chain = |count| token(json!({}), json!({ "act": actors(count) }));
    for count in [1, 5] {
        let caller = verify(rules(), &chain(count)).await.unwrap().caller;
        let names: Vec<_> = caller.actors().iter().map(crate::Actor::subject).collect();
        let expected: Vec<_> = (1..=count).map(|number| format!("a{number}")).collect();
        assert_eq!(names, expected);
    }
    refused(
        vec![
            ("six actors", chain(6)),
            ("text", token(json!({}), json!({ "act": "a1" }))),
            ("list", token(json!({}), json!({ "act": [{ "sub": "a1" }] }))),
            ("no sub", token(json!({}), json!({ "act": {} }))),
            ("empty sub", token(json!({}), json!({ "act": { "sub": "" } }))),
            ("number", token(json!({}), json!({ "act": { "sub": 1 } }))),
            ("iss is a number", token(json!({}), json!({ "act": { "sub": "a", "iss": 1 } }))),
            ("malformed inside", token(json!({}), json!({ "act": { "sub": "a", "act": "b" } }))),
        ],
        Reason::TokenInvalid,
    )
    .await;
    for (accepted, count, ok) in [
        (crate::Actors::None, 0, true),
        (crate::Actors::None, 1, false),
        (crate::Actors::Only(["a1".to_owned()].into()), 0, true),
        (crate::Actors::Only(["a1".to_owned()].into()), 1, true),
        (crate::Actors::Only(["a1".to_owned()].into()), 2, false),
    ] {
        let mut rules = rules();
        rules.actors = accepted.clone();
        match verify(rules, &chain(count)).await {
            Ok(_) => assert!(ok, "{accepted:?} {count}"),
            Err(refusal) => assert!(!ok && refusal.reason == Reason::NotAllowed, "{accepted:?} {count}"),
        }
    }
}

#[tokio::test]
async fn a_refusal_holds_both_values_and_never_the_token() {
    let mut short = rules();
    short.max_lifetime = std::time::Duration::from_secs(3600);
    short.max_token = 2048;
    let long = token(json!({}), json!({ "x": "y".repeat(2048) }));
    for (name, token, claim, expected, found) in [
        ("issuer", token(json!({}), json!({ "iss": "https://x/" })), Claim::Issuer, ISSUER, "https://x/"),
        ("audience", token(json!({}), json!({ "aud": ["a", "b"] })), Claim::Audience, AUDIENCE, "a b"),
        ("algorithm", token(json!({ "alg": "HS256" }), json!({})), Claim::Algorithm, "RS256 PS256", "HS256"),
        ("key's algorithm", token(json!({ "alg": "PS256" }), json!({})), Claim::Algorithm, "RS256", "PS256"),
        (
            "lifetime",
            token(json!({}), json!({ "iat": NOW, "exp": NOW + 7200 })),
            Claim::Lifetime,
            "3600",
            "7200",
        ),
        (
            "issued in the future",
            token(json!({}), json!({ "iat": NOW + 100, "exp": NOW + 200 })),
            Claim::IssuedAt,
            &*format!("at most {}", NOW + 30),
            &*(NOW + 100).to_string(),
        ),
        (
            "not valid yet",
            token(json!({}), json!({ "nbf": NOW + 100 })),
            Claim::NotBefore,
            &*format!("at most {}", NOW + 30),
            &*(NOW + 100).to_string(),
        ),
        ("size", long.clone(), Claim::Size, "2048", &*long.len().to_string()),
        ("line break", token(json!({}), json!({ "iss": "x\ny" })), Claim::Issuer, ISSUER, "x?y"),
    ] {
        let refusal = verify(short.clone(), &token).await.expect_err(name);
        let mismatch = refusal.mismatch.as_deref().expect(name);
        assert_eq!(
            (mismatch.claim, &*mismatch.expected, &*mismatch.found),
            (claim, expected, found),
            "{name}"
        );
        if claim == Claim::Size || claim == Claim::Lifetime {
            assert!(
                refusal.detail.contains(expected) && refusal.detail.contains(found),
                "{}",
                refusal.detail
            );
        } else if claim == Claim::Issuer {
            assert!(!refusal.detail.contains(found), "the answer does not say which check failed");
        }
    }
    let endless = verify(rules(), &token(json!({}), json!({ "iss": "i".repeat(5000) }))).await.unwrap_err();
    assert_eq!(endless.mismatch.unwrap().found.len(), 256);
}

#[tokio::test]
async fn a_token_that_auth0_encrypts_for_itself_is_opaque() {
    let head = |text: &str| jose::encode(text.as_bytes());
    let direct = head(r#"{"alg":"dir","enc":"A256GCM","iss":"https://acme.eu.auth0.com/"}"#);
    assert_eq!(
        verify(rules(), &format!("{direct}..iv.text.tag")).await.unwrap_err().reason,
        Reason::TokenOpaque
    );
    let other = head(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#);
    refused(
        vec![
            ("direct with a key part", format!("{direct}.key.iv.text.tag")),
            ("for a key", format!("{other}.key.iv.text.tag")),
            ("no key part, not direct", format!("{other}..iv.text.tag")),
        ],
        Reason::TokenInvalid,
    )
    .await;
}

#[tokio::test]
async fn tm_j05_times_are_integers_near_now() {
    let claims_text = claims(json!({})).to_string();
    let with_exp = |text: &str| {
        raw(&head(json!({})).to_string(), &claims_text.replace(&(NOW + 3600).to_string(), text), "RS256")
    };
    refused(
        vec![
            ("no exp", token(json!({}), json!({ "exp": null }))),
            ("no iat", token(json!({}), json!({ "iat": null }))),
            ("exp text", token(json!({}), json!({ "exp": (NOW + 60).to_string() }))),
            ("exp fraction", with_exp("1800003600.5")),
            ("exp whole fraction", with_exp("1800003600.0")),
            ("exp exponent", with_exp("18e8")),
            ("exp infinite", with_exp("1e400")),
            ("exp beyond 64 bits", with_exp("18446744073709551616")),
            ("exp beyond 63 bits", with_exp("9223372036854775808")),
            ("exp greatest", with_exp("9223372036854775807")),
            ("exp negative", with_exp("-1")),
            ("exp leading zero", with_exp("01800003600")),
            ("iat in the future", token(json!({}), json!({ "iat": NOW + 31 }))),
            ("nbf in the future", token(json!({}), json!({ "nbf": NOW + 31 }))),
            ("nbf text", token(json!({}), json!({ "nbf": "1" }))),
            ("more than thirty days", token(json!({}), json!({ "exp": NOW + 31 * 86400 }))),
        ],
        Reason::TokenInvalid,
    )
    .await;
    refused(
        vec![
            ("just over", token(json!({}), json!({ "exp": NOW - 30 }))),
            ("long over", token(json!({}), json!({ "exp": NOW - 86400, "iat": NOW - 2 * 86400 }))),
            ("over before it began", token(json!({}), json!({ "exp": NOW - 60, "iat": NOW }))),
        ],
        Reason::TokenExpired,
    )
    .await;
    for good in [
        json!({ "exp": NOW - 29 }),
        json!({ "iat": NOW + 30 }),
        json!({ "nbf": NOW + 30 }),
        json!({ "iat": NOW - 60, "exp": NOW + 86400 }),
        json!({ "iat": NOW - 60, "exp": NOW + 30 * 86400 }),
    ] {
        assert!(verify(rules(), &token(json!({}), good.clone())).await.is_ok(), "{good}");
    }
}

#[test]
fn tm_j06_one_text_stands_for_one_value() {
    assert_eq!(jose::decode("QQ").as_deref(), Some(b"A".as_slice()));
    for slack in ["QQ=", "QQ==", "QR", " QQ", "QQ\n", "Q Q", "Q", "-_+", "/w", "QQ\u{e9}"] {
        assert_eq!(jose::decode(slack), None, "{slack:?}");
    }
}

#[tokio::test]
async fn tm_j06_unclean_tokens_are_refused() {
    let good = token(json!({}), json!({}));
    let [first, second, third] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let claims_text = claims(json!({})).to_string();
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(1500), "]".repeat(1500));
    let head_text = head(json!({})).to_string();
    let slack = {
        // 256 signature bytes leave four bits over in the last character; set one of them.
        let (start, last) = third.split_at(third.len() - 1);
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let value = ALPHABET.iter().position(|byte| *byte == last.as_bytes()[0]).unwrap();
        format!("{first}.{second}.{start}{}", char::from(ALPHABET[value | 1]))
    };
    let cases = vec![
        ("padding", format!("{first}.{second}.{third}==")),
        ("standard alphabet", format!("{first}.{second}.+/{}", &third[2..])),
        ("slack bits", slack),
        ("two parts", format!("{first}.{second}")),
        ("four parts", format!("{good}.")),
        ("five parts", format!("{good}.a.b")),
        ("six parts", format!("{good}.a.b.c")),
        ("only dots", "..".to_owned()),
        ("too long", token(json!({}), json!({ "x": "y".repeat(16 * 1024) }))),
        (
            "duplicate claim",
            raw(&head_text, &claims_text.replacen('{', "{\"sub\":\"auth0|victim\",", 1), "RS256"),
        ),
        (
            "duplicate deep inside",
            raw(&head_text, &claims_text.replacen('{', "{\"x\":[{\"a\":1,\"\\u0061\":2}],", 1), "RS256"),
        ),
        (
            "duplicate in the head",
            raw(&head_text.replacen('{', "{\"alg\":\"RS256\",", 1), &claims_text, "RS256"),
        ),
        ("deep", raw(&head_text, &deep, "RS256")),
        ("trailing text", raw(&head_text, &format!("{claims_text} x"), "RS256")),
        ("a list", raw(&head_text, "[]", "RS256")),
        ("not UTF-8", {
            let signed = format!("{first}.{}", jose::encode(b"{\"iss\":\"\xff\"}"));
            format!("{signed}.{}", rsa(&TENANT, "RS256", &signed))
        }),
        ("head is a text", raw("\"RS256\"", &claims_text, "RS256")),
        (
            "other claims",
            format!(
                "{first}.{}.{third}",
                jose::encode(claims(json!({ "sub": "x|y" })).to_string().as_bytes())
            ),
        ),
    ];
    refused(cases, Reason::TokenInvalid).await;
    for opaque in ["vQJ5Hq3bXx-_opaque", "gho_16C7e42F292c6912E7710c838347Ae178B4a"] {
        assert_eq!(verify(rules(), opaque).await.unwrap_err().reason, Reason::TokenOpaque);
    }
}

#[tokio::test]
async fn tm_j07_scopes_come_from_the_configured_claim() {
    let mut rules = rules();
    rules.authorization = Authorization::Permissions;
    let caller = verify(rules, &token(json!({}), json!({}))).await.unwrap().caller;
    assert!(caller.has("github:write") && !caller.has("github:read") && !caller.has("github"));
}

#[tokio::test]
async fn clients_and_organisations_are_admitted_by_list() {
    let mut only = rules();
    only.clients = ["spa".to_owned()].into();
    only.organizations = ["org_abc".to_owned(), "acme".to_owned()].into();
    for (org, allowed) in [
        (json!({ "org_id": "org_abc" }), true),
        (json!({ "org_id": "org_x", "org_name": "ACME" }), true),
        (json!({ "org_id": "org_x", "org_name": "org_abc" }), false),
        (json!({ "org_id": "acme" }), false),
        (json!({ "org_id": "ORG_ABC" }), false),
        (json!({}), false),
    ] {
        let answer = verify(only.clone(), &token(json!({}), org.clone())).await;
        match answer {
            Ok(_) => assert!(allowed, "{org}"),
            Err(refusal) => assert!(!allowed && refusal.reason == Reason::NotAllowed, "{org}"),
        }
    }
    for client in
        [json!({ "azp": "other", "org_id": "org_abc" }), json!({ "azp": null, "org_id": "org_abc" })]
    {
        assert_eq!(
            verify(only.clone(), &token(json!({}), client)).await.unwrap_err().reason,
            Reason::NotAllowed
        );
    }
}

#[tokio::test]
async fn several_issuers_of_one_tenant_are_told_apart_to_the_letter() {
    let mut two = rules();
    two.issuers.push("https://login.acme.com/".into());
    for issuer in [ISSUER, "https://login.acme.com/"] {
        let caller = verify(two.clone(), &token(json!({}), json!({ "iss": issuer }))).await.unwrap().caller;
        assert_eq!(caller.issuer(), issuer);
    }
}

#[tokio::test]
async fn tm_k02_without_any_keys_it_is_not_the_callers_fault() {
    let keys = Keys::tenant();
    let verifier = Verifier::with_rules(rules(), keys.clone());
    for (rate_limited, code) in [(false, Reason::KeysUnavailable), (true, Reason::KeysRateLimited)] {
        let retry_after = Some(std::time::Duration::from_secs(7));
        let unavailable = KeysUnavailable::new(retry_after, rate_limited);
        *keys.down.lock().unwrap() = Some(unavailable.caused_by(std::io::Error::other("no route")));
        let refusal = verifier
            .verify(&bearer(&token(json!({}), json!({}))), Schemes::Standard, at(NOW))
            .await
            .unwrap_err();
        assert_eq!((refusal.reason, refusal.retry_after), (code, retry_after));
        // The first failure says no time of its own.
        *keys.down.lock().unwrap() = Some(KeysUnavailable::new(None, rate_limited));
        let request = bearer(&token(json!({}), json!({})));
        let first = verifier.verify(&request, Schemes::Standard, at(NOW)).await.unwrap_err();
        assert_eq!(first.response::<()>().headers()["retry-after"], "1");
        assert!(refusal.challenge.values.is_empty());
        assert!(!refusal.to_string().contains("no route"), "not for the caller");
        assert_eq!(std::error::Error::source(&refusal).unwrap().to_string(), "no route");
    }
}
