//! Proofs of possession.

use std::sync::Arc;

use serde_json::{Value, json};

use super::fixture::{DpopKey, Keys, NOW, at, merge, parts, rules, token};
use crate::Reason;
use crate::cache::sha256;
use crate::{
    Dpop, FirstUse, LogoutMarks, MemoryReplays, OneUse, Refusal, ReplayError, ReplayStore, Rules, Schemes,
    Verified, Verifier, jose,
};

const URL: &str = "https://idp.acme.com/proxy/github/user";

struct Client {
    key: DpopKey,
    token: String,
}

impl Client {
    fn new() -> Self {
        Self::of(json!({}))
    }

    fn of(claims: Value) -> Self {
        let key = DpopKey::new();
        let token = token(json!({}), merge(json!({ "cnf": { "jkt": key.thumbprint() } }), claims));
        Self { key, token }
    }

    fn proof(&self, over_head: Value, over_claims: Value) -> String {
        let claims = json!({
            "jti": "j1", "htm": "GET", "htu": URL, "iat": NOW, "ath": jose::encode(&sha256(self.token.as_bytes())),
        });
        self.key.proof(over_head, merge(claims, over_claims))
    }

    async fn send(&self, verifier: &Verifier, proofs: &[&str]) -> Result<Verified, Refusal> {
        let authorization = format!("DPoP {}", self.token);
        let mut headers = vec![("authorization", authorization.as_str())];
        headers.extend(proofs.iter().map(|proof| ("dpop", *proof)));
        verifier.verify(&parts(&headers), Schemes::Standard, at(NOW)).await
    }
}

fn with(mode: Dpop) -> Rules {
    let mut rules = rules();
    rules.dpop = mode;
    rules.public_url = Some("https://idp.acme.com".parse().unwrap());
    rules
}

fn verifier(mode: Dpop) -> Verifier {
    Verifier::with_rules(with(mode), Keys::tenant())
}

async fn send(verifier: &Verifier, headers: &[(&str, &str)]) -> Option<Reason> {
    verifier.verify(&parts(headers), Schemes::Standard, at(NOW)).await.err().map(|refusal| refusal.reason)
}

/// Whatever keys the caller's tokens are bound to.
#[tokio::test]
async fn tm_a17_the_proofs_of_one_caller_count_together_and_those_of_another_apart() {
    let replays = Arc::new(MemoryReplays::new(16));
    let verifier =
        Verifier::shared(with(Dpop::Require), Keys::tenant(), replays.clone(), LogoutMarks::default());
    let mut sent = 0;
    let full = loop {
        let client = Client::new();
        match client.send(&verifier, &[&client.proof(json!({}), json!({}))]).await {
            Ok(_) => sent += 1,
            Err(refusal) => break refusal.reason,
        }
    };
    assert_eq!((full, sent), (Reason::ReplayMemoryFull, 7));
    let other = Client::of(json!({ "sub": "auth0|another" }));
    assert!(other.send(&verifier, &[&other.proof(json!({}), json!({}))]).await.is_ok());
}

/// A 401 comes before any 403: whoever cannot show the key learns nothing about the caller.
#[tokio::test]
async fn tm_j09_possession_comes_before_admission() {
    let client = Client::new();
    let mut rules = with(Dpop::Allow);
    rules.clients = ["other".to_owned()].into();
    let verifier = Verifier::with_rules(rules, Keys::tenant());
    let bearer = format!("Bearer {}", client.token);
    for _ in 0..2 {
        assert_eq!(send(&verifier, &[("authorization", &bearer)]).await, Some(Reason::TokenInvalid));
        assert_eq!(client.send(&verifier, &[]).await.unwrap_err().reason, Reason::ProofInvalid);
    }
    let good = client.proof(json!({}), json!({}));
    assert_eq!(client.send(&verifier, &[&good]).await.unwrap_err().reason, Reason::NotAllowed);
    assert_eq!(verifier.cached(), 0, "refusals are not kept");
}

