//! Connections to the server: made at first use, and again after each failure.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::mpsc, time::timeout};
use tokio_postgres::{
    AsyncMessage, Client, Config, Error, Row,
    config::{Host, SslMode},
    error::SqlState,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Parameter, PostgresStore, StoreError};

/// The longest it takes to connect, and one statement takes.
const CONNECT: Duration = Duration::from_secs(2);
const RESPONSE: Duration = Duration::from_secs(2);
/// What the server puts up with of one statement, so that none is carried out after it was given up.
const SESSION: &str = "SET statement_timeout = 2000; SET idle_in_transaction_session_timeout = 5000";
const TABLES: &str =
    "SELECT count(*) FROM unnest(ARRAY['idp_gateway_grant', 'idp_gateway_record', 'idp_gateway_lease',
    'idp_gateway_used', 'idp_gateway_cache']) AS name WHERE to_regclass(name) IS NOT NULL";
/// The channel of messages about records.
pub(super) const CHANNEL: &str = "idp_gateway_changed";

/// What the URL says, with TLS where the password would cross a network otherwise.
pub(super) fn configuration(url: &str) -> Result<Config, StoreError> {
    // The library's own words could quote the URL, and with it the password.
    let wrong = |_| {
        StoreError::unavailable(
            "this is not a postgres:// URL, or it has a parameter that is not known; certificates are always verified \
             against the system's roots (SSL_CERT_FILE names others)",
        )
    };
    let known = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
    // The certificate is verified in any case, which is what these two ask for.
    let url =
        url.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
    let mut config: Config = if known { url.parse() } else { "neither=".parse() }.map_err(wrong)?;
    if !url.contains("sslmode=") {
        let local = config.get_hosts().iter().all(is_local);
        config.ssl_mode(if local { SslMode::Disable } else { SslMode::Require });
    }
    if config.get_application_name().is_none() {
        config.application_name("idp-gateway");
    }
    config
        .connect_timeout(CONNECT)
        .keepalives_idle(Duration::from_secs(30))
        .tcp_user_timeout(Duration::from_secs(10));
    Ok(config)
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            let bare = name.trim_start_matches('[').trim_end_matches(']');
            name == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

/// How all connections are made.
pub(super) struct Links {
    config: Config,
    tls: MakeRustlsConnect,
    /// Whether the tables were seen.
    tables: AtomicBool,
}

impl Links {
    pub(super) fn new(config: Config) -> Result<Self, StoreError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = rustls::ClientConfig::builder_with_provider(crate::crypto::tls_provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| StoreError::unavailable(format!("TLS cannot be set up: {error}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config, tls: MakeRustlsConnect::new(tls), tables: AtomicBool::new(false) })
    }

    /// A connection in use. What the server says without being asked goes to `told`.
    async fn connect(&self, told: Option<mpsc::Sender<String>>) -> Result<Client, StoreError> {
        let (client, mut connection) =
            self.config.connect(self.tls.clone()).await.map_err(|error| failure(&error))?;
        // Ends with the client, or with the connection.
        tokio::spawn(async move {
            while let Some(message) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                match (message, &told) {
                    // A full channel has a message that was not read yet, which says the same.
                    (Ok(AsyncMessage::Notification(message)), Some(told)) => {
                        let _ = told.try_send(message.payload().to_owned());
                    }
                    (Ok(_), _) => {}
                    (Err(_), _) => return,
                }
            }
        });
        client.batch_execute(SESSION).await.map_err(|error| failure(&error))?;
        if !self.tables.load(Ordering::Acquire) {
            self.make_tables(&client).await?;
            self.tables.store(true, Ordering::Release);
        }
        Ok(client)
    }

    async fn make_tables(&self, client: &Client) -> Result<(), StoreError> {
        let found = client.query_typed(TABLES, &[]).await.map_err(|error| failure(&error))?;
        if found.first().and_then(|row| row.try_get::<_, i64>(0).ok()) == Some(5) {
            return Ok(());
        }
        client.batch_execute(PostgresStore::SCHEMA).await.map_err(|error| {
            StoreError::unavailable(format!(
                "the tables are not there and cannot be made ({}): let the user make tables, or make them with the SQL \
                 of the documentation",
                words(&error)
            ))
        })
    }
}

/// One connection that statements of several tasks share, one after the other.
pub(super) struct Link {
    links: Arc<Links>,
    durable: bool,
    client: tokio::sync::Mutex<Option<Arc<Client>>>,
}

impl Link {
    pub(super) fn new(links: Arc<Links>, durable: bool) -> Self {
        Self { links, durable, client: tokio::sync::Mutex::default() }
    }

    async fn client(&self) -> Result<Arc<Client>, StoreError> {
        let mut slot = self.client.lock().await;
        if let Some(client) = slot.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        *slot = None;
        let client = self.links.connect(None).await?;
        if !self.durable {
            let relax = "SET synchronous_commit = off";
            client.batch_execute(relax).await.map_err(|error| failure(&error))?;
        }
        let client = Arc::new(client);
        *slot = Some(Arc::clone(&client));
        Ok(client)
    }

    /// Carries out one statement.
    pub(super) async fn query(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let late = |_| StoreError::unavailable("PostgreSQL does not answer in time");
        let client = timeout(CONNECT, self.client()).await.map_err(late)??;
        match timeout(RESPONSE, client.query_typed(sql, parameters)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => {
                if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) {
                    // After a failover another host may be the primary.
                    self.forget(&client).await;
                }
                Err(failure(&error))
            }
            Err(elapsed) => {
                // A connection that does not answer would keep all others waiting.
                self.forget(&client).await;
                Err(late(elapsed))
            }
        }
    }

    async fn forget(&self, client: &Arc<Client>) {
        let mut slot = self.client.lock().await;
        if slot.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, client)) {
            *slot = None;
        }
    }
}

