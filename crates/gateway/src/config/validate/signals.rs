//! `[telemetry]`, `[audit]`, `[logout]`, `[console]`, `[[webhooks]]`.

use super::{
    super::{AuditSink, Settings, problems::Collector},
    address::{UrlRules, check_url},
    files::{Content, check_file, check_folder},
};

pub(super) fn validate(settings: &Settings, collector: &mut Collector) {
    if let Some(url) = &settings.telemetry.otlp_endpoint {
        check_url("telemetry.otlp_endpoint", url, UrlRules { path: true, private: true }, collector);
    }
    log_level(&settings.telemetry.log_level, collector);
    match (settings.audit.sink, &settings.audit.path) {
        (AuditSink::File, None) => {
            collector.report(
                "audit.path",
                "`audit.sink = \"file\"` needs `audit.path`",
                "name the file to append to",
            );
        }
        (AuditSink::File, Some(path)) => check_folder("audit.path", path, collector),
        _ => {}
    }
    for (index, _) in settings.logout.client_ids.iter().enumerate().filter(|(_, id)| id.trim().is_empty()) {
        collector.report(
            &format!("logout.client_ids[{index}]"),
            "the client id is empty",
            "write the client id that logout tokens are made for",
        );
    }
    if settings.console.enabled {
        console(settings, collector);
    }
    webhooks(settings, collector);
}

fn webhooks(settings: &Settings, collector: &mut Collector) {
    for (index, webhook) in settings.webhooks.iter().enumerate() {
        let key = |name: &str| format!("webhooks[{index}].{name}");
        let rules = UrlRules { path: true, private: webhook.allow_private_network };
        check_url(&key("url"), &webhook.url, rules, collector);
        check_file(&key("secret_file"), Some(&webhook.secret_file), Content::Text, collector);
        if webhook.events.is_empty() {
            collector.report(
                &key("events"),
                "the list is empty, so nothing is ever sent",
                "name events, or leave the key out for all of them",
            );
        }
    }
}

fn console(settings: &Settings, collector: &mut Collector) {
    let Some(client) = &settings.console.client_id else {
        return collector.report(
            "console.client_id",
            "the console is enabled, but has no application to sign in with",
            "give the client id of its single-page application, or set `console.enabled = false`",
        );
    };
    let clients = &settings.callers.clients;
    if !clients.is_empty() && !clients.contains(client) {
        collector.warn(
            "console.client_id",
            "`callers.clients` does not name the console's application, so every call of the console is refused",
            "add the client id to `callers.clients`, or set `console.enabled = false`",
        );
    }
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

fn log_level(text: &str, collector: &mut Collector) {
    let fits = text.split(',').all(|directive| {
        let level = directive.trim().rsplit('=').next().unwrap_or_default();
        LEVELS.contains(&level.to_ascii_lowercase().as_str())
    });
    if !fits || tracing_subscriber::EnvFilter::try_new(text).is_err() {
        collector.report(
            "telemetry.log_level",
            format!("`{text}` is not a level"),
            "write error, warn, info, debug or trace, or a filter such as \"info,gateway=debug\"",
        );
    }
}
