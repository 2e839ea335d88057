//! Every row of the providers' signs of trouble, through the gateway, as it passes and as a problem.

use reqwest::Method;
use sandbox::{Answer, Fault, ProviderKind, Sandbox, Server};
use serde_json::{Value, json};

use crate::harness::{BEN, Rig};

const PATHS: [(&str, &str, Server); 5] = [
    ("google", "/drive/v3/files", Server::Google),
    ("github", "/user/repos", Server::GitHub),
    ("facebook", "/v22.0/me/photos", Server::Facebook),
    ("bitbucket", "/2.0/user", Server::Bitbucket),
    ("microsoft", "/v1.0/me/messages", Server::Microsoft),
];

async fn all_providers() -> Rig {
    Rig::with(Sandbox::builder(), |sandbox| {
        [
            ("google", ProviderKind::Google),
            ("facebook", ProviderKind::Facebook),
            ("bitbucket", ProviderKind::Bitbucket),
            ("microsoft", ProviderKind::Microsoft),
        ]
        .map(|(name, kind)| format!("[providers.{name}]\nbase_url = \"{}\"\n", sandbox.provider_url(kind)))
        .concat()
    })
    .await
}

/// One row: what the provider says, and what becomes of it.
struct Row {
    provider: &'static str,
    what: &'static str,
    answer: Answer,
    outcome: &'static str,
    problem: u16,
    retry_after: Option<std::ops::RangeInclusive<u64>>,
    /// Members of the problem that must have these values.
    members: Value,
}

fn row(
    provider: &'static str,
    what: &'static str,
    answer: Answer,
    outcome: &'static str,
    problem: u16,
) -> Row {
    Row { provider, what, answer, outcome, problem, retry_after: None, members: json!({}) }
}

impl Row {
    fn wait(mut self, seconds: std::ops::RangeInclusive<u64>) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    fn says(mut self, members: Value) -> Self {
        self.members = members;
        self
    }
}

fn google(status: u16, reason: &str, message: &str) -> Answer {
    Answer::json(
        status,
        &json!({ "error": { "code": status, "message": message,
            "errors": [{ "message": message, "domain": "global", "reason": reason }] } }),
    )
}

fn facebook(status: u16, code: u32, subcode: Option<u32>) -> Answer {
    let mut error = json!({ "message": format!("(#{code}) trouble"), "type": "OAuthException", "code": code, "fbtrace_id": "A1b2" });
    if let Some(subcode) = subcode {
        error["error_subcode"] = subcode.into();
    }
    Answer::json(status, &json!({ "error": error }))
}

fn bitbucket(status: u16, message: &str, detail: Value) -> Answer {
    Answer::json(status, &json!({ "type": "error", "error": { "message": message, "detail": detail } }))
}

fn graph(status: u16, code: &str) -> Answer {
    Answer::json(
        status,
        &json!({ "error": { "code": code, "message": "No.", "innerError": { "request-id": "1" } } }),
    )
}

fn epoch_in(seconds: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    (now + seconds).to_string()
}

