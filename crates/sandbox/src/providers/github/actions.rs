//! Artifacts and logs of workflow runs: their bytes are behind redirects to a storage service.

use serde_json::{Value, json};

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::providers::downloads;
use crate::providers::session::Session;
use crate::refusals::github::error;

/// Where the storage service keeps artifacts and logs.
const HOST: &str = "productionresultssa0.blob.core.windows.net";
/// The ids of the artifacts.
const ARTIFACTS: std::ops::RangeInclusive<u64> = 11..=13;

pub(super) fn answer(inner: &Inner, entry: &Entry, session: &Session, name: &str, rest: &[&str]) -> Answer {
    let login = &session.account.login;
    let artifact = |id: u64| {
        let url = format!("{}/repos/{login}/{name}/actions/artifacts/{id}", entry.origin());
        json!({
            "id": id, "node_id": format!("A_{id}"), "name": format!("artifact-{id}"), "size_in_bytes": 556,
            "url": url, "archive_download_url": format!("{url}/zip"), "expired": false,
            "created_at": "2026-01-10T14:59:22Z", "expires_at": "2026-03-21T14:59:22Z",
        })
    };
    let known = |id: &str| id.parse::<u64>().ok().filter(|id| ARTIFACTS.contains(id));
    let redirect = |path: &str| Answer::redirect(302, &downloads::link(inner, HOST, path));
    match rest {
        ["artifacts"] => {
            let all: Vec<Value> = ARTIFACTS.map(artifact).collect();
            Answer::json(200, &json!({ "total_count": all.len(), "artifacts": all }))
        }
        ["artifacts", id] => {
            known(id).map_or_else(|| error(404, "Not Found"), |id| Answer::json(200, &artifact(id)))
        }
        ["artifacts", id, "zip"] => match known(id) {
            Some(id) => redirect(&format!("/actions-results/artifacts/{id}.zip")),
            None => error(404, "Not Found"),
        },
        ["runs", id, "logs"] => redirect(&format!("/actions-results/logs/{id}.zip")),
        _ => error(404, "Not Found"),
    }
}
