//! The files that hold the version, which is the same everywhere.

use crate::api::PUBLISHED;
use anyhow::{Context as _, Result, ensure};
use semver::Version;
use std::path::Path;

const MANIFEST: &str = "Cargo.toml";
const CHART: &str = "deploy/helm/idp-gateway/Chart.yaml";
const CLIENT: &str = "docs/examples/client/package.json";
const GOLDEN: &str = "deploy/helm/golden";

/// The places that hold the version, `{}`, and how many there are in a file.
fn places(file: &Path) -> (&'static [&'static str], Option<usize>) {
    if file.ends_with("Cargo.toml") {
        // The workspace's own version, and those of its published crates.
        (
            &["[workspace.package]\nversion = \"{}\"\n", "path = \"crates/FOLDER\", version = \"{}\""],
            Some(1 + PUBLISHED.len()),
        )
    } else if file.ends_with("Chart.yaml") {
        (&["\nversion: {}\n", "\nappVersion: {}\n"], Some(2))
    } else if file.ends_with("package.json") {
        (&["\n  \"version\": \"{}\",\n"], Some(1))
    } else {
        (&["app.kubernetes.io/version: \"{}\"", "helm.sh/chart: idp-gateway-{}\n", "/idp-gateway:{}\n"], None)
    }
}

/// The text with `new` where `old` was, and the number of places.
fn replace(file: &Path, text: &str, old: &Version, new: &Version) -> Result<String> {
    let (places, wanted) = places(file);
    let mut text = text.to_owned();
    let mut found = 0;
    for place in places {
        for (_, folder) in if place.contains("FOLDER") { PUBLISHED.as_slice() } else { &[("", "")] } {
            let with =
                |version: &Version| place.replace("FOLDER", folder).replace("{}", &version.to_string());
            found += text.matches(&with(old)).count();
            text = text.replace(&with(old), &with(new));
        }
    }
    ensure!(wanted.is_none_or(|wanted| wanted == found), "{}: {found} places are at {old}", file.display());
    Ok(text)
}

/// Writes the version everywhere.
pub(super) fn write(root: &Path, old: &Version, new: &Version) -> Result<()> {
    let golden =
        std::fs::read_dir(root.join(GOLDEN))?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let versioned = [MANIFEST, CHART, CLIENT].map(|file| root.join(file));
    for file in versioned.into_iter().chain(golden) {
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        std::fs::write(&file, replace(&file, &text, old, new)?)?;
    }
    Ok(())
}

/// Fails when a file says another version.
pub(super) fn agree(root: &Path, version: &Version) -> Result<()> {
    for file in [MANIFEST, CHART, CLIENT].map(|file| root.join(file)) {
        replace(&file, &std::fs::read_to_string(&file)?, version, version)?;
    }
    let lock = std::fs::read_to_string(root.join("Cargo.lock"))?;
    let ours = format!("name = \"gateway\"\nversion = \"{version}\"\n");
    ensure!(lock.contains(&ours), "Cargo.lock: gateway is not at {version}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_versions_move_and_foreign_ones_stay() {
        let (old, new) = (Version::new(0, 1, 0), Version::new(0, 2, 0));
        let moved = |file: &str, text: &str| replace(Path::new(file), text, &old, &new);
        let mut manifest = "[workspace.package]\nversion = \"0.1.0\"\n".to_owned();
        for (_, folder) in PUBLISHED {
            manifest.push_str(&format!("{folder} = {{ path = \"crates/{folder}\", version = \"0.1.0\" }}\n"));
        }
        let text = moved("Cargo.toml", &format!("{manifest}foreign = {{ version = \"0.1.0\" }}\n")).unwrap();
        assert_eq!(text.matches("0.2.0").count(), PUBLISHED.len() + 1);
        assert!(text.contains("foreign = { version = \"0.1.0\" }"));
        assert!(moved("Cargo.toml", &manifest.replacen("0.1.0", "0.1.1", 1)).is_err());
        let chart = moved("Chart.yaml", "a: b\nversion: 0.1.0\nappVersion: 0.1.0\n").unwrap();
        assert_eq!(chart.matches("0.2.0").count(), 2);
        let package = "{\n  \"name\": \"client\",\n  \"version\": \"0.1.0\",\n  \"engines\": \"0.1.0\"\n}\n";
        assert_eq!(moved("client/package.json", package).unwrap().matches("0.2.0").count(), 1);
        let render = "helm.sh/chart: idp-gateway-0.1.0\nimage: x/idp-gateway:0.1.0\nother: 0.1.0\n";
        assert_eq!(moved("golden/x.yaml", render).unwrap().matches("0.2.0").count(), 2);
    }
}
