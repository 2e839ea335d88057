//! What an admin call is about.

use serde::{Deserialize, Deserializer, Serialize};
use std::time::Duration;

/// Selects users, connections, providers or everything. At least one member is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// Auth0 user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Auth0 connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Provider name of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Everything; excludes the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// `forget` alone: stored refresh grants too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub grants: bool,
}

impl Selector {
    /// Why this selects nothing sensible.
    pub(crate) fn mistake(&self) -> Option<&'static str> {
        let named = [&self.user, &self.connection, &self.provider];
        let empty = named.iter().any(|member| member.as_ref().is_some_and(String::is_empty));
        let any = named.iter().any(|member| member.is_some());
        match (self.all, any) {
            _ if empty => Some("a selector member is empty"),
            (false, false) => Some(
                "select something: \"user\", \"connection\", \"provider\", or everything with \"all\": true",
            ),
            (true, true) => Some("\"all\" excludes the other selectors"),
            _ => None,
        }
    }
}

/// The body of `POST /admin/block`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRequest {
    /// What to refuse.
    pub selector: Selector,
    /// Why, for the audit log and the list.
    pub reason: Option<String>,
    /// For how long; `None`: until lifted.
    pub duration: Option<Duration>,
}

impl<'de> Deserialize<'de> for BlockRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Members {
            user: Option<String>,
            connection: Option<String>,
            provider: Option<String>,
            #[serde(default)]
            all: bool,
            reason: Option<String>,
            r#for: Option<String>,
        }
        let members = Members::deserialize(deserializer)?;
        let duration = members.r#for.as_deref().map(humantime::parse_duration).transpose();
        let duration =
            duration.map_err(|_| serde::de::Error::custom("\"for\" is a duration such as \"1h\""))?;
        let Members { user, connection, provider, all, reason, .. } = members;
        Ok(Self { selector: Selector { user, connection, provider, all, grants: false }, reason, duration })
    }
}