fn limits() -> Vec<Row> {
    const LIMITED: &str = "provider-rate-limited";
    let usage =
        json!({ "1": [{ "type": "pages", "call_count": 100, "estimated_time_to_regain_access": 19 }] });
    let github = |status, message: &str| Answer::json(status, &json!({ "message": message }));
    vec![
        row("google", "403 throttle", google(403, "userRateLimitExceeded", "Slow down"), LIMITED, 429)
            .wait(1..=86_400),
        row("google", "429 throttle", google(429, "rateLimitExceeded", "Slow down"), LIMITED, 429)
            .wait(1..=86_400),
        row("google", "daily quota", google(403, "dailyLimitExceeded", "Enough"), LIMITED, 429)
            .wait(1..=86_400),
        row(
            "github",
            "primary 403",
            github(403, "API rate limit exceeded for user ID 1.")
                .header("x-ratelimit-remaining", "0")
                .header("x-ratelimit-reset", epoch_in(90)),
            LIMITED,
            429,
        )
        .wait(80..=95),
        row(
            "github",
            "primary 429",
            github(429, "API rate limit exceeded")
                .header("x-ratelimit-remaining", "0")
                .header("x-ratelimit-reset", epoch_in(30)),
            LIMITED,
            429,
        )
        .wait(20..=35),
        row(
            "github",
            "secondary with a hint",
            github(403, "You have exceeded a secondary rate limit.").header("retry-after", "17"),
            LIMITED,
            429,
        )
        .wait(17..=17),
        row(
            "github",
            "secondary without",
            github(403, "You have exceeded a secondary rate limit."),
            LIMITED,
            429,
        )
        .wait(60..=3600),
        row("facebook", "application", facebook(400, 4, None), LIMITED, 429).wait(1..=86_400),
        row("facebook", "user, 403", facebook(403, 17, None), LIMITED, 429).wait(1..=86_400),
        row(
            "facebook",
            "business, minutes",
            facebook(400, 80_001, None).header("x-business-use-case-usage", usage.to_string()),
            LIMITED,
            429,
        )
        .wait(1140..=1140),
        row(
            "bitbucket",
            "429 JSON",
            bitbucket(429, "Rate limit for this resource has been exceeded", Value::Null),
            LIMITED,
            429,
        )
        .wait(1..=3600),
        row(
            "bitbucket",
            "429 plain text, seconds left",
            Answer::text(429, "Rate limit for this resource has been exceeded")
                .header("x-ratelimit-reset", "745"),
            LIMITED,
            429,
        )
        .wait(745..=745),
        row("microsoft", "429", graph(429, "TooManyRequests").header("retry-after", "12"), LIMITED, 429)
            .wait(12..=12),
        row(
            "microsoft",
            "503 with a hint",
            graph(503, "serviceNotAvailable").header("retry-after", "7"),
            LIMITED,
            429,
        )
        .wait(7..=7),
        row(
            "microsoft",
            "509",
            graph(509, "BandwidthLimitExceeded").header("retry-after", "5"),
            LIMITED,
            429,
        )
        .wait(5..=5),
    ]
}

