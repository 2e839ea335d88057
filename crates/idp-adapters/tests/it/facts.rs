//! Answers as they stand in the notes on the providers' wire formats, byte for byte from a socket: no server of ours and no
//! HTTP library shapes them.

use std::{fmt::Debug, future::Future};

use idp_adapters::client::{Bitbucket, Builder, Client, Error, Facebook, GitHub, Google, Microsoft};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use url::Url;

use crate::token;

/// One connection, one answer.
async fn raw(answer: String) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut seen, mut piece) = (Vec::new(), [0; 1024]);
        while !seen.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream.read(&mut piece).await.unwrap();
            assert!(read > 0, "the request broke off");
            seen.extend_from_slice(&piece[..read]);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    url
}

async fn ask<C: Client, T: Debug, F: Future<Output = Result<T, Error>>>(
    builder: Builder<C>,
    (status, headers, body): (&str, &str, &str),
    call: impl FnOnce(C) -> F,
) -> Result<T, Error> {
    let length = body.len();
    let url = raw(format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ));
    call(builder.base_url(url.await).build()?).await
}

macro_rules! got {
    ($client:ident, $status:literal, $headers:expr, $body:expr, |$c:ident| $call:expr) => {
        ask($client::builder(token()), ($status, $headers, $body), |$c| async move { $call.await }).await
    };
}

#[tokio::test]
async fn profiles_of_all_five() {
    let google = r#"{"sub":"1000000001","name":"Ana Roe","given_name":"Ana","family_name":"Roe","picture":"https://...","email":"ana@example.test","email_verified":true,"hd":"example.test"}"#;
    let ana = got!(Google, "200 OK", "Content-Type: application/json\r\n", google, |c| c.profile()).unwrap();
    assert_eq!(
        (ana.sub.as_str(), ana.family_name.as_deref(), ana.email_verified),
        ("1000000001", Some("Roe"), Some(true))
    );

    let github = r#"{"login":"ana","id":583231,"node_id":"U_1","avatar_url":"https://a.test/1","html_url":"https://github.com/ana","type":"User","site_admin":false,"name":null,"company":null,"blog":"","location":null,"email":null,"hireable":null,"bio":null,"public_repos":2,"public_gists":0,"followers":1,"following":0,"created_at":"2020-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z"}"#;
    let ana = got!(GitHub, "200 OK", "X-OAuth-Scopes: repo, user\r\n", github, |c| c.profile()).unwrap();
    assert_eq!(
        (ana.sub.as_str(), ana.preferred_username.as_deref(), ana.email),
        ("583231", Some("ana"), None)
    );

    let facebook = r#"{"name":"Ana Roe","id":"10158000000000002"}"#;
    let ana = got!(Facebook, "200 OK", "Content-Type: text/javascript; charset=UTF-8\r\n", facebook, |c| c
        .profile());
    assert_eq!(ana.unwrap().sub, "10158000000000002");

    let bitbucket = r#"{"type":"user","uuid":"{6f1c0000-0000-4000-8000-000000000001}","account_id":"557058:1","display_name":"Ana","nickname":"ana","created_on":"2020-01-02T03:04:05Z","links":{"self":{"href":"https://api.bitbucket.org/2.0/users/1"},"html":{"href":"https://bitbucket.org/ana/"},"repositories":{"href":"x"}},"account_status":"active","has_2fa_enabled":null,"is_staff":false}"#;
    let ana = got!(Bitbucket, "200 OK", "", bitbucket, |c| c.profile()).unwrap();
    assert_eq!(
        (ana.sub.as_str(), ana.profile.as_deref()),
        ("{6f1c0000-0000-4000-8000-000000000001}", Some("https://bitbucket.org/ana/"))
    );

    let graph = r#"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users/$entity","businessPhones":[],"displayName":"Ana Roe","givenName":"Ana","jobTitle":null,"mail":null,"mobilePhone":null,"officeLocation":null,"preferredLanguage":null,"surname":"Roe","userPrincipalName":"ana@example.test","id":"87d349ed-44d7-43e1-9a83-5f2406dee5bd"}"#;
    let ana = got!(Microsoft, "200 OK", "", graph, |c| c.profile()).unwrap();
    assert_eq!(
        (ana.sub.as_str(), ana.email, ana.given_name.as_deref()),
        ("87d349ed-44d7-43e1-9a83-5f2406dee5bd", None, Some("Ana"))
    );
}

