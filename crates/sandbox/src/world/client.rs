//! Applications of the tenant as a test describes them.

/// The machine-to-machine application with a grant for the Management API.
pub const MACHINE_CLIENT: &str = "m2mSandboxClient0000000000000001";
/// The same, authenticated by `private_key_jwt`.
pub const ASSERTION_CLIENT: &str = "jwtSandboxClient0000000000000002";
/// The Custom API Client that exchanges callers' tokens at Token Vault.
pub const VAULT_CLIENT: &str = "vltSandboxClient0000000000000003";
/// The single-page application.
pub const SPA_CLIENT: &str = "spaSandboxClient0000000000000004";

/// The web application of a gateway's connect pages.
pub const CONNECT_CLIENT: &str = "conSandboxClient0000000000000005";

/// How an application may prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientMethod {
    /// `client_secret` in the body.
    Post,
    /// `Authorization: Basic`.
    Basic,
    /// A signed assertion; the registered key is [`Sandbox::client_key_pem`](crate::Sandbox::client_key_pem)'s.
    PrivateKeyJwt,
    /// None: a public client (single-page or native app).
    None,
}

/// An application of the tenant.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) secret: String,
    pub(crate) methods: Vec<ClientMethod>,
    pub(crate) grant_types: Vec<String>,
    pub(crate) grants: Vec<(String, Vec<String>)>,
    pub(crate) resource_server: Option<String>,
    pub(crate) quota: Option<(u64, u64)>,
    pub(crate) vault_connections: Option<Vec<String>>,
    pub(crate) callbacks: Option<Vec<String>>,
    pub(crate) origins: Vec<String>,
}

/// The grant of Token Vault's exchange.
pub(crate) const VAULT_GRANT: &str =
    "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token";

/// The grant of On-Behalf-Of Token Exchange (RFC 8693).
pub(crate) const ON_BEHALF_GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

impl Client {
    /// A machine-to-machine application that takes its secret by post or basic, without any API.
    #[must_use]
    pub fn machine(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            secret: secret.to_owned(),
            methods: vec![ClientMethod::Post, ClientMethod::Basic],
            grant_types: vec!["client_credentials".to_owned()],
            grants: Vec::new(),
            resource_server: None,
            quota: None,
            vault_connections: None,
            callbacks: None,
            origins: Vec::new(),
        }
    }

    /// A public client: single-page or native app.
    #[must_use]
    pub fn public(id: &str) -> Self {
        Self {
            methods: vec![ClientMethod::None],
            grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
            ..Self::machine(id, "")
        }
    }

    /// A web application: people sign in to it, and it keeps a secret.
    #[must_use]
    pub fn web(id: &str, secret: &str) -> Self {
        Self { grant_types: vec!["authorization_code".to_owned()], ..Self::machine(id, secret) }
    }

    /// A Custom API Client: may exchange callers' tokens for `audience` at Token Vault.
    #[must_use]
    pub fn custom_api(id: &str, secret: &str, audience: &str) -> Self {
        Self {
            grant_types: vec![VAULT_GRANT.to_owned()],
            resource_server: Some(audience.to_owned()),
            ..Self::machine(id, secret)
        }
    }

    /// The name that people see on the consent page; the id by default.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Grants scopes of the API `audience` (a client grant).
    #[must_use]
    pub fn grant(mut self, audience: &str, scopes: &[&str]) -> Self {
        self.grants.retain(|(granted, _)| granted != audience);
        self.grants.push((audience.to_owned(), scopes.iter().map(|scope| (*scope).to_owned()).collect()));
        self
    }

    /// Allows exactly these ways of authentication.
    #[must_use]
    pub fn methods(mut self, methods: &[ClientMethod]) -> Self {
        self.methods = methods.to_vec();
        self
    }

    /// Allows exactly these grant types.
    #[must_use]
    pub fn grant_types(mut self, grants: &[&str]) -> Self {
        self.grant_types = grants.iter().map(|grant| (*grant).to_owned()).collect();
        self
    }

    /// A quota of machine tokens an hour and a day, with its headers on every answer.
    #[must_use]
    pub fn quota(mut self, per_hour: u64, per_day: u64) -> Self {
        self.quota = Some((per_hour, per_day));
        self
    }

    /// The connections this client may use at Token Vault; all by default.
    #[must_use]
    pub fn vault_connections(mut self, names: &[&str]) -> Self {
        self.vault_connections = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// The exact addresses that a sign-in may return to; any by default.
    #[must_use]
    pub fn callbacks(mut self, addresses: &[&str]) -> Self {
        self.callbacks = Some(addresses.iter().map(|address| (*address).to_owned()).collect());
        self
    }

    /// Web origins that may call the tenant from a browser, besides those on loopback.
    #[must_use]
    pub fn origins(mut self, origins: &[&str]) -> Self {
        self.origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        self
    }
}
