//! The MCP endpoint: whether tokens that its clients ask for are accepted.

use super::report::Report;
use crate::config::Settings;

pub(super) fn check(settings: &Settings, report: &mut Report) {
    let Some(public_url) = settings.server.public_url.as_ref().filter(|_| settings.mcp.enabled) else {
        return;
    };
    let resource = settings.mcp.resource(public_url);
    let setup = format!(
        "Auth0 gives it where an API has the identifier `{resource}` and the tenant's advanced settings have the Resource Parameter Compatibility Profile on"
    );
    if settings.callers.audience.contains(&resource) {
        report.ok("mcp", format!("clients ask for a token for `{resource}`, which is accepted. {setup}"));
    } else {
        report.warn(
            "mcp",
            format!(
                "clients ask for a token for `{resource}`, which `callers.audience` does not name. {setup}"
            ),
            format!(
                "make that API in Auth0, switch the profile on, and add `{resource}` to `callers.audience`"
            ),
        );
    }
}
