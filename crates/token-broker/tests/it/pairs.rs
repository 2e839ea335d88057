//! Users, connections and accounts that look alike, asked for at random by several tasks at once, with records dropped in
//! between: nobody ever gets another account's token. `PAIRS` says how many asks; `cargo xtask test --full` makes it a million.

use std::collections::HashMap;
use std::sync::Arc;

use idp_adapters::{OAuth2Adapter, OAuth2Settings};
use mgmt_auth::{ClientCredentials, Priority, Tenant};
use sandbox::{Identity, Sandbox, User, World};
use serde_json::Value;
use token_broker::{AccountSelector, Broker, Provider, Reason, Selector, TokenRequest};
use user_store::UserStore;

/// Asks without `PAIRS`.
const FEW: usize = 100_000;
/// Tasks that ask at the same time.
const TASKS: usize = 4;
/// One in so many asks drops the user's record first.
const DROPPED: usize = 500;

/// Fronts and tails of user ids that collide after joining, trimming, folding, splitting or decoding.
const FRONTS: [&str; 6] =
    ["oauth2|crm|", "oauth2|CRM|", "oauth2|crm", "oauth2|crm%7C", "oauth2|crm| ", "oauth2|crm||"];
const TAILS: [&str; 12] =
    ["1", "01", "1 ", "%31", "\u{ff11}", "1|1", "K", "k", "\u{212A}", "\u{e9}", "e\u{301}", "1%00"];
/// Connections, each of which is a provider of its own but for the last two, which share one.
const CONNECTIONS: [&str; 6] = ["crm", "CRM", "crm ", "c\u{491}m", "crm|1", "crm%7C1"];
/// The accounts' ids at the provider; every user has some of them, so that they repeat everywhere.
const ACCOUNTS: [&str; 6] = ["1", "01", "1 ", "1|1", "\u{ff11}", "crm|1"];

/// A user's accounts: connection, id at the provider, token.
type Accounts = Vec<(String, String, String)>;

fn user_ids() -> Vec<String> {
    let ids = FRONTS.iter().flat_map(|front| TAILS.iter().map(move |tail| format!("{front}{tail}")));
    ids.collect()
}

/// Every user has accounts on three to five connections, on some of them two.
fn world() -> World {
    user_ids().into_iter().enumerate().fold(World::empty(), |world, (number, id)| {
        let user = CONNECTIONS.iter().enumerate().fold(User::new(id), |user, (at, connection)| {
            let of = |shift: usize| {
                let login = format!("login-{number}-{at}-{shift}");
                Identity::oauth2(connection, ACCOUNTS[(number + at + shift) % ACCOUNTS.len()], &login)
            };
            match (number + at * 5) % 7 {
                0 => user,
                1 | 2 => user.identity(of(0)).identity(of(1)),
                _ => user.identity(of(0)),
            }
        });
        world.with(user)
    })
}

fn providers() -> Vec<(String, Vec<&'static str>)> {
    let mut all: Vec<_> =
        CONNECTIONS[..4].iter().map(|name| (format!("provider {name}"), vec![*name])).collect();
    all.push(("both".to_owned(), CONNECTIONS[4..].to_vec()));
    all
}

/// What the tenant itself says about every user.
async fn truth(tenant: &Tenant) -> HashMap<String, Accounts> {
    let mut all = HashMap::new();
    for id in user_ids() {
        let record: Value = tenant.get(&["users", &id], &[], Priority::Caller).await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let accounts = record["identities"].as_array().unwrap().iter().map(|identity| {
            (text(&identity["connection"]), text(&identity["user_id"]), text(&identity["access_token"]))
        });
        all.insert(id, accounts.collect());
    }
    all
}

/// One random ask, and what must become of it.
async fn one(
    broker: &Broker,
    truth: &HashMap<String, Accounts>,
    users: &[String],
    random: &mut fastrand::Rng,
) {
    let user = &users[random.usize(..users.len())];
    let (provider, connections) = &providers()[random.usize(..CONNECTIONS.len() - 1)];
    let account = match random.u8(..3) {
        0 => None,
        1 => Some(AccountSelector::new(CONNECTIONS[random.usize(..CONNECTIONS.len())], None)),
        _ => Some(AccountSelector::new(
            CONNECTIONS[random.usize(..CONNECTIONS.len())],
            Some(ACCOUNTS[random.usize(..ACCOUNTS.len())].to_owned()),
        )),
    };
    if random.usize(..DROPPED) == 0 {
        let mut record = Selector::default();
        record.user = Some(user.clone());
        broker.forget(&record).await.unwrap();
    }
    let ask = TokenRequest::new(user, provider).account(account.as_ref());
    let fits: Vec<_> = truth[user]
        .iter()
        .filter(|(connection, _, _)| connections.contains(&connection.as_str()))
        .filter(|(connection, id, _)| {
            account.as_ref().is_none_or(|wanted| {
                wanted.connection == *connection && wanted.user_id.as_ref().is_none_or(|wanted| wanted == id)
            })
        })
        .collect();
    match (broker.token(&ask).await, &fits[..]) {
        (Ok(token), [(connection, id, expected)]) => {
            assert_eq!(token.bearer().expose(), expected, "{user} {provider} {account:?}");
            assert_eq!(
                (token.account().connection(), token.account().user_id()),
                (&**connection, Some(&**id))
            );
        }
        (Err(error), []) => {
            assert!(matches!(error.reason(), Reason::AccountNotConnected { .. }), "{user}: {error:?}");
        }
        (Err(error), several) => {
            let Reason::AccountAmbiguous(offered) = error.reason() else { panic!("{user}: {error:?}") };
            assert_eq!(offered.len(), several.len(), "{user} {provider}");
        }
        (Ok(token), fits) => panic!("{user} {provider} {account:?} got {token:?} of {} that fit", fits.len()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_c01_a_million_asks_of_look_alikes_mix_nothing_up() {
    let asks = std::env::var("PAIRS").map_or(FEW, |text| text.parse().unwrap());
    let sandbox = Sandbox::builder().world(world()).start().await.unwrap();
    let tenant = Tenant::builder(sandbox.domain())
        .base_url(sandbox.tenant_url())
        .credentials(ClientCredentials::secret(sandbox.client_id(), sandbox.client_secret().to_owned()))
        .build()
        .unwrap();
    let truth = Arc::new(truth(&tenant).await);
    let tokens: std::collections::HashSet<_> = truth.values().flatten().map(|(_, _, token)| token).collect();
    assert_eq!(
        tokens.len(),
        truth.values().map(Vec::len).sum::<usize>(),
        "every account has a token of its own"
    );
    let users = UserStore::builder(tenant.clone()).build();
    let all = providers().into_iter().map(|(name, connections)| {
        let mut provider = Provider::new(name, OAuth2Adapter::new(OAuth2Settings::default()));
        provider.connections = connections.into_iter().map(str::to_owned).collect();
        provider
    });
    let broker =
        all.fold(Broker::builder(tenant, users), |builder, one| builder.provider(one)).build().unwrap();
    let tasks = (0..TASKS).map(|task| {
        let (broker, truth) = (broker.clone(), Arc::clone(&truth));
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(task as u64);
            let users = user_ids();
            for _ in 0..asks.div_ceil(TASKS) {
                one(&broker, &truth, &users, &mut random).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}
