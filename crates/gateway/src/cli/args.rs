//! The grammar of the command line.

use std::path::PathBuf;

use clap::{ColorChoice, Parser, Subcommand};
use clap_complete::Shell;

/// Places an option behind those of the command itself.
const LAST: usize = 900;

/// Calls provider APIs for users who signed in through Auth0; the app never sees the provider's token.
#[derive(Debug, Parser)]
#[command(
    name = "gateway",
    version,
    about = "Calls provider APIs for users who signed in through Auth0; the app never sees the provider's token",
    propagate_version = true,
    max_term_width = 100,
    after_help = "Example:\n  gateway demo\n\nExit codes: 0 success, 1 negative answer or failure, 2 wrong usage or configuration."
)]
pub(super) struct Args {
    /// The configuration file (TOML). Default: the file in IDP_GATEWAY_CONFIG.
    #[arg(long, global = true, value_name = "FILE", display_order = LAST)]
    pub(super) config: Option<PathBuf>,
    /// Colours: auto (on a terminal), always or never. NO_COLOR is respected.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto", display_order = LAST, hide_possible_values = true)]
    pub(super) color: ColorChoice,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What stands below the options of a command.
macro_rules! example {
    ($line:literal) => {
        concat!("Example:\n  ", $line)
    };
}

/// `gateway demo`.
#[cfg(feature = "demo")]
#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// Port of the gateway; the example app, the admin listener and the tenant take the next three. Default: 8080, or the next
    /// free ones; with --json any free ones.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=65532))]
    pub(super) port: Option<u16>,
    /// Also allow web pages of this origin, such as your own app at http://localhost:5173: they may call the gateway, and
    /// hosted connect may return to them. May be repeated.
    #[arg(long, value_name = "URL", value_parser = origin)]
    pub(super) origin: Vec<String>,
    /// Open the example app in the browser.
    #[arg(long)]
    pub(super) open: bool,
    /// Serve the gateway over TLS, for clients that refuse plain HTTP. The certificate is made for this run; its path is
    /// printed.
    #[arg(long)]
    pub(super) tls: bool,
    /// Write addresses, tokens and the sandbox's secrets as one line of JSON, for scripts.
    #[arg(long)]
    pub(super) json: bool,
}

/// An origin as browsers send it. The slash at the end of a site's address is not part of it.
#[cfg(feature = "demo")]
fn origin(text: &str) -> Result<String, String> {
    let origin = text.strip_suffix('/').unwrap_or(text);
    match crate::config::wrong_origin(origin) {
        None => Ok(origin.to_owned()),
        Some((problem, remedy)) => Err(format!("{problem}\n  remedy: {remedy}")),
    }
}

/// `gateway demo …`.
#[cfg(feature = "demo")]
#[derive(Debug, Subcommand)]
pub(super) enum DemoCommand {
    /// Write the running demo's address and caller tokens as shell variables: eval "$(gateway demo env)".
    #[command(after_help = example!("eval \"$(gateway demo env)\""))]
    Env {
        /// Port of the demo's gateway.
        #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..=65532))]
        port: u16,
    },
}