#[tokio::test]
async fn tm_j09_a_bound_token_needs_its_proof() {
    let client = Client::new();
    let bound = format!("Bearer {}", client.token);
    let unbound = format!("Bearer {}", token(json!({}), json!({})));
    let unbound_dpop = format!("DPoP {}", token(json!({}), json!({})));
    let proof = client.proof(json!({}), json!({}));
    for mode in [Dpop::Off, Dpop::Allow, Dpop::Require] {
        let verifier = verifier(mode);
        let on = mode != Dpop::Off;
        assert_eq!(
            send(&verifier, &[("authorization", &bound)]).await,
            Some(Reason::TokenInvalid),
            "{mode:?}"
        );
        let beside = [("authorization", bound.as_str()), ("dpop", &proof)];
        assert_eq!(
            send(&verifier, &beside).await,
            Some(if on { Reason::BadRequest } else { Reason::TokenInvalid })
        );
        let unbound_code = if mode == Dpop::Require { Some(Reason::TokenInvalid) } else { None };
        assert_eq!(send(&verifier, &[("authorization", &unbound)]).await, unbound_code, "{mode:?}");
        let weaker = [("authorization", unbound_dpop.as_str()), ("dpop", &proof)];
        assert_eq!(send(&verifier, &weaker).await, Some(Reason::TokenInvalid), "{mode:?}");
        match client.send(&verifier, &[&proof]).await {
            Ok(verified) => assert!(on && verified.caller.is_bound()),
            Err(refusal) => assert!(!on && refusal.reason == Reason::TokenInvalid),
        }
    }
}

#[tokio::test]
async fn tm_j09_proofs_are_checked_to_the_last_member() {
    let client = Client::new();
    let other = DpopKey::new();
    let verifier = verifier(Dpop::Allow);
    let private = merge(client.key.jwk(), json!({ "d": "AA" }));
    let cases = [
        ("typ", json!({ "typ": "JWT" }), json!({})),
        ("no typ", json!({ "typ": null }), json!({})),
        ("alg", json!({ "alg": "RS256" }), json!({})),
        ("alg none", json!({ "alg": "none" }), json!({})),
        ("no jwk", json!({ "jwk": null }), json!({})),
        ("private jwk", json!({ "jwk": private }), json!({})),
        ("jwk of somebody else", json!({ "jwk": other.jwk() }), json!({})),
        ("curve", json!({ "jwk": merge(client.key.jwk(), json!({ "crv": "P-384" })) }), json!({})),
        ("crit", json!({ "crit": ["x"] }), json!({})),
        ("htm", json!({}), json!({ "htm": "POST" })),
        ("no htm", json!({}), json!({ "htm": null })),
        ("other host", json!({}), json!({ "htu": "https://evil.example/proxy/github/user" })),
        ("other path", json!({}), json!({ "htu": "https://idp.acme.com/proxy/github/users" })),
        ("http", json!({}), json!({ "htu": "http://idp.acme.com/proxy/github/user" })),
        ("port", json!({}), json!({ "htu": "https://idp.acme.com:8443/proxy/github/user" })),
        ("userinfo", json!({}), json!({ "htu": "https://x@idp.acme.com/proxy/github/user" })),
        ("no htu", json!({}), json!({ "htu": null })),
        ("ath of another token", json!({}), json!({ "ath": jose::encode(&sha256(b"x")) })),
        ("no ath", json!({}), json!({ "ath": null })),
        ("too old", json!({}), json!({ "iat": NOW - 301 })),
        ("too new", json!({}), json!({ "iat": NOW + 31 })),
        ("iat text", json!({}), json!({ "iat": NOW.to_string() })),
        ("no jti", json!({}), json!({ "jti": null })),
        ("empty jti", json!({}), json!({ "jti": "" })),
        ("long jti", json!({}), json!({ "jti": "x".repeat(257) })),
    ];
    for (name, over_head, over_claims) in cases {
        let refusal = client.send(&verifier, &[&client.proof(over_head, over_claims)]).await.expect_err(name);
        assert_eq!(refusal.reason, Reason::ProofInvalid, "{name}");
        assert!(
            refusal.challenge.values[1].to_str().unwrap().contains("error=\"invalid_dpop_proof\""),
            "{name}"
        );
        assert!(!refusal.challenge.values[0].to_str().unwrap().contains("error"), "{name}");
    }
    let foreign = other.proof(json!({}), json!({ "jti": "z", "htm": "GET", "htu": URL, "iat": NOW, "ath": jose::encode(&sha256(client.token.as_bytes())) }));
    assert_eq!(client.send(&verifier, &[&foreign]).await.unwrap_err().reason, Reason::ProofInvalid);
    // Public keys are public: whoever saw a proof can name the key, and must not be able to do more.
    let mut forged = Vec::new();
    forged.push(other.proof(
        json!({ "jwk": client.key.jwk() }),
        json!({ "jti": "f", "htm": "GET", "htu": URL, "iat": NOW, "ath": jose::encode(&sha256(client.token.as_bytes())) }),
    ));
    let (seen, fresh) =
        (client.proof(json!({}), json!({})), client.proof(json!({}), json!({ "jti": "other" })));
    let (signed, _) = fresh.rsplit_once('.').unwrap();
    let (_, signature) = seen.rsplit_once('.').unwrap();
    forged.push(format!("{signed}.{signature}"));
    forged.push(format!("{signed}.{}", jose::encode(&[0; 64])));
    for forged in &forged {
        let refusal = client.send(&verifier, &[forged]).await.unwrap_err();
        assert_eq!((refusal.reason, refusal.cause), (Reason::ProofInvalid, "signature"));
    }
    assert_eq!(client.send(&verifier, &[]).await.unwrap_err().reason, Reason::ProofInvalid);
    assert_eq!(client.send(&verifier, &["x.y.z"]).await.unwrap_err().reason, Reason::ProofInvalid);
    let proof = client.proof(json!({}), json!({ "jti": "twice" }));
    assert_eq!(client.send(&verifier, &[&proof, &proof]).await.unwrap_err().reason, Reason::ProofInvalid);
    assert!(client.send(&verifier, &[&proof]).await.is_ok());
}

