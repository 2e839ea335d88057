//! The MCP endpoint: whether tokens that its clients ask for are accepted.

use super::report::Report;
use crate::config::Settings;

pub(super) fn check(settings: &Settings, report: &mut Report) {
    let Some(public_url) = settings.server.public_url.as_ref().filter(|_| settings.mcp.enabled) else {
        return;
    };
    let resource = settings.mcp.resource(public_url);
    let setup = format!(
        "Auth0 issues such a token if an API has the identifier `{resource}` and the Resource Parameter Compatibility Profile is on in the tenant's advanced settings"
    );
    if settings.callers.audience.contains(&resource) {
        report.ok("mcp", format!("clients request a token for `{resource}`, which is accepted. {setup}"));
    } else {
        report.warn(
            "mcp",
            format!("clients request a token for `{resource}`, which is not in `callers.audience`. {setup}"),
            format!(
                "create that API in Auth0, switch the profile on, and add `{resource}` to `callers.audience`"
            ),
        );
    }
}
