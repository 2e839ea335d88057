//! `[console]`: the web console.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

/// The web console on the public listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleSettings {
    /// Whether `/console/` is served.
    pub enabled: bool,
    /// The client id of the Auth0 single-page application that users of the console sign in with.
    pub client_id: Option<String>,
    /// Where `gateway demo` takes orders for faults; no setting of a file or of the environment.
    #[serde(skip)]
    pub demo: Option<Url>,
}
