use sandbox::{Identity, ProviderKind, Sandbox, User, World};
use serde_json::{Value, json};

use crate::helpers::{BEN, client, get, json, start, text};

/// A refresh by the provider's own token endpoint, as a form with the client in the body.
async fn refresh(sandbox: &Sandbox, kind: ProviderKind, token: &str) -> (u16, Value) {
    let (id, secret) = sandbox.provider_client(kind);
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", &id),
        ("client_secret", &secret),
        ("refresh_token", token),
    ];
    json(client().post(sandbox.provider_token_url(kind)).header("accept", "application/json").form(&form))
        .await
}

fn held(sandbox: &Sandbox, connection: &str) -> String {
    sandbox.world().refresh_token(BEN, connection).expect("a refresh token")
}

#[tokio::test]
async fn a_refreshed_token_works_and_is_a_secret() {
    let sandbox = start().await;
    for (kind, connection, path) in [
        (ProviderKind::Google, "google-oauth2", "drive/v3/files"),
        (ProviderKind::Bitbucket, "bitbucket", "2.0/user"),
        (ProviderKind::Microsoft, "windowslive", "v1.0/me"),
        (ProviderKind::OAuth2, "acme-crm", "things"),
    ] {
        sandbox.world().expire(BEN, connection);
        assert_eq!(json(get(&sandbox, kind, BEN, connection, path)).await.0, 401, "{kind}");
        let (status, body) = refresh(&sandbox, kind, &held(&sandbox, connection)).await;
        assert_eq!(status, 200, "{kind}: {body}");
        let new = text(&body, "/access_token");
        assert!(sandbox.secrets().iter().any(|secret| secret == new));
        let url = sandbox.provider_url(kind).join(path).expect("a path");
        assert_eq!(json(client().get(url).bearer_auth(new)).await.0, 200, "{kind}");
        assert_eq!(sandbox.world().refreshes(BEN, connection), 1);
    }
}

#[tokio::test]
async fn rotation_follows_each_provider() {
    let sandbox = start().await;
    for (kind, connection, reusable) in [
        (ProviderKind::Google, "google-oauth2", true),
        (ProviderKind::Microsoft, "windowslive", true),
        (ProviderKind::OAuth2, "acme-crm", false),
        (ProviderKind::Bitbucket, "bitbucket", false),
    ] {
        let old = held(&sandbox, connection);
        let (_, first) = refresh(&sandbox, kind, &old).await;
        assert_eq!(first.get("refresh_token").is_some(), kind != ProviderKind::Google, "{kind}");
        let (status, again) = refresh(&sandbox, kind, &old).await;
        assert_eq!(status == 200, reusable, "{kind}: {again}");
        assert!(reusable || text(&again, "/error") == "invalid_grant");
        // Only Bitbucket takes a second use for theft.
        assert_eq!(sandbox.world().is_granted(BEN, connection), kind != ProviderKind::Bitbucket, "{kind}");
    }
    assert_eq!(sandbox.world().family_revocations(), 1);
}

#[tokio::test]
async fn github_apps_get_errors_under_200_and_forms_unless_they_ask() {
    let user = User::new(BEN).identity(Identity::github_app("583232", "ben"));
    let world = World::empty().with(user);
    let sandbox = Sandbox::builder().world(world).start().await.expect("the sandbox starts");
    let (kind, old) = (ProviderKind::GitHub, held(&sandbox, "github"));
    let (_, body) = refresh(&sandbox, kind, &old).await;
    assert_eq!((text(&body, "/scope"), body.get("refresh_token_expires_in")), ("", Some(&json!(15_811_200))));
    // The old access token died with the refresh.
    assert_eq!(json(get(&sandbox, kind, BEN, "github", "user")).await.0, 401);
    let (status, body) = refresh(&sandbox, kind, &old).await;
    assert_eq!((status, text(&body, "/error")), (200, "bad_refresh_token"));
    let form =
        client().post(sandbox.provider_token_url(kind)).form(&[("client_id", "x"), ("client_secret", "y")]);
    assert_eq!(form.send().await.expect("an answer").status(), 404);
    let (id, _) = sandbox.provider_client(kind);
    let form = client()
        .post(sandbox.provider_token_url(kind))
        .form(&[("client_id", id.as_str()), ("client_secret", "y")]);
    let form = form.send().await.expect("an answer").text().await.expect("text");
    assert!(form.contains("error=incorrect_client_credentials&"), "{form}");
}

