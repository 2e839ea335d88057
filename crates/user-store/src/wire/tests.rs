use serde_json::{Value, json};

use super::*;

const ID: &str = "google-oauth2|100000000000000000001";

fn read(body: &Value) -> Result<User, Error> {
    User::from_json(body.to_string().as_bytes(), ID, SystemTime::UNIX_EPOCH)
}

fn with(identity: Value) -> Vec<(String, String, String)> {
    let user = read(&json!({ "user_id": ID, "identities": [identity] })).unwrap();
    let parts = |i: &Identity| (i.connection().to_owned(), i.provider().to_owned(), i.user_id().to_owned());
    user.identities().iter().map(parts).collect()
}

#[test]
fn the_documented_record_is_read() {
    let user = read(&json!({
        "user_id": ID, "email": "ana@example.test", "app_metadata": {}, "unheard_of": [1, { "a": null }],
        "identities": [
            { "provider": "google-oauth2", "user_id": "100000000000000000001", "connection": "google-oauth2",
              "isSocial": true, "access_token": "ya29.a0EXAMPLE", "refresh_token": "1//0gEXAMPLE", "expires_in": 3599 },
            { "provider": "github", "user_id": 583231, "connection": "github", "isSocial": true,
              "access_token": "gho_EXAMPLE", "profileData": { "email": "ana@work.test" } },
            { "provider": "auth0", "user_id": "5", "connection": "Username-Password-Authentication", "isSocial": false },
        ],
    }))
    .unwrap();
    let [google, github, auth0] = user.identities() else { panic!("three identities") };
    assert!(!user.is_blocked() && google.is_social() && !auth0.is_social());
    assert_eq!(google.bearer().unwrap().expose(), "ya29.a0EXAMPLE");
    assert_eq!(google.refresh_token().unwrap().expose_secret(), "1//0gEXAMPLE");
    assert_eq!(google.expires_in(), Some(Duration::from_secs(3599)));
    assert_eq!((github.user_id(), github.bearer().is_some()), ("583231", true));
    assert!(auth0.bearer().is_none() && !auth0.has_unusable_token());
    let shown = format!("{user:?}");
    assert!(!shown.contains("EXAMPLE"), "{shown}");
}

