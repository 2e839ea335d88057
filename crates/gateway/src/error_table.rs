//! The one table from the crates' errors to problems.

use crate::body::RequestBodyFault;
use crate::outcome::Code;
use crate::problem::Problem;

/// A request body that ended early.
pub(crate) fn request_body(fault: RequestBodyFault) -> Problem {
    let code = match fault {
        RequestBodyFault::TooLarge => Code::BodyTooLarge,
        RequestBodyFault::Idle => Code::RequestTimeout,
        RequestBodyFault::Broken => Code::BadRequest,
    };
    Problem::new(code).detail(fault.to_string())
}
