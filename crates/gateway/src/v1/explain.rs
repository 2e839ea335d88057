//! `GET /v1/explain/{request-id}`: why that call of this caller ended as it did.

use http::Response;

use crate::body::Body;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::reply;
use crate::state::{Access, ExplainRing, RequestRecord, VerifiedCaller};

pub(crate) async fn answer(
    (access, explained): (&Access, &ExplainRing),
    verified: VerifiedCaller,
    id: &str,
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    let verified = access.question(verified, record).await?;
    match explained.find(id, &verified.caller) {
        Some(explanation) => reply::json(&explanation),
        None => Err(Problem::new(Code::NotFound)
            .detail("this replica knows no such call of yours")
            .remedy("Ask the replica that served the call, within 10 minutes, as the same user and client.")),
    }
}
