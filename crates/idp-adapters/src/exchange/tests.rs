use secrecy::SecretString;

use super::{cause::REFUSALS, *};

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

use crate::{Kind, adapter, testing::*};

fn entra(word: &str, number: u32) -> RefreshError {
    let body = format!(
        r#"{{"error":"{word}","error_description":"AADSTS{number}: words.","error_codes":[{number}],"trace_id":"t"}}"#
    );
    refresh_response(adapter(Kind::Microsoft), 400, &[], &body).unwrap_err()
}

#[test]
fn entra_numbers_go_before_the_word() {
    for (word, number, cause, failure) in [
        // A single-tenant application at /common, and a tenant that does not exist: token_url.
        ("invalid_request", 50_194, Cause::TokenEndpointWrong, Failure::Misconfigured),
        ("invalid_request", 90_002, Cause::TokenEndpointWrong, Failure::Misconfigured),
        ("invalid_grant", 7_000_012, Cause::TokenEndpointWrong, Failure::Misconfigured),
        // Throttling that is written like a dead grant.
        ("invalid_grant", 50_196, Cause::Throttled, Failure::Transient),
        ("invalid_grant", 90_024, Cause::Unavailable, Failure::Transient),
        ("invalid_grant", 50_087, Cause::Unavailable, Failure::Transient),
        ("invalid_grant", 50_088, Cause::Throttled, Failure::Transient),
        ("invalid_grant", 80_014, Cause::Unavailable, Failure::Transient),
        // Another client's grant: dead for this user alone.
        ("invalid_grant", 700_007, Cause::OtherClient, Failure::Permanent),
        ("unauthorized_client", 700_007, Cause::OtherClient, Failure::Permanent),
        ("invalid_grant", 65_001, Cause::ConsentMissing, Failure::Permanent),
        ("invalid_grant", 700_082, Cause::GrantExpired, Failure::Permanent),
        ("invalid_grant", 70_000, Cause::GrantInvalid, Failure::Permanent),
        ("invalid_grant", 50_173, Cause::GrantRevoked, Failure::Permanent),
        ("invalid_grant", 50_076, Cause::InteractionRequired, Failure::Permanent),
        ("interaction_required", 50_079, Cause::InteractionRequired, Failure::Permanent),
        ("access_denied", 53_003, Cause::PolicyBlocked, Failure::Permanent),
        ("invalid_client", 7_000_215, Cause::ClientRejected, Failure::Misconfigured),
        ("invalid_client", 7_000_222, Cause::ClientSecretExpired, Failure::Misconfigured),
        ("unauthorized_client", 700_016, Cause::ClientUnknown, Failure::Misconfigured),
        // The word decides where the number is unknown.
        ("invalid_grant", 999, Cause::GrantInvalid, Failure::Permanent),
        ("odd_word", 999, Cause::Unknown, Failure::Misconfigured),
    ] {
        let error = entra(word, number);
        assert_eq!((error.cause(), error.failure()), (cause, failure), "{word} {number}");
        assert_eq!((error.code(), error.number()), (Some(word), Some(number)));
    }
}

#[test]
fn several_sessions_are_for_the_user_to_choose_from() {
    // AADSTS16000: several accounts are signed in, and the user has to select one.
    assert_eq!(entra("interaction_required", 16_000).cause(), Cause::InteractionRequired);
}

#[test]
fn an_entra_number_may_stand_in_the_description_alone() {
    let body =
        r#"{"error":"invalid_grant","error_description":"AADSTS50196: The server terminated an operation"}"#;
    let error = refresh_response(adapter(Kind::Microsoft), 400, &[], body).unwrap_err();
    assert_eq!((error.cause(), error.number()), (Cause::Throttled, Some(50_196)));
    // Other providers have no such numbers, whatever their description says.
    let error = refresh_response(adapter(Kind::Bitbucket), 400, &[], body).unwrap_err();
    assert_eq!(error.cause(), Cause::GrantInvalid);
}