#[tokio::test]
async fn tm_j09_equal_urls_in_other_spellings_are_equal() {
    let client = Client::new();
    let verifier = verifier(Dpop::Require);
    for (number, htu) in [
        "https://IDP.acme.com:443/proxy/github/user",
        "https://idp.acme.com/proxy/github/user?page=2#x",
        "https://idp.acme.com/proxy/github/%75ser",
    ]
    .iter()
    .enumerate()
    {
        let proof = client.proof(json!({}), json!({ "htu": htu, "jti": number.to_string(), "htm": "get" }));
        assert!(client.send(&verifier, &[&proof]).await.is_ok(), "{htu}");
    }
}

#[tokio::test]
async fn tm_j09_escapes_that_may_mean_something_else_are_not_undone() {
    let client = Client::new();
    let verifier = verifier(Dpop::Require);
    for (number, htu) in [
        "https://idp.acme.com/proxy/github/us%2565r",
        "https://idp.acme.com/proxy/github%2Fuser",
        "https://idp.acme.com/proxy/%7Egithub/user",
    ]
    .iter()
    .enumerate()
    {
        let proof = client.proof(json!({}), json!({ "htu": htu, "jti": number.to_string() }));
        assert!(client.send(&verifier, &[&proof]).await.is_err(), "{htu}");
    }
    assert_ne!(crate::dpop::normal("/proxy/crm/~x/y"), crate::dpop::normal("/proxy/crm/%7Ex/y"));
}

#[tokio::test]
async fn tm_j09_on_a_virtual_host_its_name_counts() {
    let client = Client::new();
    let mut rules = with(Dpop::Require);
    rules.public_url = Some("https://gw.acme.com".parse().unwrap());
    rules.virtual_hosts = ["idp.acme.com".to_owned()].into();
    let verifier = Verifier::with_rules(rules, Keys::tenant());
    assert!(client.send(&verifier, &[&client.proof(json!({}), json!({}))]).await.is_ok());
    let public =
        client.proof(json!({}), json!({ "jti": "2", "htu": "https://gw.acme.com/proxy/github/user" }));
    assert!(client.send(&verifier, &[&public]).await.is_err());
}

#[tokio::test]
async fn tm_j09_a_proof_works_once() {
    let client = Client::new();
    let verifier = verifier(Dpop::Require);
    let proof = client.proof(json!({}), json!({}));
    assert!(client.send(&verifier, &[&proof]).await.is_ok());
    assert_eq!(client.send(&verifier, &[&proof]).await.unwrap_err().reason, Reason::ProofInvalid);
    // The same id from another key is another proof.
    let other = Client::new();
    assert!(other.send(&verifier, &[&other.proof(json!({}), json!({}))]).await.is_ok());
}

