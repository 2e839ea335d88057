use http::Method;
use url::Url;

use super::Microsoft;
use crate::{Adapter, Failure, Outcome, testing::*};

fn graph(code: &str) -> String {
    format!(
        r#"{{"error":{{"code":"{code}","message":"Words.","innerError":{{"date":"2026-01-02T03:04:05","request-id":"r","client-request-id":"c"}}}}}}"#
    )
}

#[test]
fn expired_or_revoked_token_is_a_401() {
    let challenge = [(
        "www-authenticate",
        r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000""#,
    )];
    let got = classify(&Microsoft, 401, &challenge, &graph("InvalidAuthenticationToken"));
    assert_eq!((got.outcome, got.refresh_helps), (Outcome::TokenDead, true));
    assert_eq!(got.code.as_deref(), Some("InvalidAuthenticationToken"));
    assert_eq!(classify(&Microsoft, 401, &[], "").outcome, Outcome::TokenDead);
}

#[test]
fn claims_challenge_cannot_be_refreshed_away() {
    let challenge = [(
        "www-authenticate",
        r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#,
    )];
    let got = classify(&Microsoft, 401, &challenge, &graph("InvalidAuthenticationToken"));
    assert_eq!((got.outcome, got.refresh_helps), (Outcome::TokenDead, false));
}