#[test]
fn one_word_means_different_things_at_different_providers() {
    let body = r#"{"error":"unauthorized_client","error_description":"Unauthorized"}"#;
    let cause = |kind| refresh_response(adapter(kind), 401, &[], body).unwrap_err().cause();
    assert_eq!(cause(Kind::Google), Cause::OtherClient);
    assert_eq!(cause(Kind::Bitbucket), Cause::ClientRejected);
    let rapt = r#"{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_subtype":"invalid_rapt"}"#;
    let error = refresh_response(adapter(Kind::Google), 400, &[], rapt).unwrap_err();
    assert_eq!(error.cause(), Cause::InteractionRequired);
}

/// Bitbucket has answered so. The operator can do nothing about it, and other users are not concerned.
#[test]
fn a_refresh_token_that_is_refused_as_an_invalid_request_is_the_users() {
    let cause = |kind, word: &str, described: &str| {
        let body = format!(r#"{{"error":"{word}","error_description":"{described}"}}"#);
        refresh_response(adapter(kind), 400, &[], &body).unwrap_err().cause()
    };
    for described in ["Invalid refresh_token", "The refresh token has expired.", "Refresh token not found"] {
        for kind in [Kind::Bitbucket, Kind::OAuth2] {
            assert_eq!(cause(kind, "invalid_request", described), Cause::GrantInvalid, "{described}");
        }
    }
    for described in [
        "Missing required parameter: refresh_token",
        "Invalid parameter: refresh_token",
        "Invalid client",
        "",
    ] {
        assert_eq!(
            cause(Kind::Bitbucket, "invalid_request", described),
            Cause::RequestRefused,
            "{described}"
        );
    }
    let grant_type = cause(Kind::Bitbucket, "unsupported_grant_type", "Invalid refresh_token");
    assert_eq!(grant_type, Cause::RequestRefused);
}

#[test]
fn a_code_beside_the_error_member_counts_where_it_is_known() {
    let error = |body| refresh_response(adapter(Kind::OAuth2), 400, &[], body).unwrap_err();
    let known = error(r#"{"code":400,"error_code":"refresh_token_not_found","msg":"Invalid Refresh Token"}"#);
    assert_eq!((known.cause(), known.code()), (Cause::GrantInvalid, Some("refresh_token_not_found")));
    // Anything else may come from something in between, and closes nothing.
    for body in [r#"{"error_code":"blocked_by_waf"}"#, r#"{"error_code":7}"#] {
        assert_eq!((error(body).cause(), error(body).code()), (Cause::Unavailable, None), "{body}");
    }
}

#[test]
fn a_failing_server_is_the_cause_whatever_its_body_says() {
    let body = r#"{"error":"invalid_grant","error_codes":[700082]}"#;
    let cause = |status| refresh_response(adapter(Kind::Microsoft), status, &[], body).unwrap_err().cause();
    assert_eq!((cause(503), cause(429)), (Cause::Unavailable, Cause::Throttled));
}

#[test]
fn every_cause_says_who_acts_and_what_to_do() {
    let mut names = std::collections::BTreeSet::new();
    for cause in Cause::ALL {
        assert!(names.insert(cause.as_str()), "{cause}");
        assert!(cause.text().ends_with('.') && cause.text().len() > 20, "{cause}");
        let user = cause.text().contains("The user must connect the account again")
            || cause.text().contains("the user must connect the account again");
        assert_eq!(user, cause.failure() == Failure::Permanent, "{cause}");
        assert_eq!(
            cause.text().ends_with("Try again later."),
            cause.failure() == Failure::Transient,
            "{cause}"
        );
    }
    assert!(Cause::TokenEndpointWrong.text().contains("token_url"));
}

#[test]
fn no_sign_of_a_provider_stands_in_the_table_twice() {
    for (at, row) in REFUSALS.iter().enumerate() {
        let twin =
            REFUSALS.iter().skip(at + 1).find(|other| other.kind == row.kind && other.sign == row.sign);
        assert_eq!(twin, None);
    }
}

#[test]
fn an_error_word_is_no_token() {
    for good in ["invalid_grant", "Invalid Dpop Proof", "federated_connection_refresh_token_not_found"] {
        assert_eq!(word(good).as_deref(), Some(good));
    }
    for token in
        ["gho_16C7e42F292c6912E7710c838347Ae178B4a", "0123456789012345678901234567890123456789", "a/b", ""]
    {
        assert_eq!(word(token), None, "{token}");
    }
}
