//! GraphQL bodies, read ahead where a rule looks at them.

use http::HeaderMap;

use crate::body::{self, Body};
use crate::problem::Problem;
use crate::provider::graphql::Documents;
use crate::provider::plan::{PlanError, ProviderCall};
use crate::provider::policy::Decider;
use crate::state::{AdmittedCall, Calls, RequestRecord};

/// Reads the body of a call that a rule about GraphQL may permit, and checks the call by it. The body is then as it was.
///
/// # Errors
/// No rule opens what the body asks for, or it cannot be read.
pub(super) async fn checked(
    calls: &Calls,
    call: &mut AdmittedCall<'_>,
    asked: ProviderCall<'_>,
    (rule, headers, body): (usize, &HeaderMap, Body),
    record: &mut RequestRecord,
) -> Result<Body, Problem> {
    let limit = calls.replay_limit;
    let Ok(bytes) = body::read(body, limit, calls.read_ahead_timeout).await else {
        record.refused_by = Some(Decider::Rule(rule));
        return Err(PlanError::long_document(rule, limit).into());
    };
    if let Some(read) = call.provider().plan.read_documents(&asked, headers, &bytes) {
        record.graphql = read.as_ref().ok().map(|asked| asked.to_string().into());
        let asked = ProviderCall { documents: Documents::Read(&read), ..asked };
        calls.access.permit_documents(call, asked, record)?;
    }
    Ok(body::full(bytes))
}
