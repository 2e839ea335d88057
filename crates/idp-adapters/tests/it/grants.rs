//! Refresh and revocation over the wire.

use idp_adapters::{
    ClientProof, Failure, Kind, OAuthClient, RefreshInput, RevokeInput, Revoked, adapter, client::HttpClient,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{
    server::{Server, reply},
    token,
};

struct Grant {
    secret: SecretString,
    refresh: SecretString,
}

impl Grant {
    fn new() -> Self {
        Self { secret: "client-s3cret".into(), refresh: "refresh-1".into() }
    }

    fn client(&self) -> OAuthClient<'_> {
        OAuthClient::new("client-1", ClientProof::Secret(&self.secret))
    }

    fn refresh<'a>(&'a self, url: &'a Url) -> RefreshInput<'a> {
        RefreshInput::new(url, self.client(), &self.refresh)
    }
}

#[tokio::test]
async fn a_refresh_is_one_request_and_brings_the_new_pair() {
    let body = r#"{"access_token":"at-2","refresh_token":"rt-2","expires_in":"7200","scopes":"account"}"#;
    let server = Server::saying(reply(200, body)).await;
    let (grant, http) = (Grant::new(), HttpClient::default());
    let refreshed = http.refresh(adapter(Kind::Bitbucket), &grant.refresh(&server.url)).await.unwrap();
    assert_eq!(refreshed.access_token.expose(), "at-2");
    assert_eq!(refreshed.refresh_token.unwrap().expose_secret(), "rt-2");
    assert_eq!(refreshed.expires_in.unwrap().as_secs(), 7200);
    let seen = server.only();
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.body, "grant_type=refresh_token&refresh_token=refresh-1");
    assert!(seen.header("authorization").unwrap().starts_with("Basic "));
}

#[tokio::test]
async fn failures_are_told_apart() {
    let (grant, http) = (Grant::new(), HttpClient::default());
    for (status, body, failure) in [
        (400, r#"{"error":"invalid_grant"}"#, Failure::Permanent),
        (503, r#"{"error":"invalid_grant"}"#, Failure::Transient),
        (401, r#"{"error":"invalid_client"}"#, Failure::Misconfigured),
        (302, "", Failure::Transient),
    ] {
        let server = Server::saying(reply(status, body).header("location", "https://evil.test")).await;
        let error = http.refresh(adapter(Kind::Google), &grant.refresh(&server.url)).await.unwrap_err();
        assert_eq!(error.failure(), failure, "{status} {body}");
        assert_eq!(server.seen().len(), 1);
    }
    let far = Url::parse("http://oauth2.googleapis.com/token").unwrap();
    let error = http.refresh(adapter(Kind::Google), &grant.refresh(&far)).await.unwrap_err();
    assert_eq!((error.failure(), error.code()), (Failure::Misconfigured, Some("insecure_url")));
    // A port that is taken and refuses every connection.
    let refusing = tokio::net::TcpSocket::new_v4().unwrap();
    refusing.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = Url::parse(&format!("http://{}", refusing.local_addr().unwrap())).unwrap();
    let error = http.refresh(adapter(Kind::Google), &grant.refresh(&closed)).await.unwrap_err();
    assert!(error.is_transient());
}

#[tokio::test]
async fn revocation_says_what_it_did() {
    let (grant, http, idp_token) = (Grant::new(), HttpClient::default(), token());
    let revoke = |url| RevokeInput::new(url, grant.client(), &idp_token).refresh_token(&grant.refresh);
    let server = Server::saying(reply(204, "")).await;
    let done = http.revoke(adapter(Kind::GitHub), &revoke(&server.url)).await.unwrap();
    assert_eq!((done, server.only().method.as_str()), (Revoked::Now, "DELETE"));
    let server = Server::saying(reply(400, r#"{"error":"invalid_token"}"#)).await;
    let done = http.revoke(adapter(Kind::Google), &revoke(&server.url)).await.unwrap();
    assert_eq!((done, &server.only().body[..]), (Revoked::Before, &b"token=refresh-1"[..]));
    let error = http.revoke(adapter(Kind::Microsoft), &revoke(&server.url)).await.unwrap_err();
    assert_eq!(error.code(), Some("unsupported"));
}
