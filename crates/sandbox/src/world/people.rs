//! Users and identities as a test describes them.

use serde_json::Value;

use crate::json::merge;
use crate::kinds::ProviderKind;

/// In what state an identity's grant is when the sandbox starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// The provider accepts the access token.
    #[default]
    Live,
    /// The access token has expired; a refresh token, if there is one, still works.
    Expired,
    /// The user revoked the grant at the provider: access and refresh token are dead.
    Revoked,
}

/// One element of a user's `identities[]`, and the account at the provider behind it.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(crate) kind: Option<ProviderKind>,
    pub(crate) strategy: String,
    pub(crate) connection: String,
    pub(crate) user_id: String,
    pub(crate) numeric: bool,
    pub(crate) social: bool,
    pub(crate) login: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) access: bool,
    pub(crate) refresh: bool,
    pub(crate) app: bool,
    pub(crate) expires_in: Option<u64>,
    pub(crate) condition: Condition,
    pub(crate) stored: bool,
    pub(crate) vaulted: bool,
    pub(crate) profile_data: Value,
}

impl Identity {
    fn new(kind: ProviderKind, user_id: &str, login: &str, scopes: &[&str]) -> Self {
        Self {
            kind: Some(kind),
            strategy: kind.strategy().to_owned(),
            connection: kind.strategy().to_owned(),
            user_id: user_id.to_owned(),
            numeric: false,
            social: true,
            login: login.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            access: true,
            refresh: false,
            app: false,
            expires_in: None,
            condition: Condition::Live,
            stored: true,
            vaulted: false,
            profile_data: Value::Object(serde_json::Map::new()),
        }
    }

    /// A Google account with profile, Gmail, calendar, Drive and contacts, and a refresh token.
    #[must_use]
    pub fn google(user_id: &str, login: &str) -> Self {
        const PREFIX: &str = "https://www.googleapis.com/auth/";
        let mut scopes = vec!["openid".to_owned(), "email".to_owned(), "profile".to_owned()];
        for scope in
            ["gmail.readonly", "calendar.readonly", "calendar.events", "drive.readonly", "contacts.readonly"]
        {
            scopes.push(format!("{PREFIX}{scope}"));
        }
        Self {
            scopes,
            refresh: true,
            expires_in: Some(3599),
            ..Self::new(ProviderKind::Google, user_id, login, &[])
        }
    }

    /// A GitHub account of an OAuth App: no expiry, no refresh token, `user_id` a JSON number.
    #[must_use]
    pub fn github(user_id: &str, login: &str) -> Self {
        Self {
            numeric: true,
            ..Self::new(ProviderKind::GitHub, user_id, login, &["read:user", "user:email", "repo"])
        }
    }

    /// A GitHub account of a GitHub App: expires, and its single-use refresh token rotates.
    #[must_use]
    pub fn github_app(user_id: &str, login: &str) -> Self {
        Self { app: true, refresh: true, expires_in: Some(28800), ..Self::github(user_id, login) }
    }

    /// A Facebook account: no refresh token.
    #[must_use]
    pub fn facebook(user_id: &str, login: &str) -> Self {
        let scopes = ["public_profile", "email", "user_photos", "user_posts", "pages_show_list"];
        Self { expires_in: Some(5_183_944), ..Self::new(ProviderKind::Facebook, user_id, login, &scopes) }
    }

    /// A Bitbucket account: two hours, rotating refresh token. `user_id` is the account's uuid.
    #[must_use]
    pub fn bitbucket(user_id: &str, login: &str) -> Self {
        let scopes = ["account", "email", "repository", "pullrequest", "pullrequest:write"];
        Self {
            refresh: true,
            expires_in: Some(7200),
            ..Self::new(ProviderKind::Bitbucket, user_id, login, &scopes)
        }
    }

    /// A Microsoft account, with a refresh token.
    #[must_use]
    pub fn microsoft(user_id: &str, login: &str) -> Self {
        let scopes =
            ["User.Read", "Mail.Read", "Mail.Send", "Calendars.Read", "Files.Read", "offline_access"];
        Self {
            refresh: true,
            expires_in: Some(3600),
            ..Self::new(ProviderKind::Microsoft, user_id, login, &scopes)
        }
    }

    /// An account of a custom OAuth 2.0 connection named `connection`.
    #[must_use]
    pub fn oauth2(connection: &str, user_id: &str, login: &str) -> Self {
        let identity = Self::new(ProviderKind::OAuth2, user_id, login, &["profile", "things:read"]);
        Self { connection: connection.to_owned(), refresh: true, expires_in: Some(3600), ..identity }
    }

