//! Refusals of Entra's token endpoint: `error_codes` says more than `error` (facts 6.3).

use serde_json::json;

use crate::http::Answer;

use super::trouble::Trouble;

pub(crate) fn refused(status: u16, error: &str, number: u32, description: &str) -> Answer {
    let id = "4f9b3e1c-5d1b-4a57-9f3a-6a1e0f5b7c11";
    let stamp = "2026-01-02 03:04:05Z";
    let text =
        format!("AADSTS{number}: {description} Trace ID: {id} Correlation ID: {id} Timestamp: {stamp}");
    Answer::json(
        status,
        &json!({
            "error": error, "error_description": text, "error_codes": [number], "timestamp": stamp, "trace_id": id,
            "correlation_id": id, "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
        }),
    )
    .header("cache-control", "no-store")
    .header("pragma", "no-cache")
}

/// The refusals that no request brings about by itself.
pub(crate) fn troubles() -> Vec<Trouble> {
    Vec::new()
}
