//! What is checked.

use caller_auth::Caller;
use http::Method;

use super::super::graphql::Documents;

/// A call to be checked: who asks for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The method.
    pub method: &'a Method,
    /// The provider host it is for.
    pub host: &'a str,
    /// The raw path, as it would be sent (without the configured base).
    pub path: &'a str,
    /// The GraphQL that it holds, at a path that serves GraphQL.
    pub documents: Documents<'a>,
}