#[tokio::test]
async fn revocation_ends_the_grant() {
    let sandbox = start().await;
    let token = |connection: &str| sandbox.world().access_token(BEN, connection).expect("a token");
    let google = sandbox.provider_revoke_url(ProviderKind::Google).expect("an address");
    let revoke = client().post(google.clone()).form(&[("token", token("google-oauth2"))]);
    assert_eq!(revoke.send().await.expect("an answer").status(), 200);
    assert_eq!(json(client().post(google).form(&[("token", "unknown")])).await.0, 400);
    assert_eq!(refresh(&sandbox, ProviderKind::Google, &held(&sandbox, "google-oauth2")).await.0, 400);

    let (id, secret) = sandbox.provider_client(ProviderKind::GitHub);
    let github = sandbox.provider_revoke_url(ProviderKind::GitHub).expect("an address");
    let body = json!({ "access_token": token("github") });
    let delete =
        |secret: &str| client().delete(github.clone()).basic_auth(&id, Some(secret.to_owned())).json(&body);
    for (secret, status) in [("wrong", 404), (secret.as_str(), 204), (secret.as_str(), 404)] {
        assert_eq!(delete(secret).send().await.expect("an answer").status(), status);
    }
    let (id, secret) = sandbox.provider_client(ProviderKind::OAuth2);
    let plain = sandbox.provider_revoke_url(ProviderKind::OAuth2).expect("an address");
    for token in [held(&sandbox, "acme-crm"), "unknown".to_owned()] {
        let revoke = client().post(plain.clone()).basic_auth(&id, Some(&secret)).form(&[("token", token)]);
        assert_eq!(revoke.send().await.expect("an answer").status(), 200);
    }
    for connection in ["google-oauth2", "github", "acme-crm"] {
        assert!(!sandbox.world().is_granted(BEN, connection), "{connection}");
    }
}

#[tokio::test]
async fn facebook_exchanges_only_living_tokens() {
    let sandbox = start().await;
    let (id, secret) = sandbox.provider_client(ProviderKind::Facebook);
    let exchange = async |secret: &str| {
        let token = sandbox.world().access_token(BEN, "facebook").expect("a token");
        let query = [
            ("grant_type", "fb_exchange_token"),
            ("client_id", &id),
            ("client_secret", secret),
            ("fb_exchange_token", &token),
        ];
        json(client().get(sandbox.provider_token_url(ProviderKind::Facebook)).query(&query)).await
    };
    let (status, body) = exchange(&secret).await;
    assert_eq!((status, body.get("expires_in")), (200, Some(&json!(5_183_944))));
    assert_eq!(exchange("wrong").await.1.pointer("/error/code"), Some(&json!(1)));
    sandbox.world().expire(BEN, "facebook");
    assert_eq!(exchange(&secret).await.1.pointer("/error/code"), Some(&json!(190)));
}

#[tokio::test]
async fn entra_wants_consent_and_one_resource() {
    let sandbox = start().await;
    let (id, secret) = sandbox.provider_client(ProviderKind::Microsoft);
    let refresh = held(&sandbox, "windowslive");
    for (scope, status, error) in [
        ("https://graph.microsoft.com/User.Read offline_access", 200, ""),
        ("https://graph.microsoft.com/.default", 200, ""),
        ("Sites.Read.All", 400, "invalid_grant"),
        ("User.Read https://contoso.sharepoint.com/.default", 400, "invalid_request"),
    ] {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", &id),
            ("client_secret", &secret),
            ("refresh_token", &refresh),
            ("scope", scope),
        ];
        let (got, body) =
            json(client().post(sandbox.provider_token_url(ProviderKind::Microsoft)).form(&form)).await;
        assert_eq!((got, text(&body, "/error")), (status, error), "{scope}: {body}");
    }
}
