//! The store: can it be reached, do our keys open what is in it, and what does it promise?

use std::{path::Path, time::Duration};

use secrecy::SecretString;
use token_broker::{
    FileStore, GrantFilter, GrantState, GrantStore, GrantSummary, KeyRing, RecordStore, StoreError,
};
use tokio::time::timeout;

use super::{super::ask, report::Report};
use crate::{
    config::{Settings, StoreKind, secret_source},
    fleet::record_name,
    stores::fleet_store,
};

/// The longest the doctor looks through a store.
const LIST_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) async fn check(settings: &Settings, report: &mut Report) {
    let store = &settings.store;
    if store.kind == StoreKind::Memory {
        return report.skip("store", "the store is in memory: nothing to check");
    }
    let ring = match ask::ring(store.encryption_keys_file.as_deref()).await {
        Ok(ring) => ring,
        Err(error) => {
            return report.fail(
                "store-keys",
                error,
                "make lines with `gateway store keygen` and name their file",
            );
        }
    };
    if store.kind == StoreKind::File {
        return match &store.path {
            Some(path) => file(path, ring, &settings.tenant.domain, report).await,
            None => report.skip("store", "there is no `store.path`"),
        };
    }
    let source = secret_source(store.url.as_ref(), store.url_file.as_deref());
    let Some(source) = source else {
        return report.skip("store", "there is no `store.url`");
    };
    match ask::read(&source).await {
        Ok(url) => server((store.kind, &url), ring, &settings.tenant.domain, report).await,
        Err(error) => report.fail("store", error, "correct `store.url_file`"),
    }
}

async fn file(path: &Path, ring: KeyRing, tenant: &str, report: &mut Report) {
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(found) if found.permissions().readonly() => {
            let remedy = "give the gateway's user write access to the file";
            return report.fail("store", format!("{shown} cannot be written"), remedy);
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return report.ok("store", format!("{shown} will be created at the first start"));
        }
        Err(error) => return report.fail("store", format!("{shown}: {error}"), "correct `store.path`"),
    }
    match FileStore::open(path, ring).await {
        Ok(store) => {
            report.ok("store", format!("{shown} is whole"));
            grants(&store, tenant, report).await;
        }
        Err(error) if error.is_in_use() => {
            report.ok("store", format!("{shown} is in use by a running gateway"));
        }
        Err(error) if error.is_damaged() => report.fail("store", error.to_string(), DAMAGED),
        Err(error) => report.fail(
            "store",
            error.to_string(),
            "give the gateway's user read and write access to the file",
        ),
    }
}

const DAMAGED: &str =
    "add the missing key to `store.encryption_keys_file` again, or restore the file from a backup";

async fn server((kind, url): (StoreKind, &SecretString), ring: KeyRing, tenant: &str, report: &mut Report) {
    let name = if kind == StoreKind::Postgres { "PostgreSQL" } else { "Redis" };
    let failed = |error: &StoreError| format!("{name} cannot be used: {error}");
    let correct = "correct `store.url` (scheme, host, port, user and password), and make sure that this machine can reach it";
    let store = match fleet_store(kind, url, ring) {
        Ok(store) => store,
        Err(error) => return report.fail("store", failed(&error), correct),
    };
    match store.check().await {
        Ok(broken) => {
            report.ok("store", format!("{name} answers"));
            if broken.is_empty() {
                report.ok("store-promises", format!("{name} is set up to keep what is stored"));
            }
            for what in broken {
                // Finding and remedy come as one sentence.
                let (finding, remedy) = what.rsplit_once("; ").unwrap_or((&what, "look at the server"));
                report.warn("store-promises", finding, remedy);
            }
        }
        Err(error) => return report.fail("store", failed(&error), correct),
    }
    grants(&*store, tenant, report).await;
}

/// Whether our keys open the record of blocks and logouts, and every grant.
async fn grants<S: GrantStore + RecordStore + ?Sized>(store: &S, tenant: &str, report: &mut Report) {
    if let Err(error) = store.read(&record_name(tenant), None).await
        && error.is_damaged()
    {
        return report.fail("store-keys", error.to_string(), DAMAGED);
    }
    match timeout(LIST_TIMEOUT, store.list(&GrantFilter::default().of_tenant(tenant))).await {
        Ok(Ok(list)) => match unreadable(store, &list).await {
            None => report.ok("store-keys", format!("the keys can decrypt all {} grants", list.len())),
            Some(finding) => report.fail("store-keys", finding, UNREADABLE),
        },
        Ok(Err(error)) if error.is_damaged() => report.fail("store-keys", error.to_string(), DAMAGED),
        Ok(Err(error)) => report.warn("store-keys", error.to_string(), "try again"),
        Err(_) => report.skip("store-keys", "there are too many grants to check all of them"),
    }
}

const UNREADABLE: &str = "put the missing key back into `store.encryption_keys_file`; where it is lost, or the record damaged, \
                          `gateway grants forget --user ID`: the user then has to connect again";

/// How many grants the keys do not open, and what is wrong with one of them.
async fn unreadable<S: GrantStore + ?Sized>(store: &S, list: &[GrantSummary]) -> Option<String> {
    let of_them = list.iter().filter(|grant| grant.state == GrantState::Unreadable);
    let first = of_them.clone().next()?;
    let cause = store.load(&first.key).await.err().map_or_else(String::new, |error| format!(": {error}"));
    Some(format!("{} of {} grants cannot be decrypted{cause}", of_them.count(), list.len()))
}
