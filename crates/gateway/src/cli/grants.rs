//! `gateway grants list|forget`: what is stored, without its secrets.
//!
//! A server that the fleet shares is asked directly. A memory store, and a file that a running gateway holds, are its own: then it is asked through
//! its admin listener.

use std::sync::Arc;

use mgmt_auth::SecretSource;
use serde_json::{Value, json};
use token_broker::{FileStore, GrantFilter, GrantStore, RecordStore};

use super::{
    args::{GrantsForget, GrantsList, GrantsMeant},
    ask::{self, Asker},
    exit::Exit,
    healthcheck::reachable,
    output::{Ended, Failure, Output, Tone},
};
use crate::{
    admin::GrantEntry,
    config::{Settings, StoreKind, secret_source},
    fleet::Fleet,
    selector::Selector,
    stores::fleet_store,
};

/// Where the grants are found.
enum Place {
    /// In a store that this command opens itself, with the control state beside them.
    Store(Arc<dyn GrantStore>, Arc<dyn RecordStore>),
    /// With the gateway that runs.
    Gateway,
}

pub(super) async fn list(settings: &Settings, args: &GrantsList, output: &Output) -> Ended {
    let filter = filter(settings, &selector(&args.meant, true));
    let list: Vec<GrantEntry> = match open(settings).await? {
        Place::Store(store, _) => {
            store.list(&filter).await.map_err(store_failed)?.into_iter().map(GrantEntry::from).collect()
        }
        Place::Gateway => from_gateway(settings, &filter).await?,
    };
    if args.json {
        return output.json(&json!({ "grants": list }));
    }
    for grant in &list {
        let tone = if grant.state == "live" { Tone::Good } else { Tone::Bad };
        let refresh = if grant.refreshable { "refresh token" } else { "no refresh token" };
        let until = grant.expires_at.as_deref().unwrap_or("unknown");
        let unanswered = if grant.unanswered { ", a refresh is unanswered" } else { "" };
        output.line(&format!(
            "{}  {}  {}  {refresh}, token until {until}{unanswered}",
            output.paint(&grant.state, tone),
            grant.user,
            grant.account,
        ));
    }
    if list.is_empty() {
        output.message("no grant is stored");
    }
    Ok(Exit::Fine)
}

pub(super) async fn forget(settings: &Settings, args: &GrantsForget, output: &Output) -> Ended {
    let selector = selector(&args.meant, args.all);
    let count = match open(settings).await? {
        Place::Store(store, record) => from_store(settings, &*store, record, selector).await?,
        Place::Gateway => through_gateway(settings, &selector).await?,
    };
    if args.json {
        return output.json(&json!({ "forgotten": count }));
    }
    output.line(&format!("{count} forgotten"));
    Ok(Exit::Fine)
}

fn store_failed(error: impl ToString) -> Failure {
    Failure::new(error, "correct [store]; `gateway doctor` says what is wrong with it")
}

const START_GATEWAY: &str =
    "start the gateway, or correct `server.admin_listen` and `server.admin_token_file`";

async fn open(settings: &Settings) -> Result<Place, Failure> {
    let store = &settings.store;
    if store.kind == StoreKind::Memory {
        return Ok(Place::Gateway);
    }
    let ring = ask::ring(store.encryption_keys_file.as_deref()).await.map_err(store_failed)?;
    match store.kind {
        StoreKind::Redis | StoreKind::Postgres => {
            let source = secret_source(store.url.as_ref(), store.url_file.as_deref());
            let source = source.ok_or_else(|| store_failed("there is no `store.url`"))?;
            let url = ask::read(&source).await.map_err(store_failed)?;
            let shared = fleet_store(store.kind, &url, ring).map_err(store_failed)?;
            Ok(Place::Store(shared.clone(), shared))
        }
        _ => {
            let path = store.path.clone().unwrap_or_default();
            if !path.exists() {
                let problem = format!("{} is not there yet", path.display());
                return Err(Failure::new(problem, "start the gateway once"));
            }
            match FileStore::open(path, ring).await {
                Ok(file) => {
                    let file = Arc::new(file);
                    Ok(Place::Store(file.clone(), file))
                }
                Err(error) if error.is_in_use() => Ok(Place::Gateway),
                Err(error) => Err(store_failed(error)),
            }
        }
    }
}

