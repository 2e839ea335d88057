//! A nightly job that walks many users within the Management API's limits: it reads each user's GitHub login, and tells in
//! the morning who has to connect again.
//!
//! Each user the job has not met costs one call of the Management API, of which a free tenant allows two a second, for all
//! of its programs together. The broker's tenant keeps to that: it reads the allowance from each answer, and lets look-ups of
//! background priority wait for callers of the same process. What remains for the job: few users at a time, and coming back when it is
//! told to.
//!
//! Tenant and provider are a sandbox on loopback. For the real thing: the tenant's domain and client, no URLs, the user ids
//! from where you keep them.

use std::{collections::BTreeMap, error::Error, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use idp_adapters::{
    Kind,
    client::{self, GitHub, HttpClient},
};
use mgmt_auth::{ClientCredentials, Priority, Tenant};
use sandbox::{Identity, ProviderKind, Sandbox, User, World};
use token_broker::{Broker, IdpToken, Provider, Reason, TokenRequest};
use url::Url;
use user_store::UserStore;

/// How many users are under way at a time. More would only wait for the allowance.
const AT_A_TIME: usize = 4;
/// How often one user is tried.
const TRIES: u32 = 8;
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What the night brought.
#[derive(Debug, Default)]
struct Report {
    /// User id to login at GitHub.
    logins: BTreeMap<String, String>,
    /// Who has to connect again.
    reconnect: Vec<String>,
    /// Who is left for the next night, and why.
    left: BTreeMap<String, String>,
}

/// What became of one user.
enum Ended {
    Login(String),
    Reconnect,
    Left(String),
}

struct Job {
    broker: Broker,
    github: Url,
    http: HttpClient,
}

impl Job {
    /// Walks all users.
    async fn run(self: Arc<Self>, users: Vec<String>) -> Report {
        let mut walk = stream::iter(users)
            .map(|user| {
                let job = self.clone();
                async move {
                    let ended = job.one(&user).await;
                    (user, ended)
                }
            })
            .buffer_unordered(AT_A_TIME);
        let mut report = Report::default();
        while let Some((user, ended)) = walk.next().await {
            match ended {
                Ended::Login(login) => drop(report.logins.insert(user, login)),
                Ended::Reconnect => report.reconnect.push(user),
                Ended::Left(why) => drop(report.left.insert(user, why)),
            }
        }
        report
    }

    /// One user, tried again where waiting may help and nowhere else.
    async fn one(&self, user_id: &str) -> Ended {
        let ask = TokenRequest::new(user_id, "github");
        let mut refused: Option<IdpToken> = None;
        let mut why = String::new();
        for attempt in 0..TRIES {
            let token = match &refused {
                None => self.broker.token(&ask).await,
                // Once a refresh or a look at Auth0's copy; the same token again is reported as dead.
                Some(token) => self.broker.token_rejected(&ask, token).await,
            };
            let wait = match token {
                Ok(token) => match self.login(&token).await {
                    Ok(login) => return Ended::Login(login),
                    Err(error) if error.is_token_dead() && refused.is_none() => {
                        refused = Some(token);
                        continue;
                    }
                    Err(error) if error.is_token_dead() => return Ended::Reconnect,
                    Err(error) => {
                        why = error.to_string();
                        error.is_transient().then(|| error.retry_after())
                    }
                },
                Err(error) => {
                    let reason = error.reason();
                    if matches!(reason, Reason::ReconnectRequired { .. } | Reason::AccountNotConnected { .. })
                    {
                        return Ended::Reconnect;
                    }
                    error.detail().clone_into(&mut why);
                    error.is_transient().then(|| error.retry_after())
                }
            };
            let Some(retry_after) = wait else { break };
            pause(attempt, retry_after).await;
        }
        Ended::Left(why)
    }

    /// The work itself.
    async fn login(&self, token: &IdpToken) -> Result<String, client::Error> {
        let github = GitHub::builder(token.bearer().clone()).base_url(self.github.clone());
        let profile = github.http(self.http.clone()).build()?.profile().await?;
        Ok(profile.preferred_username.unwrap_or(profile.sub))
    }
}

/// As long as was asked for; else a second, doubled with each try. Up to half as much again at random: those who were told the
/// same do not come back together.
async fn pause(attempt: u32, retry_after: Option<Duration>) {
    let own = Duration::from_secs(1) * 2_u32.saturating_pow(attempt);
    let pause = retry_after.unwrap_or(own).min(LONGEST_PAUSE);
    tokio::time::sleep(pause.mul_f64(1.0 + fastrand::f64() / 2.0)).await;
}

/// 30 users at a tenant that allows two look-ups a second; one of them has revoked the grant.
async fn night(users: usize) -> Result<(Report, Sandbox), Box<dyn Error>> {
    let ids: Vec<_> = (0..users).map(|n| format!("github|{}", 700_000 + n)).collect();
    let person = |id: &String| {
        let number = id.trim_start_matches("github|");
        User::new(id.clone()).identity(Identity::github(number, &format!("user-{number}")))
    };
    let world = ids.iter().map(person).fold(World::empty(), World::with);
    let sandbox = Sandbox::builder().world(world).start().await?;
    sandbox.world().limit_management_api(2, 2);
    sandbox.world().revoke(&ids[0], "github");

    let tenant = Tenant::builder(sandbox.domain())
        .base_url(sandbox.tenant_url())
        .credentials(ClientCredentials::secret(sandbox.client_id(), sandbox.client_secret()))
        // A job can wait longer for its turn than a user.
        .longest_waits(Duration::from_secs(10), Duration::from_secs(300))
        .build()?;
    let people = UserStore::builder(tenant.clone()).priority(Priority::Background).build();
    let github = Provider::new("github", idp_adapters::shared(Kind::GitHub));
    let broker = Broker::builder(tenant, people).provider(github).build()?;
    let job = Job { broker, github: sandbox.provider_url(ProviderKind::GitHub), http: HttpClient::default() };
    Ok((Arc::new(job).run(ids).await, sandbox))
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "what the example is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (report, _) = night(30).await?;
    println!("{} logins read", report.logins.len());
    for user in &report.reconnect {
        println!("{user} has to connect again");
    }
    for (user, why) in &report.left {
        println!("{user} is left for the next night: {why}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_is_served_within_the_limits() {
        let (report, sandbox) = night(12).await.unwrap();
        assert_eq!(report.logins.len(), 11, "{report:?}");
        assert_eq!(report.logins["github|700011"], "user-700011");
        assert_eq!(report.reconnect, ["github|700000"]);
        assert!(report.left.is_empty(), "{report:?}");
        let journal = sandbox.journal();
        let of_users = |entry: &sandbox::Entry| entry.path().starts_with("/api/v2/users/");
        let refused = journal.count(|entry| of_users(entry) && entry.status() == Some(429));
        assert!(refused <= 1, "{refused} refusals: the limit is kept, not run into");
        // One for each, and one more look at the copy of a token that the provider refused.
        let looks = journal.count(|entry| of_users(entry) && entry.status() == Some(200));
        assert_eq!(looks, 13);
    }
}