    /// An identity of a kind the sandbox has no provider for (database, SAML, ...): without tokens.
    #[must_use]
    pub fn other(strategy: &str, connection: &str, user_id: &str) -> Self {
        Self {
            kind: None,
            strategy: strategy.to_owned(),
            connection: connection.to_owned(),
            social: false,
            access: false,
            ..Self::new(ProviderKind::OAuth2, user_id, user_id, &[])
        }
    }

    /// Another connection name than the strategy's default.
    #[must_use]
    pub fn connection(mut self, name: &str) -> Self {
        name.clone_into(&mut self.connection);
        self
    }

    /// Another strategy (`provider` of the identity): `waad` for a Microsoft account, say.
    #[must_use]
    pub fn strategy(mut self, name: &str) -> Self {
        name.clone_into(&mut self.strategy);
        self.social = !matches!(name, "waad" | "google-apps" | "office365" | "sharepoint");
        self
    }

    /// Whether `user_id` is a JSON number in the user record.
    #[must_use]
    pub fn numeric(mut self, numeric: bool) -> Self {
        self.numeric = numeric;
        self
    }

    /// What the user consented to.
    #[must_use]
    pub fn scopes(mut self, scopes: &[&str]) -> Self {
        self.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self
    }

    /// Lays an object over `profileData` in the user record.
    #[must_use]
    pub fn profile_data(mut self, members: Value) -> Self {
        merge(&mut self.profile_data, members);
        self
    }

    /// Adds one scope to the grant.
    #[must_use]
    pub fn with_scope(mut self, scope: &str) -> Self {
        self.scopes.push(scope.to_owned());
        self
    }

    /// Takes one scope out of the usual ones.
    #[must_use]
    pub fn without_scope(mut self, scope: &str) -> Self {
        self.scopes.retain(|held| held != scope);
        self
    }

    /// The grant's state at the start.
    #[must_use]
    pub fn condition(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// The provider never gave a token to Auth0.
    #[must_use]
    pub fn without_token(mut self) -> Self {
        self.access = false;
        self.refresh = false;
        self
    }

    /// Whether there is a refresh token.
    #[must_use]
    pub fn refresh_token(mut self, given: bool) -> Self {
        self.refresh = given;
        self
    }

    /// The connection uses Token Vault: tokens are there, the identity shows none.
    #[must_use]
    pub fn in_vault(mut self) -> Self {
        self.vaulted = true;
        self.stored = false;
        self
    }

    /// Tokens are in the identity and, with a grant of their own, in the vault as well.
    #[must_use]
    pub fn also_in_vault(mut self) -> Self {
        self.vaulted = true;
        self
    }
}

/// A user of the tenant.
#[derive(Clone, Debug)]
pub struct User {
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) blocked: bool,
    pub(crate) identities: Vec<Identity>,
    pub(crate) connected: Vec<Identity>,
    pub(crate) extra: Value,
}

impl User {
    /// A user without identities. `user_id` must be `provider|id`, as it is in Auth0.
    #[must_use]
    pub fn new(user_id: impl Into<String>) -> Self {
        let user_id = user_id.into();
        let name = user_id.clone();
        Self {
            user_id,
            name,
            email: "somebody@example.test".to_owned(),
            blocked: false,
            identities: Vec::new(),
            connected: Vec::new(),
            extra: Value::Object(serde_json::Map::new()),
        }
    }

    /// Sets full name and e-mail address.
    #[must_use]
    pub fn named(mut self, name: &str, email: &str) -> Self {
        name.clone_into(&mut self.name);
        email.clone_into(&mut self.email);
        self
    }

    /// Adds an identity. The first is the primary one; those after it are linked accounts.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identities.push(identity);
        self
    }

    /// Adds an account that is connected through Connected Accounts only: it is in the vault and not
    /// among the identities.
    #[must_use]
    pub fn connected_account(mut self, identity: Identity) -> Self {
        self.connected.push(identity.in_vault());
        self
    }

    /// Blocks the user.
    #[must_use]
    pub fn blocked(mut self) -> Self {
        self.blocked = true;
        self
    }

    /// Lays an object over the user record's root members.
    #[must_use]
    pub fn extra(mut self, members: Value) -> Self {
        merge(&mut self.extra, members);
        self
    }
}
