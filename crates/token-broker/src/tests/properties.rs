//! Any state, any answers: what one call costs and closes.

use std::time::Duration;

use idp_adapters::Kind;
use proptest::prelude::*;
use serde_json::{Value, json};
use token_keeper::BearerToken;

use super::{rig::*, rotation::key};
use crate::{
    Fingerprint, GrantRecord, GrantState, GrantStore, Intent, TransportErrorKind, digest::Digest,
    tenant_grant::TenantGrant,
};

/// What the provider's token endpoint says.
#[derive(Clone, Copy, Debug)]
enum TokenAnswer {
    New,
    Same,
    WithoutRefreshToken,
    InvalidGrant,
    Down,
    Limited,
    Lost,
    NotSent,
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Token,
    Rejected,
    LoginRequired,
}

#[derive(Clone, Debug)]
struct Stored {
    access: Option<u8>,
    refresh: Option<u8>,
    state: GrantState,
    intent: bool,
    refreshed_ago: Option<u64>,
    expires_in: Option<i64>,
    /// It started from the copy that Auth0 still holds.
    same_copy: bool,
    members: bool,
}

#[derive(Clone, Debug)]
struct Case {
    copy: (Option<u8>, Option<u8>),
    /// Auth0's copy at the next look.
    next: Option<(Option<u8>, Option<u8>)>,
    stored: Option<Stored>,
    worked: bool,
    /// The refused token is the one that was just handed out; else an older one.
    current: bool,
    call: Call,
    said: Vec<TokenAnswer>,
}

