//! Provider SDKs, pinned, as clients of `gateway demo`, and the table of what they showed.

use super::demo::{Demo, TlsFront};
use super::{connect, matrix, mcp};
use crate::install::{ensure_file, ensure_program, virtual_environment};
use crate::sh;
use anyhow::{Context as _, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};

const FOLDER: &str = "crates/gateway/tests/sdk";

/// The documents that the gateway's tests read without node.
const DOCUMENTS: &str = "crates/gateway/src/provider/graphql/documents.json";

/// The test that compares both readers.
const READER: &str = "documents_are_read_as_npm_graphql_reads_them";

/// What Debian's package of go-github says of itself. The sources of what it needs lie beside it.
const GO_GITHUB: &str = "/usr/share/gocode/src/github.com/google/go-github/go.mod";

pub(crate) fn run(root: &Path, bless: bool) -> Result<()> {
    ensure_program(root, "node", "nodejs")?;
    ensure_program(root, "npm", "npm")?;
    ensure_program(root, "openssl", "openssl")?;
    let folder = root.join(FOLDER);
    sh::run(&folder.join("node"), "npm", &["ci", "--no-audit", "--no-fund", "--silent"])?;
    let python = virtual_environment(root, "sdk-venv", &folder.join("python/requirements.txt"))?;
    graphql_documents(root, &folder.join("node"))?;
    mcp::run(root)?;
    connect::run(root)?;
    let demo = Demo::start(root, &[])?;
    let front = TlsFront::start(root, &demo)?;
    let records = root.join("target/sdk-matrix.jsonl");
    std::fs::write(&records, "")?;
    let tell = |command: &mut Command| {
        command.env("DEMO", &demo.line).env("GATEWAY_TLS", &front.url).env("MATRIX", &records);
        // The names under which node, `requests` and `httpx` look for further roots.
        for name in ["NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"] {
            command.env(name, &front.roots);
        }
    };
    let mut node = sh::command(&folder.join("node"), "node");
    node.args(["--import", "./dns.mjs", "--test", "--test-concurrency=1"]);
    tell(&mut node);
    sh::run_command(&mut node)?;
    let mut tests = sh::command(&folder.join("python"), &python.to_string_lossy());
    tests.args(["-m", "unittest", "-v"]);
    tell(&mut tests);
    sh::run_command(&mut tests)?;
    let mut kept = Vec::new();
    if go_github(root)? {
        let mut go = sh::command(&folder.join("go"), "go");
        go.args(["test", "-count=1", "-mod=mod", "./..."]).env("GOPROXY", "off").env("GONOSUMDB", "*");
        tell(&mut go);
        sh::run_command(&mut go)?;
    } else {
        sh::say("skipped: this distribution has another version of go-github than the tests");
        kept.push("go-github");
    }
    matrix::check(root, &records, &kept, bless)
}

/// Random GraphQL documents, read by npm `graphql` and by the gateway's own reader. The few that its tests read without node have
/// to be what the generator makes.
fn graphql_documents(root: &Path, node: &Path) -> Result<()> {
    let made = |count: &str, seed: &str| {
        let mut generator = sh::command(node, "node");
        let output = generator.args(["graphql-documents.mjs", count, seed]).output().context("node")?;
        ensure!(
            output.status.success(),
            "graphql-documents.mjs: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        anyhow::Ok(output.stdout)
    };
    let kept = std::fs::read(root.join(DOCUMENTS)).context(DOCUMENTS)?;
    ensure!(made("200", "7")? == kept, "{DOCUMENTS} is not what `graphql-documents.mjs 200 7` makes");
    let file = root.join("target/graphql-documents.json");
    std::fs::write(&file, made("2000", "1")?)?;
    let mut tests = sh::command(root, "cargo");
    tests.args(["test", "--workspace", "--locked", "--lib", READER]).env("GRAPHQL_DOCUMENTS", file);
    let output = tests.stderr(Stdio::inherit()).output().context("cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "the gateway and npm `graphql` read a document differently\n{text}");
    ensure!(text.contains(&format!("{READER} ... ok")), "the workspace has no test {READER}");
    sh::say("2000 GraphQL documents: read as npm `graphql` reads them");
    Ok(())
}

/// Whether the distribution has the version of go-github that the tests are written for.
fn go_github(root: &Path) -> Result<bool> {
    ensure_program(root, "go", "golang-go")?;
    ensure_file(root, GO_GITHUB, "golang-github-google-go-github-dev")?;
    let module = std::fs::read_to_string(GO_GITHUB).context(GO_GITHUB)?;
    Ok(module.lines().next() == Some("module github.com/google/go-github/v48"))
}