/// A connection that is told when records were written.
pub(super) struct Listening {
    _client: Client,
    pub(super) told: mpsc::Receiver<String>,
}

impl Listening {
    pub(super) async fn start(links: &Links) -> Result<Self, StoreError> {
        let (tell, told) = mpsc::channel(64);
        let start = async {
            let client = links.connect(Some(tell)).await?;
            let listen = format!("LISTEN {CHANNEL}");
            client.batch_execute(&listen).await.map_err(|error| failure(&error))?;
            Ok(Self { _client: client, told })
        };
        let late = |_| StoreError::unavailable("PostgreSQL does not answer in time");
        timeout(CONNECT + RESPONSE, start).await.map_err(late)?
    }
}

fn failure(error: &Error) -> StoreError {
    StoreError::unavailable(format!("PostgreSQL: {}", words(error)))
}

/// The server's error code and what it means; never its prose, which can quote arguments.
fn words(error: &Error) -> String {
    let Some(code) = error.code() else {
        return if error.is_closed() {
            "the connection was closed"
        } else {
            "the server cannot be reached, or does not speak TLS"
        }
        .to_owned();
    };
    let meaning = match *code {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "the server refuses the user or the password"
        }
        SqlState::INVALID_CATALOG_NAME => "the database does not exist",
        SqlState::INSUFFICIENT_PRIVILEGE => "the user lacks a right",
        SqlState::READ_ONLY_SQL_TRANSACTION => "the server is a standby and takes no writes",
        SqlState::UNDEFINED_TABLE => "the tables are not there",
        SqlState::TOO_MANY_CONNECTIONS => "the server has no connection left",
        SqlState::QUERY_CANCELED => "the statement took too long",
        _ => "the server refuses the statement",
    };
    format!("{meaning} ({})", code.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_crosses_a_network_in_tls_alone() {
        let mode = |url: &str| configuration(url).unwrap().get_ssl_mode();
        for remote in [
            "postgres://u:p@db/x",
            "postgresql://u:p@10.0.0.7,127.0.0.1/x",
            "postgres://u:p@db/x?sslmode=verify-full",
        ] {
            assert_eq!(mode(remote), SslMode::Require, "{remote}");
        }
        for local in [
            "postgres://u:p@127.0.0.1/x",
            "postgres://u@localhost/x",
            "postgres:///x?host=/run/postgresql&user=u",
        ] {
            assert_eq!(mode(local), SslMode::Disable, "{local}");
        }
        assert_eq!(mode("postgres://u:p@db/x?sslmode=disable"), SslMode::Disable, "the operator insists");
    }
}
