//! The files that hold the version, which moves in step everywhere.

use super::version::Version;
use crate::api::LIBRARIES;
use anyhow::{Context as _, Result, ensure};
use std::path::Path;

const MANIFEST: &str = "Cargo.toml";
const CHART: &str = "deploy/helm/idp-gateway/Chart.yaml";
const GOLDEN: &str = "deploy/helm/golden";

/// The version of the workspace.
pub(super) fn version(root: &Path) -> Result<Version> {
    crate::build::version(root)?.parse()
}

/// Writes the version everywhere.
pub(super) fn write(root: &Path, old: Version, new: Version) -> Result<()> {
    edit(&root.join(MANIFEST), |text| manifest(text, old, new))?;
    edit(&root.join(CHART), |text| chart(text, old, new))?;
    for entry in std::fs::read_dir(root.join(GOLDEN))? {
        edit(&entry?.path(), |text| Ok(golden(text, old, new)))?;
    }
    Ok(())
}

/// Fails when a file says another version.
pub(super) fn agree(root: &Path) -> Result<()> {
    let version = version(root)?;
    let manifest = std::fs::read_to_string(root.join(MANIFEST))?;
    for library in LIBRARIES {
        let line = dependency(&manifest, library)?;
        ensure!(
            line.contains(&format!("version = \"{version}\"")),
            "{MANIFEST}: {library} is not at {version}"
        );
    }
    let chart = std::fs::read_to_string(root.join(CHART))?;
    for key in ["version", "appVersion"] {
        ensure!(chart.contains(&format!("\n{key}: {version}\n")), "{CHART}: {key} is not {version}");
    }
    let lock = std::fs::read_to_string(root.join("Cargo.lock"))?;
    let ours = format!("name = \"gateway\"\nversion = \"{version}\"\n");
    ensure!(lock.contains(&ours), "Cargo.lock: gateway is not at {version}");
    Ok(())
}

fn edit(file: &Path, change: impl FnOnce(&str) -> Result<String>) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let new = change(&text).with_context(|| file.display().to_string())?;
    std::fs::write(file, new)?;
    Ok(())
}

fn dependency<'a>(manifest: &'a str, library: &str) -> Result<&'a str> {
    let start = format!("{library} = {{ path = ");
    let line = manifest.lines().find(|line| line.starts_with(&start));
    line.with_context(|| format!("the workspace's dependencies do not name {library}"))
}

fn manifest(text: &str, old: Version, new: Version) -> Result<String> {
    let (from, to) = (format!("version = \"{old}\""), format!("version = \"{new}\""));
    let own = format!("[workspace.package]\n{from}\n");
    ensure!(text.contains(&own), "no `{from}` below [workspace.package]");
    let mut text = text.replacen(&own, &format!("[workspace.package]\n{to}\n"), 1);
    for library in LIBRARIES {
        let line = dependency(&text, library)?.to_owned();
        ensure!(line.contains(&from), "{library} is not at {old}");
        text = text.replacen(&line, &line.replace(&from, &to), 1);
    }
    Ok(text)
}

fn chart(text: &str, old: Version, new: Version) -> Result<String> {
    let mut text = text.to_owned();
    for key in ["version", "appVersion"] {
        let (from, to) = (format!("\n{key}: {old}\n"), format!("\n{key}: {new}\n"));
        ensure!(text.contains(&from), "{key} is not {old}");
        text = text.replacen(&from, &to, 1);
    }
    Ok(text)
}

/// The places where the chart puts its version.
fn golden(text: &str, old: Version, new: Version) -> String {
    ["app.kubernetes.io/version: \"{}\"", "helm.sh/chart: idp-gateway-{}\n", "/idp-gateway:{}\n"].iter().fold(
        text.to_owned(),
        |text, place| {
            text.replace(&place.replace("{}", &old.to_string()), &place.replace("{}", &new.to_string()))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Version = Version(0, 1, 0);
    const NEW: Version = Version(0, 2, 0);

    #[test]
    fn own_crates_move_and_foreign_ones_stay() {
        let mut text = "[workspace.package]\nversion = \"0.1.0\"\n\n[workspace.dependencies]\n".to_owned();
        for library in LIBRARIES {
            text.push_str(&format!("{library} = {{ path = \"crates/{library}\", version = \"0.1.0\" }}\n"));
        }
        text.push_str("foreign = { version = \"0.1.0\" }\n");
        let new = manifest(&text, OLD, NEW).unwrap();
        assert_eq!(new.matches("0.2.0").count(), LIBRARIES.len() + 1);
        assert!(new.contains("foreign = { version = \"0.1.0\" }"));
        assert!(manifest(&text.replacen("0.1.0", "0.1.1", 1), OLD, NEW).is_err());
    }

    #[test]
    fn chart_and_renders_move() {
        assert_eq!(
            chart("a: b\nversion: 0.1.0\nappVersion: 0.1.0\n", OLD, NEW).unwrap().matches("0.2.0").count(),
            2
        );
        let render = "helm.sh/chart: idp-gateway-0.1.0\nimage: x/idp-gateway:0.1.0\nother: 0.1.0\n";
        assert_eq!(golden(render, OLD, NEW).matches("0.2.0").count(), 2);
    }
}
