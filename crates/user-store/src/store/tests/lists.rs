//! Connected Accounts that cannot be read, and those that are read for a change.

use super::*;

fn lists(tenant: &FakeTenant) -> usize {
    tenant.0.lists.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn a_list_that_auth0_refuses_to_show_is_asked_for_once_a_minute_for_all_users() {
    let (store, tenant) = store();
    tenant.fail(Some(Fault::Operator));
    for number in 0..50 {
        let user = format!("github|{}", number % 10);
        assert_eq!(store.connected_accounts(&user).await.unwrap_err().fault(), Fault::Operator);
        assert!(store.reread_connected_accounts(&user).await.is_err());
        assert!(store.connected_accounts_now(&user).await.is_err());
        store.invalidate_connected_accounts(&user);
        store.invalidate(&user);
    }
    assert_eq!(lists(&tenant), 1);
    tenant.fail(None);
    after(59.0).await;
    assert!(store.connected_accounts(ID).await.is_err());
    after(1.1).await;
    assert!(store.connected_accounts(ID).await.is_ok());
    assert_eq!(lists(&tenant), 2);
    // An operator who has changed something need not wait.
    tenant.fail(Some(Fault::Operator));
    assert!(store.connected_accounts("github|2").await.is_err());
    tenant.fail(None);
    store.invalidate_all();
    assert!(store.connected_accounts("github|2").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_list_of_an_unknown_user_is_asked_for_every_five_seconds() {
    let (store, tenant) = store();
    tenant.fail(Some(Fault::NotFound));
    for _ in 0..50 {
        assert!(store.connected_accounts(ID).await.unwrap_err().is_not_found());
        assert!(store.connected_accounts_now(ID).await.unwrap_err().is_not_found());
        store.invalidate_connected_accounts(ID);
    }
    assert_eq!(lists(&tenant), 1);
    // Another user's list is not concerned.
    tenant.fail(None);
    assert!(store.connected_accounts("github|2").await.is_ok());
    assert!(store.connected_accounts(ID).await.is_err());
    after(5.1).await;
    assert!(store.connected_accounts(ID).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_is_tried_less_and_less_often() {
    for fault in [Fault::Tenant, Fault::RateLimited, Fault::Request] {
        let (store, tenant) = store();
        tenant.fail(Some(fault));
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            let error = store.connected_accounts(ID).await.unwrap_err();
            assert_eq!(error.fault(), fault);
            assert!(store.connected_accounts_now(ID).await.is_err());
            store.invalidate_connected_accounts(ID);
            after(0.01).await;
        }
        assert!((7..=12).contains(&lists(&tenant)), "{fault:?}: {}", lists(&tenant));
        // The first failure of a while costs half a second.
        tenant.fail(None);
        after(5.1).await;
        store.connected_accounts(ID).await.unwrap();
        tenant.fail(Some(fault));
        store.invalidate_connected_accounts(ID);
        let error = store.connected_accounts(ID).await.unwrap_err();
        assert_eq!(error.retry_after(), None);
        let error = store.connected_accounts(ID).await.unwrap_err();
        assert!(error.retry_after().is_some_and(|wait| wait <= Duration::from_millis(500)), "{error:?}");
        tenant.fail(None);
        after(0.51).await;
        assert!(store.connected_accounts(ID).await.is_ok(), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_was_read_for_a_change_serves_all_changes_of_the_user_for_5_seconds() {
    let (store, tenant) = store();
    // A list that was read for something else may lack what the user has just connected.
    store.connected_accounts(ID).await.unwrap();
    let all = futures_join((0..50).map(|_| store.connected_accounts_now(ID))).await;
    assert!(all.iter().all(Result::is_ok));
    for _ in 0..49 {
        after(0.1).await;
        store.connected_accounts_now(ID).await.unwrap();
        store.connected_accounts(ID).await.unwrap();
        store.reread_connected_accounts(ID).await.unwrap();
    }
    assert_eq!(lists(&tenant), 2);
    store.connected_accounts_now("github|2").await.unwrap();
    assert_eq!(lists(&tenant), 3, "each user has an own list");
    after(0.2).await;
    store.connected_accounts_now(ID).await.unwrap();
    assert_eq!(lists(&tenant), 4);
    // The user has connected an account here.
    store.invalidate_connected_accounts(ID);
    store.connected_accounts_now(ID).await.unwrap();
    assert_eq!(lists(&tenant), 5);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_under_way_does_not_serve_a_change() {
    let (store, tenant) = store();
    let reading = tokio::spawn({
        let store = store.clone();
        async move { store.connected_accounts(ID).await }
    });
    tokio::time::sleep(LOOK_UP / 2).await;
    let changing = tokio::spawn({
        let store = store.clone();
        async move { store.connected_accounts_now(ID).await }
    });
    tokio::task::yield_now().await;
    // Who comes now waits for the newer one.
    store.connected_accounts(ID).await.unwrap();
    assert!(reading.await.unwrap().is_ok() && changing.await.unwrap().is_ok());
    store.connected_accounts_now(ID).await.unwrap();
    assert_eq!(lists(&tenant), 2);
}