fn stored() -> impl Strategy<Value = Stored> {
    let state = prop_oneof![
        3 => Just(GrantState::Live),
        1 => Just(GrantState::Revoked),
        1 => Just(GrantState::Dead { until: u64::MAX / 2, lost: false }),
        1 => Just(GrantState::Dead { until: 0, lost: true }),
    ];
    let ago = prop_oneof![Just(None), Just(Some(10)), Just(Some(3000))];
    let end = prop_oneof![Just(None), Just(Some(-10)), Just(Some(100)), Just(Some(3600))];
    let token = || prop::option::of(0_u8..2);
    (token(), token(), state, any::<bool>(), ago, end, any::<bool>(), any::<bool>()).prop_map(
        |(access, refresh, state, intent, refreshed_ago, expires_in, same_copy, members)| Stored {
            access,
            refresh,
            state,
            intent,
            refreshed_ago,
            expires_in,
            same_copy,
            members,
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let copy = || (prop::option::of(0_u8..2), prop::option::of(0_u8..2));
    let said = prop_oneof![
        Just(TokenAnswer::New),
        Just(TokenAnswer::Same),
        Just(TokenAnswer::WithoutRefreshToken),
        Just(TokenAnswer::InvalidGrant),
        Just(TokenAnswer::Down),
        Just(TokenAnswer::Limited),
        Just(TokenAnswer::Lost),
        Just(TokenAnswer::NotSent),
    ];
    let call = prop_oneof![1 => Just(Call::Token), 3 => Just(Call::Rejected), 1 => Just(Call::LoginRequired)];
    let said = prop::collection::vec(said, 1..4);
    (copy(), prop::option::of(copy()), prop::option::of(stored()), any::<bool>(), any::<bool>(), call, said)
        .prop_map(|(copy, next, stored, worked, current, call, said)| Case {
            copy,
            next,
            stored,
            worked,
            current,
            call,
            said,
        })
}

fn name(kind: &str, number: Option<u8>) -> Value {
    number.map_or(Value::Null, |number| json!(format!("{kind}{number}")))
}

fn identities((access, refresh): (Option<u8>, Option<u8>)) -> Value {
    json!([{ "provider": "bitbucket", "connection": "bitbucket", "user_id": "{b}",
        "access_token": name("a", access), "refresh_token": name("r", refresh) }])
}

fn record(stored: &Stored, rig: &Rig, copy: (Option<u8>, Option<u8>)) -> GrantRecord {
    let (now, keys) = (rig.tenant.wall.now(), rig.store.keys());
    let text = |kind: &str, number: Option<u8>| number.map(|number| format!("{kind}{number}"));
    let seen = TenantGrant {
        access: text("a", copy.0).map(|token| BearerToken::new(&token).unwrap()),
        access_digest: None,
        refresh: text("r", copy.1).map(Into::into),
        expires_in: None,
    };
    let mut record = GrantRecord::starting(Fingerprint("gone:0".into()), None, now);
    if stored.same_copy {
        seen.stamp(&mut record, keys);
        if !stored.members {
            (record.origin_access, record.origin_refresh) = (None, None);
        }
    }
    // Bitbucket's tokens of our own: others than Auth0's, or the same.
    record.access_token = text("a", stored.access).map(|token| BearerToken::new(&token).unwrap());
    record.refresh_token = text("r", stored.refresh).map(Into::into);
    record.state = stored.state;
    record.intent = stored.intent.then_some(Intent { at: 1 });
    record.refreshed_at = stored.refreshed_ago.map(|ago| now - Duration::from_secs(ago));
    record.expires_at = stored.expires_in.map(|end| {
        let by = Duration::from_secs(end.unsigned_abs());
        if end < 0 { now - by } else { now + by }
    });
    record.lifetime = Some(Duration::from_secs(3600));
    record.updated_at = now - Duration::from_secs(stored.refreshed_ago.unwrap_or(3000));
    record
}

fn answers(said: Vec<TokenAnswer>) -> impl FnMut(&Form) -> Reply + Send {
    let (mut said, mut serial) = (said.into_iter().cycle(), 10);
    move |form| {
        serial += 1;
        let grant = |access: String, refresh: Option<String>| {
            Ok((200, json!({ "access_token": access, "refresh_token": refresh, "expires_in": 3600 })))
        };
        match said.next().unwrap() {
            TokenAnswer::New => grant(format!("a{serial}"), Some(format!("r{serial}"))),
            TokenAnswer::Same => grant(form["refresh_token"].replace('r', "a"), Some(format!("r{serial}"))),
            TokenAnswer::WithoutRefreshToken => grant(format!("a{serial}"), None),
            TokenAnswer::InvalidGrant => Ok((400, json!({ "error": "invalid_grant" }))),
            TokenAnswer::Down => Ok((503, json!({}))),
            TokenAnswer::Limited => Ok((429, json!({}))),
            TokenAnswer::Lost => Err(TransportErrorKind::Broken.into()),
            TokenAnswer::NotSent => Err(TransportErrorKind::Connect.into()),
        }
    }
}

async fn check(case: Case) -> Result<(), TestCaseError> {
    let rig = Rig::new(identities(case.copy));
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    if let Some(stored) = &case.stored {
        rig.store.inner.swap(&key(), None, &record(stored, &rig, case.copy)).await.unwrap();
    }
    rig.provider.answers(answers(case.said.clone()));
    let request = rig.ask("bitbucket").endpoint("GET /2.0/user");
    let first = broker.token(&request).await;
    let before = rig.provider.calls();
    prop_assert!(before <= 1, "{before} refreshes in one call");
    let Ok(mut token) = first else { return Ok(()) };
    if let Some(next) = case.next {
        rig.tenant.put(identities(next));
    }
    if !case.current {
        token.bearer = BearerToken::new("a-before").unwrap();
    }
    if case.worked {
        broker.token_accepted(&rig.ask("bitbucket").endpoint("GET /2.0/workspaces"), &token);
    }
    let outcome = match case.call {
        Call::Token => broker.token(&request).await,
        Call::Rejected => broker.token_rejected(&request, &token).await,
        Call::LoginRequired => broker.login_required(&request, &token).await,
    };
    let spent = rig.provider.calls() - before;
    prop_assert!(spent <= 1, "{spent} refreshes in one call");
    if case.worked {
        let digest = Digest::of(token.bearer());
        prop_assert!(!broker.inner.knowledge.is_dead(|| digest), "closed by one endpoint: {outcome:?}");
    }
    if let (Call::Rejected, Ok(new)) = (case.call, &outcome) {
        prop_assert!(new.bearer().expose() != token.bearer().expose(), "the refused token again");
    }
    Ok(())
}

/// The refresh token is dead, and Auth0 holds nothing any more. That says nothing of the token, which Auth0 may hold again.
#[tokio::test(start_paused = true)]
async fn a_token_that_worked_to_its_end_is_not_marked_with_its_account() {
    let stored = Stored {
        access: Some(1),
        refresh: None,
        state: GrantState::Dead { until: u64::MAX / 2, lost: false },
        intent: false,
        refreshed_ago: None,
        expires_in: Some(-10),
        same_copy: false,
        members: false,
    };
    let case = Case {
        copy: (Some(1), None),
        next: Some((None, None)),
        stored: Some(stored),
        worked: true,
        current: true,
        call: Call::Rejected,
        said: vec![TokenAnswer::New],
    };
    check(case).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn one_call_spends_one_refresh_token_at_most_and_one_endpoint_closes_nothing(case in case()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(check(case))?;
    }
}