#[tokio::test]
async fn tokens_that_are_dead_in_five_ways() {
    let google = r#"{"error":{"code":401,"message":"Request had invalid authentication credentials. ...","status":"UNAUTHENTICATED","errors":[{"message":"Invalid Credentials","domain":"global","reason":"authError","location":"Authorization","locationType":"header"}],"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_EXPIRED","domain":"googleapis.com","metadata":{"service":"..."}}]}}"#;
    let challenge =
        "WWW-Authenticate: Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"\r\n";
    assert!(
        got!(Google, "401 Unauthorized", challenge, google, |c| c.profile()).unwrap_err().is_token_dead()
    );
    let userinfo = r#"{"error":"invalid_request","error_description":"Invalid Credentials"}"#;
    assert!(got!(Google, "401 Unauthorized", "", userinfo, |c| c.profile()).unwrap_err().is_token_dead());
    let github =
        r#"{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}"#;
    assert!(got!(GitHub, "401 Unauthorized", "", github, |c| c.profile()).unwrap_err().is_token_dead());
    let facebook = r#"{"error":{"message":"...","type":"OAuthException","code":190,"error_subcode":463,"error_user_title":"..","error_user_msg":"..","is_transient":false,"fbtrace_id":"A1b2"}}"#;
    let odd = "WWW-Authenticate: OAuth \"Facebook Platform\" \"invalid_token\" \"Error validating access token: Session has expired on ...\"\r\n";
    assert!(got!(Facebook, "400 Bad Request", odd, facebook, |c| c.profile()).unwrap_err().is_token_dead());
    assert!(got!(Facebook, "400 Bad Request", odd, "", |c| c.profile()).unwrap_err().is_token_dead());
    let bitbucket = r#"{"type":"error","error":{"message":"Token is invalid, expired, or not supported for this endpoint."}}"#;
    assert!(got!(Bitbucket, "401 Unauthorized", "", bitbucket, |c| c.profile()).unwrap_err().is_token_dead());
    let graph = r#"{"error":{"code":"InvalidAuthenticationToken","message":"Lifetime validation failed, the token is expired.","innerError":{"date":"2026-01-02T03:04:05","request-id":"..","client-request-id":".."}}}"#;
    let realm = "WWW-Authenticate: Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", client_id=\"00000003-...\"\r\n";
    assert!(got!(Microsoft, "401 Unauthorized", realm, graph, |c| c.profile()).unwrap_err().is_token_dead());
}

#[tokio::test]
async fn limits_in_every_unit() {
    let seconds = |error: Error| {
        assert!(error.is_rate_limited(), "{error}");
        error.retry_after().unwrap().as_secs()
    };
    let google = r#"{"error":{"code":403,"message":"Rate Limit Exceeded","errors":[{"message":"Rate Limit Exceeded","domain":"usageLimits","reason":"rateLimitExceeded"}]}}"#;
    assert!(seconds(got!(Google, "403 Forbidden", "", google, |c| c.files().page()).unwrap_err()) > 0);
    let secondary = r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}"#;
    let left = "x-ratelimit-remaining: 4990\r\nx-ratelimit-reset: 4102444800\r\n";
    assert_eq!(seconds(got!(GitHub, "403 Forbidden", left, secondary, |c| c.profile()).unwrap_err()), 60);
    let primary = r#"{"message":"API rate limit exceeded for user ID 1."}"#;
    let reset = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 100;
    let none = format!("x-ratelimit-remaining: 0\r\nx-ratelimit-reset: {reset}\r\n");
    let wait = seconds(got!(GitHub, "403 Forbidden", &none, primary, |c| c.profile()).unwrap_err());
    assert!((95..=100).contains(&wait), "{wait}");
    let usage = "X-Business-Use-Case-Usage: {\"9\":[{\"type\":\"pages\",\"call_count\":95,\"total_cputime\":20,\"total_time\":20,\"estimated_time_to_regain_access\":19}]}\r\n";
    let facebook =
        r#"{"error":{"message":"(#4) Application request limit reached","type":"OAuthException","code":4}}"#;
    assert_eq!(
        seconds(got!(Facebook, "403 Forbidden", usage, facebook, |c| c.photos().page()).unwrap_err()),
        19 * 60
    );
    let bitbucket =
        "x-ratelimit-limit: 60, 60;w=3600\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 745\r\n";
    let text = "Rate limit for this resource has been exceeded";
    assert_eq!(
        seconds(got!(Bitbucket, "429 Too Many Requests", bitbucket, text, |c| c.profile()).unwrap_err()),
        745
    );
    let graph = r#"{"error":{"code":"TooManyRequests","message":"..."}}"#;
    for status in ["429 Too Many Requests", "503 Service Unavailable", "509 Bandwidth Limit Exceeded"] {
        let answer = (status, "Retry-After: 10\r\n", graph);
        let error =
            ask(Microsoft::builder(token()), answer, |c| async move { c.messages().page().await }).await;
        assert_eq!(seconds(error.unwrap_err()), 10, "{status}");
    }
}

