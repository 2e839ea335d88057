//! What each provider answers when it refuses a request (facts 1.2), as data: they depend on no server.

pub(crate) mod bitbucket;
pub(crate) mod catalogue;
pub(crate) mod downloads;
pub(crate) mod entra;
pub(crate) mod facebook;
pub(crate) mod github;
pub(crate) mod google;
pub(crate) mod microsoft;
pub(crate) mod oauth2;
pub(crate) mod trouble;