#[test]
fn ids_are_kept_as_they_were_written() {
    let id = |raw: &str| {
        let body = format!(r#"{{"user_id":"{ID}","identities":[{{"connection":"c","user_id":{raw}}}]}}"#);
        let user = User::from_json(body.as_bytes(), ID, SystemTime::UNIX_EPOCH).unwrap();
        user.identities().first().map(|identity| identity.user_id().to_owned())
    };
    for (raw, kept) in [
        ("583231", "583231"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("\"007\"", "007"),
        ("\"a|b\\u00e9\"", "a|b\u{e9}"),
        (" 12 ", "12"),
    ] {
        assert_eq!(id(raw).as_deref(), Some(kept), "{raw}");
    }
    for raw in ["null", "true", "{}", "[]", "\"\"", "\"\\ud800\""] {
        assert_eq!(id(raw), None, "{raw}");
    }
}

#[test]
fn a_broken_identity_does_not_lose_the_others() {
    let broken = [
        "null",
        "7",
        "\"text\"",
        "[]",
        "{}",
        r#"{"connection":"c"}"#,
        r#"{"user_id":"1"}"#,
        r#"{"connection":7,"user_id":"1"}"#,
        r#"{"connection":"c","user_id":"1","connection":"d"}"#,
        r#"{"connection":"c","user_id":"1","access_token":"\udfff"}"#,
    ];
    for identity in broken {
        let body = format!(
            r#"{{"user_id":"{ID}","identities":[{identity},{{"connection":"github","user_id":1,"access_token":"t"}}]}}"#
        );
        let user = User::from_json(body.as_bytes(), ID, SystemTime::UNIX_EPOCH).unwrap();
        let left: Vec<_> = user.identities().iter().map(Identity::connection).collect();
        assert_eq!(left, ["github"], "{identity}");
    }
}

#[test]
fn odd_members_cost_only_themselves() {
    let names =
        with(json!({ "connection": "c", "provider": ["x"], "user_id": "1", "access_token": { "a": 1 },
        "refresh_token": 5, "expires_in": "soon", "isSocial": "yes" }));
    assert_eq!(names, [("c".into(), "c".into(), "1".into())]);
    assert_eq!(with(json!({ "provider": "p", "user_id": "1" })), [("p".into(), "p".into(), "1".into())]);
    for (expires_in, expected) in [
        (json!("3600"), Some(3600)),
        (json!(59.9), Some(59)),
        (json!(0), None),
        (json!(-5), None),
        (json!(1e300), None),
        (json!(null), None),
    ] {
        let identity = json!({ "connection": "c", "user_id": "1", "expires_in": expires_in });
        let user = read(&json!({ "user_id": ID, "identities": [identity] })).unwrap();
        assert_eq!(user.identities()[0].expires_in(), expected.map(Duration::from_secs), "{expires_in}");
    }
    for token in ["", "two words", "l\nine", "\u{e9}"] {
        let identity = json!({ "connection": "c", "user_id": "1", "access_token": token });
        let user = read(&json!({ "user_id": ID, "identities": [identity] })).unwrap();
        let identity = &user.identities()[0];
        assert!(identity.bearer().is_none(), "{token:?}");
        assert_eq!(identity.has_unusable_token(), !token.is_empty(), "{token:?}");
    }
}

#[test]
fn every_value_but_false_and_null_is_blocked() {
    for (blocked, expected) in [
        (json!(false), false),
        (json!(null), false),
        (json!(true), true),
        (json!("true"), true),
        (json!({}), true),
    ] {
        let user = read(&json!({ "user_id": ID, "blocked": blocked, "identities": [] })).unwrap();
        assert_eq!(user.is_blocked(), expected, "{blocked}");
    }
    assert!(!read(&json!({ "user_id": ID })).unwrap().is_blocked());
}

#[test]
fn tm_c03_another_users_record_is_thrown_away() {
    for user_id in [json!("google-oauth2|2"), json!(null), json!(ID.to_uppercase()), json!(format!("{ID} "))]
    {
        let error = read(&json!({ "user_id": user_id, "identities": [] })).unwrap_err();
        assert!(!error.is_not_found() && !error.excuses_stale(), "{user_id}");
    }
    assert!(read(&json!({ "identities": [] })).is_err());
    assert!(User::from_json(b"<html>", ID, SystemTime::UNIX_EPOCH).is_err());
}

#[test]
fn shared_records_survive_their_encoding() {
    let user = read(&json!({ "user_id": ID, "blocked": true, "identities": [
        { "provider": "github", "user_id": 583231, "connection": "gh-e", "access_token": "gho_\"x", "expires_in": 5 },
        { "provider": "auth0", "user_id": "5", "connection": "U" } ] }))
    .unwrap();
    let bytes = encode(&user).unwrap();
    let back = decode(&bytes, ID).unwrap();
    assert_eq!(format!("{back:?}"), format!("{user:?}"));
    assert_eq!(back.identities()[0].bearer().unwrap().expose(), "gho_\"x");
    assert!(decode(&bytes, "google-oauth2|2").is_none());
    assert!(decode(b"{}", ID).is_none());
    assert!(decode(&bytes[..bytes.len() - 1], ID).is_none());
}

#[test]
fn an_account_that_auth0_lists_twice_is_one_account_and_keeps_its_token() {
    let github = |token: Value| json!({ "connection": "github", "user_id": 1, "access_token": token });
    let other = json!({ "connection": "github", "user_id": "2" });
    for identities in [
        [github(json!("t")), github(json!(null)), other.clone()],
        [github(json!(null)), github(json!("t")), other.clone()],
        [github(json!("t")), github(json!("t")), other],
    ] {
        let user = read(&json!({ "user_id": ID, "identities": identities })).unwrap();
        let [first, second] = user.identities() else { panic!("two accounts: {user:?}") };
        assert_eq!((first.user_id(), first.bearer().unwrap().expose()), ("1", "t"));
        assert_eq!(second.user_id(), "2");
    }
}

#[test]
fn the_last_login_is_read_to_the_second_and_survives_sharing() {
    for (last_login, seconds) in [
        (json!("2026-11-24T10:00:00.123Z"), Some(1_795_514_400)),
        (json!("2024-02-29T23:59:59Z"), Some(1_709_251_199)),
        (json!("1970-01-01T00:00:01Z"), Some(1)),
        (json!("2026-11-24T10:00:00+01:00"), None),
        (json!("2026-13-24T10:00:00Z"), None),
        (json!("soon"), None),
        (json!({}), None),
    ] {
        let user = read(&json!({ "user_id": ID, "last_login": last_login })).unwrap();
        let expected = seconds.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(user.last_login(), expected, "{last_login}");
        let back = decode(&encode(&user).unwrap(), ID).unwrap();
        assert_eq!(back.last_login(), expected, "{last_login}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in ".{0,200}") {
        let _ = User::from_json(body.as_bytes(), ID, SystemTime::UNIX_EPOCH);
        let _ = decode(body.as_bytes(), ID);
    }
}
