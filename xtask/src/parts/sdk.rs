//! Provider SDKs, MCP SDKs and OpenID libraries, pinned, as clients of `gateway demo`, and the table of what the providers' SDKs showed.

use super::demo::{Demo, TlsFront, free_ports};
use super::matrix;
use crate::{build, install, sh};
use anyhow::{Result, ensure};
use xshell::{Cmd, Shell, cmd};

const FOLDER: &str = "crates/gateway/tests/sdk";
const MCP: &str = "crates/gateway/tests/sdk/mcp";
const CONNECT: &str = "crates/gateway/tests/sdk/connect/node";

/// The documents that the gateway's tests read without node.
const DOCUMENTS: &str = "crates/gateway/src/provider/graphql/documents.json";

/// The test that compares both readers.
const READER: &str = "documents_are_read_as_npm_graphql_reads_them";

/// What Debian's package of go-github says of itself. The sources of what it needs lie beside it.
const GO_GITHUB: &str = "/usr/share/gocode/src/github.com/google/go-github/go.mod";

pub(crate) fn run(sh: &Shell, bless: bool) -> Result<()> {
    install::programs(sh, &[("openssl", "openssl")])?;
    install::npm(sh, &format!("{FOLDER}/node"))?;
    let python = install::python(sh, "sdk-venv", &format!("{FOLDER}/python/requirements.txt"))?;
    graphql_documents(sh)?;
    mcp(sh)?;
    connect(sh)?;
    let demo = Demo::start(sh, &[])?;
    let front = TlsFront::start(sh, &demo)?;
    let records = sh.current_dir().join("target/sdk-matrix.jsonl");
    sh.write_file(&records, "")?;
    let run = |folder: &str, tests: Cmd<'_>| {
        let _folder = sh.push_dir(format!("{FOLDER}/{folder}"));
        // The names under which node, `requests` and `httpx` look for further roots.
        let roots = ["NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"];
        let tests = tests.envs(roots.map(|name| (name, &front.roots)));
        tests.env("DEMO", &demo.line).env("GATEWAY_TLS", &front.url).env("MATRIX", &records).run()
    };
    run("node", cmd!(sh, "node --import ./dns.mjs --test --test-concurrency=1"))?;
    run("python", cmd!(sh, "{python}/python -m unittest -v"))?;
    let mut kept = Vec::new();
    if go_github(sh)? {
        let tests = cmd!(sh, "go test -count=1 -mod=mod ./...");
        run("go", tests.env("GOPROXY", "off").env("GONOSUMDB", "*"))?;
    } else {
        sh::say("skipped: this distribution has another version of go-github than the tests");
        kept.push("go-github");
    }
    matrix::check(sh, &records, &kept, bless)
}

/// MCP SDKs as clients of the endpoint, which needs a public address: the demo's port has to be known before it listens.
fn mcp(sh: &Shell) -> Result<()> {
    install::npm(sh, &format!("{MCP}/node"))?;
    let python = install::python(sh, "mcp-venv", &format!("{MCP}/python/requirements.txt"))?;
    let demo = Demo::start(sh, &["--port", &free_ports(3)?.to_string()])?;
    for (folder, tests) in [
        ("node", cmd!(sh, "node --test --test-concurrency=1")),
        ("python", cmd!(sh, "{python}/python -m unittest -v")),
    ] {
        let _folder = sh.push_dir(format!("{MCP}/{folder}"));
        tests.env("DEMO", &demo.line).run()?;
    }
    Ok(())
}

/// Hosted connect with another OpenID provider, and webhooks verified by their own library: gateways of the tests' own over the
/// sandbox of a demo.
fn connect(sh: &Shell) -> Result<()> {
    install::npm(sh, CONNECT)?;
    let gateway = build::debug_binary(sh)?.to_string_lossy().into_owned();
    for file in ["oidc.test.mjs", "webhooks.test.mjs"] {
        // The library needs a newer Node than distributions have.
        let node = "node_modules/.bin/node";
        Demo::start(sh, &[])?.test(sh, CONNECT, node, file, &[("GATEWAY", &gateway)])?;
    }
    Ok(())
}

/// Random GraphQL documents, read by npm `graphql` and by the gateway's own reader. The few that its tests read without node have
/// to be what the generator makes.
fn graphql_documents(sh: &Shell) -> Result<()> {
    let made = |count: &str, seed: &str| {
        let _folder = sh.push_dir(format!("{FOLDER}/node"));
        cmd!(sh, "node graphql-documents.mjs {count} {seed}").output()
    };
    let same = made("200", "7")?.stdout == sh.read_binary_file(DOCUMENTS)?;
    ensure!(same, "{DOCUMENTS} is not what `graphql-documents.mjs 200 7` makes");
    let file = sh.current_dir().join("target/graphql-documents.json");
    sh.write_file(&file, made("2000", "1")?.stdout)?;
    let tests = cmd!(sh, "cargo test --workspace --locked --lib {READER}").env("GRAPHQL_DOCUMENTS", file);
    let output = tests.ignore_status().output()?;
    let text = String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned();
    ensure!(output.status.success(), "the gateway and npm `graphql` read a document differently\n{text}");
    ensure!(text.contains(&format!("{READER} ... ok")), "the workspace has no test {READER}");
    sh::say("2000 GraphQL documents: read as npm `graphql` reads them");
    Ok(())
}

/// Whether the distribution has the version of go-github that the tests are written for.
fn go_github(sh: &Shell) -> Result<bool> {
    install::programs(sh, &[("go", "golang-go")])?;
    let found = || sh.path_exists(GO_GITHUB);
    install::package(sh, GO_GITHUB, "golang-github-google-go-github-dev", &found)?;
    Ok(sh.read_file(GO_GITHUB)?.lines().next() == Some("module github.com/google/go-github/v48"))
}