/// `gateway check`.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// Write JSON: { "problems": [{ "key", "source", "problem", "remedy" }] }. With --as: the answer of `POST /v1/check`.
    #[arg(long)]
    pub(super) json: bool,
    /// Say whether a caller with the claims in this file (a JSON object) may call METHOD PATH. Neither Auth0 nor the provider
    /// is asked.
    #[arg(long = "as", value_name = "CLAIMS", requires = "path", conflicts_with = "cases")]
    pub(super) claims: Option<PathBuf>,
    /// Run the cases in this file (TOML): [[tests]] with `as`, `method`, `path`, `allowed`, and if wanted `body`, `rule`,
    /// `outcome`, `name`.
    #[arg(long, value_name = "FILE")]
    pub(super) cases: Option<PathBuf>,
    /// With --as: a file with the JSON body of the call.
    #[arg(long, value_name = "FILE", requires = "claims")]
    pub(super) body: Option<PathBuf>,
    /// With --as: the method of the call.
    #[arg(requires = "claims")]
    pub(super) method: Option<String>,
    /// With --as: the path at the gateway, for example /proxy/github/user.
    #[arg(requires = "claims")]
    pub(super) path: Option<String>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the gateway.
    #[command(after_help = example!("gateway serve --config gateway.toml"))]
    Serve,
    /// Run a sandbox tenant, the gateway and an example app on this machine. No account is needed.
    #[cfg(feature = "demo")]
    #[command(args_conflicts_with_subcommands = true)]
    #[command(after_help = example!("gateway demo --origin http://localhost:5173 --open"))]
    Demo {
        #[command(flatten)]
        args: DemoArgs,
        #[command(subcommand)]
        command: Option<DemoCommand>,
    },
    /// Check the configuration and report everything that is wrong with it.
    #[command(after_help = example!("gateway check --config gateway.toml"))]
    Check(CheckArgs),
    /// Check with the tenant and the providers whether the set-up works. Changes nothing.
    #[command(after_help = example!("gateway doctor --config gateway.toml --user 'google-oauth2|1234'"))]
    Doctor {
        /// Also look up this user: identities, tokens, connections.
        #[arg(long, value_name = "ID")]
        user: Option<String>,
        /// Only explain the caller token in this file: which check fails, and why. `-` reads standard input.
        #[arg(long, value_name = "FILE", conflicts_with = "user")]
        token: Option<std::path::PathBuf>,
        /// Write JSON: { "checks": [{ "id", "status", "finding", "remedy" }] }.
        #[arg(long)]
        json: bool,
    },
    /// Show the scopes and the remaining lifetime of the management token.
    #[command(after_help = example!("gateway token --config gateway.toml"))]
    Token {
        /// Write JSON: { "audience", "scopes", "issued_at", "expires_at" }.
        #[arg(long)]
        json: bool,
        /// Also write the token itself. It can read the profiles and IdP tokens of all users: keep it secret.
        #[arg(long)]
        reveal: bool,
    },
    /// Show a user's identities, without their tokens.
    #[command(after_help = example!("gateway user --config gateway.toml 'google-oauth2|1234'"))]
    User {
        /// The user id, for example `google-oauth2|1234`.
        id: String,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Call a provider's API for a user, without the caller policy. The call is audited. The body goes to stdout.
    #[command(after_help = example!("gateway call --config gateway.toml github /user --user 'google-oauth2|1234'"))]
    Call {
        /// The provider's name in the configuration.
        provider: String,
        /// The path under the provider's host, with its query.
        path: String,
        /// The user id, for example `google-oauth2|1234`.
        #[arg(long)]
        user: String,
        /// The account, if the user has several: `<connection>` or `<connection>|<provider user id>`.
        #[arg(long)]
        account: Option<String>,
        /// The method.
        #[arg(long, default_value = "GET")]
        method: String,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ask the admin listener whether the gateway is running.
    #[command(after_help = example!("gateway healthcheck --url http://127.0.0.1:9090/livez"))]
    Healthcheck {
        /// Ask this address instead. No configuration is read.
        #[arg(long, value_name = "URL", conflicts_with = "ready")]
        url: Option<String>,
        /// Ask whether the gateway is ready.
        #[arg(long)]
        ready: bool,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of the configuration.
    #[command(after_help = example!("gateway config schema > gateway.schema.json"))]
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// List or delete stored grants.
    #[command(after_help = example!("gateway grants list --config gateway.toml --connection github"))]
    Grants {
        #[command(subcommand)]
        command: GrantsCommand,
    },
    /// Tools for the store.
    #[command(after_help = example!("gateway store keygen >> store-keys"))]
    Store {
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// Show version, commit and features.
    #[command(after_help = example!("gateway version --json"))]
    Version {
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a completion script.
    #[command(after_help = example!("gateway completions bash > /etc/bash_completion.d/gateway"))]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page of the program or of a subcommand.
    #[command(after_help = example!("gateway man doctor | man -l -"))]
    Man {
        /// The subcommand.
        command: Option<String>,
    },
}

/// `gateway config`.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the JSON Schema of the configuration.
    #[command(after_help = example!("gateway config schema > gateway.schema.json"))]
    Schema,
}

/// `gateway store`.
#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Print a new line for `store.encryption_keys_file`.
    #[command(after_help = example!("gateway store keygen >> store-keys"))]
    Keygen {
        /// The key's id. Default: a random one.
        #[arg(long)]
        id: Option<String>,
    },
}

/// `gateway grants`.
#[derive(Debug, Subcommand)]
pub(super) enum GrantsCommand {
    /// List the stored grants, without their tokens.
    #[command(after_help = example!("gateway grants list --config gateway.toml --connection github"))]
    List(GrantsList),
    /// Delete stored grants. A rotated refresh token exists nowhere else, so its user has to connect again.
    #[command(after_help = example!("gateway grants forget --config gateway.toml --user 'google-oauth2|1234'"))]
    Forget(GrantsForget),
}

/// Which grants are meant.
#[derive(Debug, clap::Args)]
pub(super) struct GrantsMeant {
    /// Only grants of this user.
    #[arg(long, value_name = "ID")]
    pub(super) user: Option<String>,
    /// Only grants of this Auth0 connection.
    #[arg(long, value_name = "NAME")]
    pub(super) connection: Option<String>,
    /// Only grants of this provider, an entry of the configuration.
    #[arg(long, value_name = "NAME")]
    pub(super) provider: Option<String>,
}

/// `gateway grants list`.
#[derive(Debug, clap::Args)]
pub(super) struct GrantsList {
    #[command(flatten)]
    pub(super) meant: GrantsMeant,
    /// Write JSON: { "grants": [{ "user", "account", "connection", "source", "state", "expires_at", ... }] }.
    #[arg(long)]
    pub(super) json: bool,
}

/// `gateway grants forget`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["user", "connection", "provider", "all"]))]
pub(super) struct GrantsForget {
    #[command(flatten)]
    pub(super) meant: GrantsMeant,
    /// All grants.
    #[arg(long, conflicts_with_all = ["user", "connection", "provider"])]
    pub(super) all: bool,
    /// Write JSON: { "forgotten" }.
    #[arg(long)]
    pub(super) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_grammar_is_consistent() {
        super::Args::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        fn without(command: &clap::Command, names: &mut Vec<String>) {
            let has = command.get_after_help().is_some_and(|help| help.to_string().starts_with("Example:\n"));
            if !has {
                names.push(command.get_name().to_owned());
            }
            command.get_subcommands().for_each(|command| without(command, names));
        }
        let mut names = Vec::new();
        without(&super::Args::command(), &mut names);
        assert!(names.is_empty(), "{names:?}");
    }
}