#[tokio::test]
async fn a_nonce_is_demanded_and_then_good_for_a_while() {
    let client = Client::new();
    let mut rules = with(Dpop::Require);
    rules.dpop_nonce = true;
    rules.nonce_key = Some(zeroize::Zeroizing::new([7; 32]));
    let verifier = Verifier::with_rules(rules.clone(), Keys::tenant());
    let refusal = client.send(&verifier, &[&client.proof(json!({}), json!({}))]).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::ProofInvalid);
    assert!(refusal.challenge.values[0].to_str().unwrap().contains("error=\"use_dpop_nonce\""));
    let nonce = refusal.challenge.nonce.unwrap().to_str().unwrap().to_owned();

    let proof = |nonce: &str, jti: &str| client.proof(json!({}), json!({ "nonce": nonce, "jti": jti }));
    assert!(client.send(&verifier, &[&proof(&nonce, "a")]).await.unwrap().next_nonce.is_none());
    // Another replica with the same key agrees.
    let replica = Verifier::with_rules(rules, Keys::tenant());
    assert!(client.send(&replica, &[&proof(&nonce, "a")]).await.is_ok());
    assert!(client.send(&verifier, &[&proof("made-up", "b")]).await.is_err());

    let later = |seconds: i64, jti: &str| {
        let headers = [
            ("authorization", format!("DPoP {}", client.token)),
            ("dpop", client.proof(json!({}), json!({ "nonce": nonce, "jti": jti, "iat": NOW + seconds }))),
        ];
        parts(&headers.each_ref().map(|(name, value)| (*name, value.as_str())))
    };
    let verified = verifier.verify(&later(160, "c"), Schemes::Standard, at(NOW + 160)).await.unwrap();
    assert!(verified.next_nonce.is_some_and(|next| next.to_str().unwrap() != nonce));
    assert!(verifier.verify(&later(400, "d"), Schemes::Standard, at(NOW + 400)).await.is_err());
}

struct Broken(ReplayError);

#[tokio::test]
async fn tm_j09_a_proof_is_remembered_only_when_the_request_is_accepted() {
    let client = Client::new();
    let verifier = verifier(Dpop::Require);
    let (authorization, proof) = (format!("DPoP {}", client.token), client.proof(json!({}), json!({})));
    let request = parts(&[("authorization", &authorization), ("dpop", &proof)]);
    // Refused by a quota, twice: the same proof may come again.
    for _ in 0..2 {
        let checked = verifier.check(&request, Schemes::Standard, at(NOW)).await.unwrap();
        assert!(checked.caller().is_bound());
        drop(checked);
    }
    let checked = verifier.check(&request, Schemes::Standard, at(NOW)).await.unwrap();
    let raced = verifier.check(&request, Schemes::Standard, at(NOW)).await.unwrap();
    assert!(verifier.accept(checked).await.is_ok());
    let refusal = verifier.accept(raced).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::ProofInvalid);
    assert!(!refusal.challenge.values.is_empty());
}

impl ReplayStore for Broken {
    fn first_use(&self, _: OneUse) -> FirstUse<'_> {
        Box::pin(std::future::ready(Err(self.0.clone())))
    }
}

#[tokio::test]
async fn a_memory_that_does_not_answer_is_not_the_callers_fault_and_opens_nothing() {
    let client = Client::new();
    for (error, code) in [
        (ReplayError::full(), Reason::ReplayMemoryFull),
        (ReplayError::unavailable(), Reason::ReplayStoreUnavailable),
    ] {
        let error = error.caused_by(std::io::Error::other("no route"));
        let verifier = Verifier::shared(
            with(Dpop::Require),
            Keys::tenant(),
            Arc::new(Broken(error)),
            LogoutMarks::default(),
        );
        let refusal = client.send(&verifier, &[&client.proof(json!({}), json!({}))]).await.unwrap_err();
        assert_eq!(refusal.reason, code);
        assert!(refusal.retry_after.is_some());
        assert!(!refusal.to_string().contains("no route"), "not for the caller");
        assert_eq!(std::error::Error::source(&refusal).unwrap().to_string(), "no route");
    }
}