#[test]
fn claims_of_a_challenge_are_carried() {
    let got = classify(
        &Microsoft,
        401,
        &[(
            "www-authenticate",
            &claims(r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#),
        )],
        "",
    );
    assert_eq!((got.outcome, got.refresh_helps), (Outcome::TokenDead, false));
    assert_eq!(
        got.claims.as_deref(),
        Some(r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#)
    );
    // What is no JSON object is not passed on.
    for odd in ["%%%", "bm8=", "W10="] {
        let header = format!(r#"Bearer error="insufficient_claims", claims="{odd}""#);
        let got = classify(&Microsoft, 401, &[("www-authenticate", &header)], "");
        assert_eq!((got.outcome, got.claims), (Outcome::TokenDead, None), "{odd}");
    }
}

#[test]
fn an_authentication_context_is_about_the_resource() {
    let wanted = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    for status in [401, 403] {
        let got = classify(
            &Microsoft,
            status,
            &[("www-authenticate", &claims(wanted))],
            &graph("InvalidAuthenticationToken"),
        );
        assert_eq!((got.outcome, got.claims.as_deref()), (Outcome::Denied, Some(wanted)), "{status}");
    }
}

fn claims(json: &str) -> String {
    use base64::Engine;
    let text = base64::prelude::BASE64_STANDARD.encode(json);
    format!(r#"Bearer realm="", error="insufficient_claims", claims="{text}""#)
}

#[test]
fn a_401_without_mailbox_or_licence_is_no_dead_token() {
    let tenant = r#"{"error":{"code":"OrganizationFromTenantGuidNotFound","message":"The tenant for tenant guid '0fb6' does not exist."}}"#;
    let nested = r#"{"error":{"code":"UnknownError","message":"{\"error\":{\"code\":\"OrganizationFromTenantGuidNotFound\"}}"}}"#;
    let silent =
        r#"{"error":{"code":"UnknownError","message":"","innerError":{"date":"2026-01-02T03:04:05"}}}"#;
    for body in [tenant, nested, silent, &graph("MailboxNotEnabledForRESTAPI")] {
        assert_eq!(classify(&Microsoft, 401, &[], body).outcome, Outcome::Denied, "{body}");
    }
}

#[test]
fn a_token_for_another_audience_is_the_set_up() {
    let graph = r#"{"error":{"code":"InvalidAuthenticationToken","message":"Access token validation failure. Invalid audience."}}"#;
    assert_eq!(classify(&Microsoft, 401, &[], graph).outcome, Outcome::Misconfigured);
    let sharepoint =
        [("x-ms-diagnostics", r#"3000003;reason="Invalid audience Uri 'x'.";category="invalid_client""#)];
    assert_eq!(classify(&Microsoft, 401, &sharepoint, "").outcome, Outcome::Misconfigured);
    let sharepoint = r#"{"error_description":"Exception of type 'Microsoft.IdentityModel.Tokens.AudienceUriValidationFailedException' was thrown."}"#;
    assert_eq!(classify(&Microsoft, 401, &[], sharepoint).outcome, Outcome::Misconfigured);
}

#[test]
fn scope_missing_codes() {
    let call = ("GET", "graph.microsoft.com", "/v1.0/me/messages");
    for code in ["Authorization_RequestDenied", "ErrorAccessDenied", "accessDenied"] {
        let got = classify_call(&Microsoft, call, Some(&["User.Read"]), (403, &[], &graph(code)));
        assert_eq!(got.outcome, Outcome::ScopeMissing, "{code}");
        assert_eq!(got.missing_scopes, ["Mail.Read"]);
        assert_eq!(got.connection_scope.as_deref(), Some("User.Read,Mail.Read"));
        assert_eq!(
            classify(&Microsoft, 403, &[], &graph(code)).outcome,
            Outcome::ScopeMissing,
            "{code}, unknown call"
        );
        // Consent would change nothing: the user's own rights are what is missing.
        let held = ["https://graph.microsoft.com/Mail.ReadWrite"];
        let got = classify_call(&Microsoft, call, Some(&held), (403, &[], &graph(code)));
        assert_eq!(got.outcome, Outcome::Denied, "{code}");
    }
    assert_eq!(classify(&Microsoft, 403, &[], &graph("Forbidden")).outcome, Outcome::Denied);
}

#[test]
fn limits_are_429_509_and_503_with_retry_after() {
    for status in [429, 503, 509] {
        let got = classify(&Microsoft, status, &[("retry-after", "12")], &graph("TooManyRequests"));
        assert_eq!((got.outcome, got.retry_after), (Outcome::RateLimited, secs(12)), "{status}");
    }
    // The three formats of RFC 9110 section 5.6.7.
    for date in
        ["Fri, 02 Jan 2026 03:05:05 GMT", "Friday, 02-Jan-26 03:05:05 GMT", "Fri Jan  2 03:05:05 2026"]
    {
        let got = classify(&Microsoft, 429, &[("retry-after", date)], "");
        assert_eq!(got.retry_after, secs(60), "{date}");
    }
    assert_eq!(classify(&Microsoft, 509, &[], "").retry_after, secs(30));
    assert_eq!(classify(&Microsoft, 503, &[], "").outcome, Outcome::Error);
    assert_eq!(classify(&Microsoft, 504, &[], "").outcome, Outcome::Error);
}

#[test]
fn sharepoint_errors_come_in_three_shapes() {
    let verbose = r#"{"error":{"code":"-2147024891, System.UnauthorizedAccessException","message":{"lang":"en-US","value":"Access denied."}}}"#;
    let nometadata = verbose.replace(r#"{"error""#, r#"{"odata.error""#);
    let xml = r#"<?xml version="1.0" encoding="utf-8"?><m:error xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"><m:code>-2147024891, System.UnauthorizedAccessException</m:code><m:message xml:lang="en-US">Access denied.</m:message></m:error>"#;
    for body in [verbose, &nometadata, xml] {
        for status in [401, 403] {
            let got = classify(&Microsoft, status, &[], body);
            assert_eq!(
                (got.outcome, got.detail.as_deref()),
                (Outcome::Denied, Some("Access denied.")),
                "{status} {body}"
            );
            assert!(got.code.unwrap().starts_with("-2147024891"));
        }
    }
    assert_eq!(classify(&Microsoft, 401, &[], "<m:error><m:code").outcome, Outcome::TokenDead);
}

#[test]
fn sharepoint_is_asked_for_json() {
    let mut sent = http::HeaderMap::new();
    Microsoft.required_headers("acme.SharePoint.com", &mut sent);
    assert_eq!(sent["accept"], "application/json;odata=nometadata");
    let mut sent = http::HeaderMap::new();
    Microsoft.required_headers("graph.microsoft.com", &mut sent);
    assert!(sent.is_empty());
}

#[test]
fn other_statuses() {
    for status in [400, 404, 410, 412, 423] {
        assert_eq!(classify(&Microsoft, status, &[], &graph("x")).outcome, Outcome::Rejected, "{status}");
    }
}

#[test]
fn a_page_where_a_browser_signs_in_is_no_download() {
    let download = |url: &str| Microsoft.is_download(&Url::parse(url).unwrap(), None);
    let site = "https://acme.sharepoint.com/sites/team";
    assert!(download(&format!("{site}/_layouts/15/download.aspx?UniqueId=1&tempauth=x")));
    for page in
        ["_layouts/15/Authenticate.aspx?Source=%2f", "_layouts/15/AccessDenied.aspx", "_forms/default.aspx"]
    {
        assert!(!download(&format!("{site}/{page}")), "{page}");
        assert!(!download(&format!("https://acme.sharepoint.com/{}", page.to_uppercase())), "{page}");
    }
    assert!(download("https://files.1drv.com/_forms/default.aspx"));
}

#[test]
fn row_1_5_links_and_capabilities() {
    for place in [
        &[Some("@odata.nextLink")][..],
        &[Some("@odata.deltaLink")],
        &[Some("value"), None, Some("members@odata.nextLink")],
        &[Some("odata.nextLink")],
        &[Some("d"), Some("__next")],
    ] {
        assert!(rewrites(&Microsoft, place), "{place:?}");
    }
    assert!(!rewrites(&Microsoft, &[Some("@odata.context")]));
    assert!(Microsoft.capability_members().contains(&"@microsoft.graph.downloadUrl"));
    assert!(
        Microsoft.download_host("acme-my.sharepoint.com") && !Microsoft.allows_host("acme.sharepoint.com")
    );
    for path in [
        "/v1.0/$batch",
        "/beta/%24BATCH",
        "/v1.0/$batch/",
        "/$batch",
        "/v1.0/$batch()",
        "/v1.0/myorganization/$batch",
    ] {
        assert!(Microsoft.denies(&Method::POST, "graph.microsoft.com", path).is_some(), "{path}");
    }
    for path in [
        "/_api/$batch",
        "/sites/team/_api/$batch",
        "/sites/team/_API/%24Batch",
        "/_api/v2.0/$batch",
        "/_vti_bin/client.svc/$batch",
        "/sites/team/_vti_bin/Client.svc/v2.1/$batch",
        "/_vti_bin/client.svc/ProcessQuery",
        "/_api/ProcessQuery",
    ] {
        assert!(Microsoft.denies(&Method::POST, "acme.sharepoint.com", path).is_some(), "{path}");
    }
    assert!(Microsoft.denies(&Method::GET, "acme.sharepoint.com", "/sites/team/_api/web").is_none());
}

#[test]
fn usage_reports_are_downloads() {
    for host in ["reports.office.com", "reportsweu.office.com"] {
        assert!(Microsoft.download_host(host), "{host}");
    }
    assert!(!Microsoft.download_host("outlook.office.com"));
}

#[test]
fn refresh_asks_for_scopes_only_when_told() {
    let url = "https://login.microsoftonline.com/common/oauth2/v2.0/token";
    assert!(form(&refresh_request(&Microsoft, url, None).unwrap()).iter().all(|(name, _)| name != "scope"));
    let scopes = ["Mail.Read".to_owned(), "offline_access".to_owned()];
    let request = refresh_request(&Microsoft, url, Some(&scopes)).unwrap();
    assert!(form(&request).contains(&("scope".into(), "Mail.Read offline_access".into())));
}

#[test]
fn entra_words_without_a_number() {
    for (status, word, failure) in [
        (400, "invalid_grant", Failure::Permanent),
        (400, "interaction_required", Failure::Permanent),
        (400, "consent_required", Failure::Permanent),
        (401, "invalid_client", Failure::Misconfigured),
        (400, "unauthorized_client", Failure::Misconfigured),
        (400, "invalid_resource", Failure::Misconfigured),
        (400, "invalid_scope", Failure::Misconfigured),
        (400, "invalid_request", Failure::Misconfigured),
        (400, "temporarily_unavailable", Failure::Transient),
    ] {
        let body = format!(r#"{{"error":"{word}","error_description":"words","suberror":"x"}}"#);
        let error = refresh_response(&Microsoft, status, &[], &body).unwrap_err();
        assert_eq!((error.failure(), error.code()), (failure, Some(word)));
    }
}

#[test]
fn profile_in_standard_claims() {
    let body = br#"{"@odata.context":"c","id":"48d31887","displayName":"Ana Roe","givenName":"Ana","surname":"Roe","mail":null,"userPrincipalName":"ana@acme.test","preferredLanguage":"en-US","businessPhones":[]}"#;
    let got = Microsoft.profile(body).unwrap();
    assert_eq!((got.sub.as_str(), got.email, got.locale.as_deref()), ("48d31887", None, Some("en-US")));
}