fn rights() -> Vec<Row> {
    const SCOPE: &str = "provider-scope-missing";
    let challenge = "Bearer realm=\"https://accounts.google.com/\", error=\"insufficient_scope\", scope=\"https://www.googleapis.com/auth/drive.readonly\"";
    vec![
        row(
            "google",
            "scope, named in the challenge",
            google(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
                .header("www-authenticate", challenge),
            SCOPE,
            403,
        )
        .says(json!({ "missing_scopes": ["https://www.googleapis.com/auth/drive.readonly"] })),
        row(
            "google",
            "right of the user",
            google(403, "insufficientFilePermissions", "No"),
            "provider-denied",
            403,
        ),
        row(
            "google",
            "API not enabled",
            google(403, "accessNotConfigured", "Enable it"),
            "provider-misconfigured",
            502,
        ),
        row(
            "github",
            "scope, named in the headers",
            Answer::json(403, &json!({ "message": "Resource not accessible" }))
                .header("x-oauth-scopes", "read:user")
                .header("x-accepted-oauth-scopes", "repo"),
            SCOPE,
            403,
        )
        .says(json!({ "missing_scopes": ["repo"], "connection_scope": "read:user,repo" })),
        row(
            "github",
            "unseen",
            Answer::json(404, &json!({ "message": "Not Found" })),
            "provider-rejected",
            404,
        ),
        row(
            "github",
            "SAML",
            Answer::json(403, &json!({ "message": "Resource protected by organization SAML enforcement." }))
                .header(
                    "x-github-sso",
                    "required; url=https://github.com/orgs/o/sso?authorization_request=AB",
                ),
            "provider-denied",
            403,
        ),
        row("facebook", "permission 10", facebook(403, 10, None), SCOPE, 403),
        row("facebook", "permission 200", facebook(400, 200, None), SCOPE, 403),
        row("facebook", "parameter", facebook(400, 100, None), "provider-rejected", 400),
        row(
            "bitbucket",
            "scope, named in the body",
            bitbucket(
                403,
                "Your credentials lack one or more required privilege scopes.",
                json!({ "required": ["pullrequest:write"], "granted": ["account"] }),
            ),
            SCOPE,
            403,
        )
        .says(json!({ "missing_scopes": ["pullrequest:write"] })),
        row("microsoft", "right", graph(403, "Authorization_RequestDenied"), SCOPE, 403),
        row("google", "5xx", google(503, "backendError", "Later"), "provider-error", 503),
        row("facebook", "temporary", facebook(500, 2, None), "provider-error", 500),
        row("bitbucket", "5xx as HTML", Answer::html(502, "<html>"), "provider-error", 502),
    ]
}

async fn call(rig: &Rig, provider: &str, mode: &str) -> crate::harness::Answer {
    let (_, path, _) = PATHS.into_iter().find(|(name, ..)| *name == provider).unwrap();
    let request = rig.request(Method::GET, &format!("/proxy/{provider}{path}"), BEN);
    rig.send(request.header("idp-errors", mode)).await
}

async fn check(rows: Vec<Row>) {
    let rig = all_providers().await;
    for row in rows {
        let at = format!("{}: {}", row.provider, row.what);
        let (_, _, server) = PATHS.into_iter().find(|(name, ..)| *name == row.provider).unwrap();
        let passed = {
            rig.sandbox.faults().add(Fault::on(server).times(1).answer(row.answer.clone()));
            call(&rig, row.provider, "passthrough").await
        };
        assert_eq!(passed.header("idp-outcome"), row.outcome, "{at}");
        let reference = {
            rig.sandbox.faults().add(Fault::on(server).times(1).answer(row.answer.clone()));
            let (_, path, _) = PATHS.into_iter().find(|(name, ..)| *name == row.provider).unwrap();
            let url = format!("{}{path}", rig.sandbox.url(server).as_str().trim_end_matches('/'));
            rig.send(reqwest::Client::builder().no_proxy().build().unwrap().get(url)).await
        };
        assert_eq!(
            (passed.status, &passed.body),
            (reference.status, &reference.body),
            "{at}: passes unchanged"
        );
        assert!(
            !passed.headers.contains_key("www-authenticate") && !passed.headers.contains_key("x-github-sso"),
            "{at}"
        );

        rig.sandbox.faults().add(Fault::on(server).times(1).answer(row.answer));
        let problem = call(&rig, row.provider, "problem").await;
        assert_eq!(problem.outcome(), (row.problem, row.outcome.to_owned()), "{at}");
        let body = problem.json();
        assert_eq!(body["code"], row.outcome, "{at}");
        assert_eq!(body["provider_status"], passed.status.as_u16(), "{at}");
        if let Some(wanted) = row.retry_after {
            for (mode, answer) in [("passthrough", &passed), ("problem", &problem)] {
                let seconds = answer.header("retry-after").parse().unwrap_or_default();
                assert!(wanted.contains(&seconds), "{at}, {mode}: {seconds}, not {wanted:?}");
            }
            assert_eq!(body["retry_after"].as_u64(), problem.header("retry-after").parse().ok(), "{at}");
        }
        for (name, value) in row.members.as_object().unwrap() {
            assert_eq!(&body[name], value, "{at}: {name}");
        }
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_limits_whatever_the_provider_calls_them() {
    check(limits()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_scopes_and_faults_are_told_apart() {
    check(rights()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_dead_token_is_reconnect_required() {
    let deaths = || {
        [
            (
                "google",
                google(401, "authError", "Invalid Credentials").header(
                    "www-authenticate",
                    "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"",
                ),
            ),
            ("github", Answer::json(401, &json!({ "message": "Bad credentials", "status": "401" }))),
            (
                "facebook",
                facebook(400, 190, Some(463)).header(
                    "www-authenticate",
                    "OAuth \"Facebook Platform\" \"invalid_token\" \"Error validating access token\"",
                ),
            ),
            ("facebook", facebook(400, 190, None)),
            ("facebook", facebook(400, 102, None)),
            (
                "bitbucket",
                bitbucket(
                    401,
                    "Access token expired. Use your refresh token to obtain a new access token.",
                    Value::Null,
                ),
            ),
            (
                "bitbucket",
                bitbucket(401, "Token is invalid, expired, or not supported for this endpoint.", Value::Null),
            ),
            ("microsoft", graph(401, "InvalidAuthenticationToken")),
            (
                "microsoft",
                graph(401, "InvalidAuthenticationToken").header(
                    "www-authenticate",
                    "Bearer realm=\"\", error=\"insufficient_claims\", claims=\"e30=\"",
                ),
            ),
        ]
    };
    for mode in ["passthrough", "problem"] {
        for (provider, answer) in deaths() {
            let rig = all_providers().await;
            let (_, _, server) = PATHS.into_iter().find(|(name, ..)| *name == provider).unwrap();
            rig.sandbox.faults().add(Fault::on(server).answer(answer));
            let refused = call(&rig, provider, mode).await;
            assert_eq!(refused.outcome(), (403, "reconnect-required".into()), "{provider}, {mode}");
            let body = refused.json();
            assert!(body["connect"]["connection"].is_string(), "{provider}: {body}");
            assert!(!refused.headers.contains_key("www-authenticate"));
            rig.finish();
        }
    }
}

/// A refusal that no refresh lifts: Auth0's copy is looked at once more, since the user may have logged in anew. The
/// answer may quote the refused token as well as the new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_login_answers_a_claims_challenge_and_both_tokens_stay_inside() {
    let rig = all_providers().await;
    let (world, path) = (rig.sandbox.world(), "/proxy/microsoft/v1.0/me/messages");
    assert_eq!(rig.get(path, BEN).await.status, 200);
    let challenge = || {
        graph(401, "InvalidAuthenticationToken")
            .header("www-authenticate", "Bearer realm=\"\", error=\"insufficient_claims\", claims=\"e30=\"")
    };
    let refused = world.access_token(BEN, "windowslive").unwrap();
    world.sign_in_again(BEN, "windowslive");
    let new = world.access_token(BEN, "windowslive").unwrap();
    assert_ne!(refused, new);
    let faults = rig.sandbox.faults();
    faults.add(Fault::on(Server::Microsoft).times(1).answer(challenge()));
    let quoting = json!({ "value": [], "was": refused, "is": new });
    faults.add(Fault::on(Server::Microsoft).times(1).answer(Answer::json(200, &quoting)));
    let answer = rig.get(path, BEN).await;
    assert_eq!(answer.outcome(), (200, "ok".into()));
    let stars = |text: &str| Value::from("*".repeat(text.len()));
    assert_eq!((&answer.json()["was"], &answer.json()["is"]), (&stars(&refused), &stars(&new)));
    // The same copy again. The token works elsewhere, so this path wants more and the account stays open.
    faults.add(Fault::on(Server::Microsoft).path("/v1.0/me/messages").answer(challenge()));
    rig.sandbox.journal().clear();
    for _ in 0..3 {
        assert_eq!(rig.get(path, BEN).await.outcome(), (403, "reconnect-required".into()));
    }
    assert_eq!(rig.sandbox.journal().of(Server::Microsoft).len(), 3);
    assert_eq!(rig.sandbox.journal().count_of(Server::Tenant, "/api/v2/users/"), 1, "one look for the path");
    assert_eq!(rig.get("/proxy/microsoft/v1.0/me", BEN).await.status, 200);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_tokens_in_bodies_are_as_the_adapters_say() {
    let rig = all_providers().await;
    for (provider, path, next) in [
        ("facebook", "/v22.0/me/photos?limit=2", "/paging/next"),
        ("bitbucket", "/2.0/repositories/ben?pagelen=1", "/next"),
        ("microsoft", "/v1.0/me/messages?$top=2", "/@odata.nextLink"),
    ] {
        let first = rig.get(&format!("/proxy/{provider}{path}"), BEN).await;
        assert_eq!(first.status, 200, "{provider}");
        let body = first.json();
        let Some(link) = body.pointer(next).and_then(Value::as_str) else {
            panic!("{provider} has one page: {body}")
        };
        assert!(
            link.starts_with(&format!("/proxy/{provider}/")) && !link.contains("access_token"),
            "{provider}: {link}"
        );
        let second = rig.get(link, BEN).await;
        assert_eq!(second.outcome(), (200, "ok".into()), "{provider}: {link}");
        assert_ne!(second.json(), body, "{provider}");
    }
    let pages = rig.get("/proxy/facebook/v22.0/me/accounts", BEN).await.json();
    let tokens: Vec<_> =
        pages["data"].as_array().unwrap().iter().map(|page| page["access_token"].clone()).collect();
    assert!(!tokens.is_empty() && tokens.iter().all(|token| token == "[removed]"), "{pages}");
    rig.finish();
}