fn selector(meant: &GrantsMeant, all: bool) -> Selector {
    Selector {
        user: meant.user.clone(),
        connection: meant.connection.clone(),
        provider: meant.provider.clone(),
        all,
        grants: true,
    }
}

/// The grants that are meant. A provider means its connections.
fn filter(settings: &Settings, meant: &Selector) -> GrantFilter {
    let of_provider = meant.provider.as_ref().map(|name| {
        settings.providers.get(name).map(|provider| provider.connections.clone()).unwrap_or_default()
    });
    let connections = match (meant.connection.clone(), of_provider) {
        (Some(connection), Some(own)) => Some(own.into_iter().filter(|name| *name == connection).collect()),
        (Some(connection), None) => Some(vec![connection]),
        (None, own) => own,
    };
    GrantFilter::new(meant.user.clone(), connections).of_tenant(&*settings.tenant.domain)
}

/// Deletes, lifts the disconnections of what is deleted, and tells the replicas of a fleet to forget what they know.
async fn from_store(
    settings: &Settings,
    store: &dyn GrantStore,
    record: Arc<dyn RecordStore>,
    selector: Selector,
) -> Result<u64, Failure> {
    let meant = filter(settings, &selector);
    let mut count = 0;
    for grant in store.list(&meant).await.map_err(store_failed)? {
        count += u64::from(store.delete(&grant.key).await.map_err(store_failed)?);
    }
    let fleet = Fleet::kept(record, &settings.tenant.domain);
    fleet.read().await.map_err(store_failed)?;
    for revoked in fleet.revoked().iter().filter(|revoked| !revoked.lifted && meant.matches(&revoked.key)) {
        fleet.revoke(revoked.lift()).await;
    }
    fleet.forget(selector).await;
    Ok(count)
}

async fn from_gateway(settings: &Settings, filter: &GrantFilter) -> Result<Vec<GrantEntry>, Failure> {
    let answer = admin(settings, "grants", None).await?;
    let list = answer.get("grants").cloned().unwrap_or(Value::Null);
    let list: Vec<GrantEntry> = serde_json::from_value(list)
        .map_err(|_| Failure::new("the gateway's answer is no list of grants", "use one version of both"))?;
    let meant = |grant: &GrantEntry| {
        filter.user.as_ref().is_none_or(|user| *user == grant.user)
            && filter.connections.as_ref().is_none_or(|names| names.contains(&grant.connection))
    };
    Ok(list.into_iter().filter(meant).collect())
}

async fn through_gateway(settings: &Settings, selector: &Selector) -> Result<u64, Failure> {
    let answer = admin(settings, "forget", Some(&json!(selector))).await?;
    answer
        .get("forgotten")
        .and_then(Value::as_u64)
        .ok_or_else(|| Failure::new("the gateway does not say what it forgot", "use one version of both"))
}

/// Asks the admin listener of the gateway that runs on this machine.
async fn admin(settings: &Settings, command: &str, body: Option<&Value>) -> Result<Value, Failure> {
    let address = reachable(settings.server.admin_listen);
    let url = format!("http://{address}/admin/{command}");
    let token = match &settings.server.admin_token_file {
        None => None,
        Some(path) => {
            let token = ask::read(&SecretSource::File(path.clone())).await;
            Some(token.map_err(|error| Failure::new(error, START_GATEWAY))?)
        }
    };
    let reply = Asker::new(settings)?.admin(&url, token.as_ref(), body).await.map_err(|error| {
        let finding =
            format!("only the gateway that runs has these grants, and {url} did not answer: {error}");
        Failure::new(finding, START_GATEWAY)
    })?;
    if reply.status == 200 {
        return Ok(reply.json());
    }
    Err(Failure::new(format!("{url} answered {} {}", reply.status, reply.description()), START_GATEWAY))
}
