use super::*;

fn render(surface: Surface, accept: Option<&'static str>) -> Response<Body> {
    let mut headers = HeaderMap::new();
    if let Some(accept) = accept {
        headers.insert(http::header::ACCEPT, HeaderValue::from_static(accept));
    }
    Problem::new(Code::ProviderRateLimited).retry_after(Duration::from_millis(1500)).respond(Rendering {
        request_id: "r1",
        surface,
        request_headers: Some(&headers),
    })
}

#[test]
fn sdks_get_plain_json_unless_they_ask() {
    let kind = |r: &Response<Body>| r.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
    assert_eq!(kind(&render(Surface::Proxied, None)), "application/json");
    assert_eq!(kind(&render(Surface::Proxied, Some("*/*"))), "application/json");
    assert_eq!(
        kind(&render(Surface::Proxied, Some("text/html, application/problem+json;q=0.5"))),
        "application/problem+json"
    );
    assert_eq!(kind(&render(Surface::Own, None)), "application/problem+json");
}

#[test]
fn waits_are_whole_seconds_rounded_up() {
    let response = render(Surface::Own, None);
    assert_eq!(response.headers()[RETRY_AFTER], "2");
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()[IDP_OUTCOME], "provider-rate-limited");
}

#[test]
fn the_members_sdks_show_are_there() {
    let json = Problem::new(Code::BadPath).detail("a dot segment").json("r2");
    let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(value["type"], "urn:idp-gateway:problem:bad-path");
    assert_eq!(value["message"], "The path cannot be passed on safely: a dot segment");
    assert_eq!(value["error"]["message"], value["message"]);
    let json = Problem::new(Code::BadPath).detail("It is a sentence.").json("r2");
    let sentence: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(sentence["message"], "The path cannot be passed on safely. It is a sentence.");
    assert_eq!(value["error"]["code"], "bad-path");
    assert_eq!(value["request_id"], "r2");
    assert!(value["documentation_url"].as_str().is_some_and(|url| url.ends_with("/outcomes.html#bad-path")));
    assert!(value.get("accounts").is_none());
}
