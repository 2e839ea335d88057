//! Challenges that lead to the endpoint's own metadata (RFC 9728, section 5.1).

use http::{HeaderValue, StatusCode};

use crate::outcome::Code;
use crate::problem::Problem;
use crate::state::McpState;

/// Whether a refusal concerns the caller's own token: it is then the answer of HTTP, which clients act on.
pub(super) fn is_callers(problem: &Problem) -> bool {
    problem.status_code() == StatusCode::UNAUTHORIZED
        || matches!(problem.code(), Code::CallerScopeMissing | Code::CallerNotAUser | Code::CallerNotAllowed)
}

/// The refusal with challenges that name the endpoint's metadata, and the scopes to ask for where none are named.
pub(super) fn of_endpoint(problem: Problem, mcp: &McpState) -> Problem {
    let scopes = mcp.scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    problem.map_challenges(|value| retarget(value, &mcp.metadata, &scopes))
}

fn retarget(value: &HeaderValue, metadata: &str, scopes: &str) -> HeaderValue {
    const NAME: &str = ", resource_metadata=\"";
    let Ok(text) = value.to_str() else { return value.clone() };
    let mut parts = text.splitn(2, NAME);
    let (before, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let after = rest.split_once('"').map_or("", |(_, after)| after);
    let mut text = before.to_owned();
    // RFC 6749, section 3.3: no scope has quotes or backslashes.
    if !text.contains(", scope=\"") && !scopes.is_empty() && !scopes.contains(['"', '\\']) {
        text = format!("{text}, scope=\"{scopes}\"");
    }
    HeaderValue::try_from(format!("{text}{NAME}{metadata}\"{after}")).unwrap_or_else(|_| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_name_the_endpoints_metadata_and_scopes() {
        for (from, want) in [
            (
                r#"Bearer realm="r", resource_metadata="https://a/.well-known/oauth-protected-resource""#,
                r#"Bearer realm="r", scope="read", resource_metadata="https://a/m""#,
            ),
            (
                r#"Bearer realm="r", error="insufficient_scope", scope="write", resource_metadata="x""#,
                r#"Bearer realm="r", error="insufficient_scope", scope="write", resource_metadata="https://a/m""#,
            ),
            (
                r#"Bearer realm="r", error="invalid_token""#,
                r#"Bearer realm="r", error="invalid_token", scope="read", resource_metadata="https://a/m""#,
            ),
        ] {
            let value = retarget(&HeaderValue::from_static(from), "https://a/m", "read");
            assert_eq!(value, want, "{from}");
        }
    }
}