#[tokio::test]
async fn scopes_that_are_missing_and_rights_that_are() {
    let bitbucket = r#"{"type":"error","error":{"message":"Your credentials lack one or more required privilege scopes.","detail":{"required":["pullrequest:write"],"granted":["account"]}}}"#;
    let error =
        got!(Bitbucket, "403 Forbidden", "", bitbucket, |c| c.pull_requests("a", "b").page()).unwrap_err();
    assert_eq!(
        (error.missing_scopes(), error.connection_scope()),
        (&["pullrequest:write".to_owned()][..], Some("account,pullrequest:write"))
    );
    let google = r#"{"error":{"code":403,"message":"Request had insufficient authentication scopes.","errors":[{"reason":"insufficientPermissions"}],"status":"PERMISSION_DENIED","details":[{"reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}"#;
    let error = got!(Google, "403 Forbidden", "", google, |c| c.contacts().page()).unwrap_err();
    assert_eq!(
        error.connection_scope(),
        Some("https://www.googleapis.com/auth/contacts.readonly"),
        "{error}"
    );
    let right = r#"{"error":{"code":403,"message":"The user does not have sufficient permissions for this file.","errors":[{"domain":"global","reason":"insufficientFilePermissions"}]}}"#;
    let error = got!(Google, "403 Forbidden", "", right, |c| c.file("x")).unwrap_err();
    assert_eq!(error.outcome(), idp_adapters::Outcome::Denied);
    let integration = r#"{"message":"Resource not accessible by integration","documentation_url":"https://docs.github.com/rest"}"#;
    let error = got!(GitHub, "403 Forbidden", "x-ratelimit-remaining: 0\r\n", integration, |c| c
        .repository("a", "b"));
    assert_eq!(error.unwrap_err().outcome(), idp_adapters::Outcome::Denied);
}

#[tokio::test]
async fn pages_as_they_are_written() {
    let facebook = r#"{"data":[],"paging":{"cursors":{"before":"MA","after":"Mg"},"next":"https://graph.facebook.com/v22.0/me/photos?limit=25&after=Mg&access_token=EAA"}}"#;
    // The base URL is elsewhere, so a link to the provider itself is foreign to this client, and an error at once.
    assert!(got!(Facebook, "200 OK", "", facebook, |c| c.photos().page()).is_err());
    let bitbucket = r#"{"size":1,"page":1,"pagelen":10,"values":[{"type":"repository","full_name":"acme/atlas","uuid":"{1}","is_private":true,"mainbranch":null,"links":{}}]}"#;
    let page = got!(Bitbucket, "200 OK", "", bitbucket, |c| c.repositories("acme").page()).unwrap();
    assert_eq!((page.items[0].full_name.as_str(), page.next), ("acme/atlas", None));
    let graph = r#"{"@odata.context":"x","value":[]}"#;
    assert!(got!(Microsoft, "200 OK", "", graph, |c| c.events().page()).unwrap().items.is_empty());
    let github = got!(GitHub, "200 OK", "", "[]", |c| c.repositories().page()).unwrap();
    assert_eq!((github.items.len(), github.next), (0, None));
}
