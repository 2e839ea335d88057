use super::*;
use caller_auth::Rules;

fn quota(per_second: f64, burst: u32) -> Option<CallerQuota> {
    Some(CallerQuota { per_second, burst })
}

fn caller(claims: &str) -> Caller {
    Caller::from_claims(claims, &Rules::new("https://api.acme.test", "https://acme.test/")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn tm_a05_a_caller_has_a_burst_and_a_rate_of_their_own() {
    let settings = QuotaSettings { per_caller: quota(2.0, 3), ..QuotaSettings::default() };
    let quotas = Quotas::new(&settings, 1 << 20, []);
    let take = |claims: &str| quotas.take(&caller(claims), Some("github"));
    let one = || take(r#"{"sub":"auth0|1","azp":"spa"}"#);
    let spent = |millis| Admission::Refused(Duration::from_millis(millis));
    assert_eq!((one(), one(), one()), (Admission::Fine, Admission::Fine, Admission::Fine));
    assert_eq!(one(), spent(500));
    for other in [
        r#"{"sub":"auth0|1"}"#,
        r#"{"sub":"auth0|2","azp":"spa"}"#,
        r#"{"sub":"auth0|1","azp":"spa","act":{"sub":"planner"}}"#,
        r#"{"sub":"auth0|1","azp":"spa","act":{"sub":"helper","act":{"sub":"planner"}}}"#,
    ] {
        assert_eq!(take(other), Admission::Fine, "{other} is another caller");
    }
    tokio::time::advance(Duration::from_millis(500)).await;
    assert_eq!((one(), one()), (Admission::Fine, spent(500)));
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!((one(), one(), one(), one()), (Admission::Fine, Admission::Fine, Admission::Fine, spent(500)));
}

#[tokio::test(start_paused = true)]
async fn tm_a05_apps_and_providers_have_limits_of_their_own() {
    let settings = QuotaSettings { per_client: quota(1.0, 2), ..QuotaSettings::default() };
    let quotas = Quotas::new(&settings, 1 << 20, [("github", CallerQuota { per_second: 1.0, burst: 1 })]);
    let [ana, ben] =
        ["auth0|ana", "auth0|ben"].map(|sub| caller(&format!(r#"{{"sub":"{sub}","azp":"spa"}}"#)));
    assert_eq!(quotas.take(&ana, Some("github")), Admission::Fine);
    // Refused by the provider's limit, which costs the app nothing.
    assert!(matches!(quotas.take(&ana, Some("github")), Admission::Refused(_)));
    assert_eq!(quotas.take(&ben, Some("google")), Admission::Fine);
    assert!(matches!(quotas.take(&ben, Some("google")), Admission::Refused(_)), "the app's is spent");
    assert_eq!(quotas.take(&caller(r#"{"sub":"auth0|ana","azp":"cli"}"#), None), Admission::Fine);

    let observed = QuotaSettings { mode: QuotaMode::Observe, ..settings };
    let quotas = Quotas::new(&observed, 1 << 20, []);
    let takes = [(); 3].map(|()| quotas.take(&ana, None));
    assert_eq!(takes, [Admission::Fine, Admission::Fine, Admission::Observed]);
}

#[tokio::test(start_paused = true)]
async fn tm_a05_questions_have_a_limit_of_their_own() {
    let settings = QuotaSettings { per_caller: quota(1.0, 2), ..QuotaSettings::default() };
    let quotas = Quotas::new(&settings, 1 << 20, []);
    let [ana, ben] = ["auth0|ana", "auth0|ben"].map(|sub| caller(&format!(r#"{{"sub":"{sub}"}}"#)));
    for _ in 0..20 {
        assert_eq!(quotas.take_question(&ana), Admission::Fine);
    }
    assert_eq!(quotas.take_question(&ana), Admission::Refused(Duration::from_millis(100)));
    assert_eq!((quotas.take_question(&ben), quotas.take(&ana, None)), (Admission::Fine, Admission::Fine));
}

#[tokio::test(start_paused = true)]
async fn tm_a05_questions_are_limited_without_any_quota() {
    let observed = QuotaSettings { mode: QuotaMode::Observe, ..QuotaSettings::default() };
    for settings in [QuotaSettings::default(), observed] {
        let quotas = Quotas::new(&settings, 1 << 20, []);
        let [ana, ben] = ["auth0|ana", "auth0|ben"].map(|sub| caller(&format!(r#"{{"sub":"{sub}"}}"#)));
        let passed = (0..2000).take_while(|_| quotas.take_question(&ana) == Admission::Fine).count();
        assert_eq!(passed, 1000);
        assert_eq!(quotas.take_question(&ana), Admission::Refused(Duration::from_millis(10)));
        assert_eq!((quotas.take_question(&ben), quotas.take(&ana, None)), (Admission::Fine, Admission::Fine));
    }
}

#[tokio::test(start_paused = true)]
async fn tm_a11_ever_new_callers_stay_within_the_bytes() {
    let settings = QuotaSettings { per_caller: quota(1.0, 1), ..QuotaSettings::default() };
    let quotas = Quotas::new(&settings, 1 << 20, []);
    let limit = quotas.per_caller.as_ref().unwrap();
    for number in 0..20_000 {
        limit.take(KeyRef("iss", &format!("auth0|{number}"), Some("spa"), None));
        assert!(limit.buckets.weight() <= 1 << 20);
    }
    let least = OVERHEAD + "iss".len() + "auth0|0".len() + "spa".len();
    assert!(limit.buckets.len() * least <= 1 << 20, "{} of them", limit.buckets.len());
    assert!(limit.buckets.len() > 1000);
}

#[test]
fn without_a_quota_everything_passes() {
    let quotas = Quotas::new(&QuotaSettings::default(), 1 << 20, []);
    assert_eq!(quotas.take(&caller(r#"{"sub":"auth0|ana"}"#), Some("github")), Admission::Fine);
    assert!(quotas.per_caller.is_none() && quotas.per_client.is_none() && quotas.per_provider.is_empty());
}
