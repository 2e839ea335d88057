//! `gateway version`.

use serde_json::json;

use super::{
    exit::Exit,
    output::{Ended, Output},
};

pub(super) fn run(json: bool, output: &Output) -> Ended {
    let version = env!("CARGO_PKG_VERSION");
    let commit = option_env!("IDP_GATEWAY_COMMIT").unwrap_or("unknown");
    let features: &[&str] = if cfg!(feature = "demo") { &["demo"] } else { &[] };
    if json {
        return output.json(
            &json!({ "name": "idp-gateway", "version": version, "commit": commit, "features": features }),
        );
    }
    let with = if features.is_empty() { String::new() } else { format!(", with {}", features.join(", ")) };
    output.line(&format!("idp-gateway {version} (commit {commit}{with})"));
    Ok(Exit::Fine)
}
