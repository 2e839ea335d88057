use secrecy::SecretString;

use super::*;

#[test]
fn assertions_and_public_clients() {
    let url = Url::parse("https://id.test/token").unwrap();
    let jwt = SecretString::from("a.b.c");
    let client = OAuthClient { id: "c", proof: ClientProof::Assertion(&jwt) };
    let body = post_form(&url, client, true, &[]).body.unwrap();
    assert!(body.expose_secret().contains("client_assertion=a.b.c"));
    let request = post_form(&url, OAuthClient { id: "c", proof: ClientProof::None }, true, &[("x", "y")]);
    assert_eq!(request.body_bytes(), b"x=y&client_id=c");
    assert!(!request.headers.contains_key("authorization"));
}

#[test]
fn debug_shows_no_secret() {
    let mut request = get(&Url::parse("https://id.test/t").unwrap(), &[("client_secret", "hush")]);
    request.body = Some(SecretString::from("hush"));
    let reply = Reply {
        status: StatusCode::OK,
        headers: &HeaderMap::new(),
        body: b"hush",
        at: SystemTime::UNIX_EPOCH,
    };
    assert!(!format!("{request:?} {reply:?}").contains("hush"));
}
