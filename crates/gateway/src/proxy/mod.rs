//! The way of a proxied request: plan, token, provider, classification, hygiene. One straight function.
#![expect(
    dead_code,
    unused_imports,
    clippy::new_ret_no_self,
    clippy::collapsible_if,
    reason = "the function that uses these comes next"
)]

mod address;
mod bodies;
mod connect;
mod hygiene;
mod json;
mod links;
mod outbound;
mod search;
mod upstream;

pub use connect::tls_config;
pub(crate) use hygiene::extend_vary;
pub(crate) use search::TokenInBody;
pub use upstream::UpstreamTimeouts;
