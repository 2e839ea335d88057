//! The files that hold the version, which is the same everywhere.

use crate::api::PUBLISHED;
use anyhow::{Context as _, Result, ensure};
use semver::Version;
use std::path::Path;
use xshell::Shell;

const FILES: [&str; 3] =
    ["Cargo.toml", "deploy/helm/idp-gateway/Chart.yaml", "docs/examples/client/package.json"];
const GOLDEN: &str = "deploy/helm/golden";

/// How the name of a file ends, the places in it that hold the version, `{}`, and how many there are.
const PLACES: [(&str, &[&str], Option<usize>); 4] = [
    // The workspace's own version, and those of its published crates.
    ("Cargo.toml", &["\nversion = \"{}\"\n", "\", version = \"{}\""], Some(1 + PUBLISHED.len())),
    ("Chart.yaml", &["\nversion: {}\n", "\nappVersion: {}\n"], Some(2)),
    ("package.json", &["\n  \"version\": \"{}\",\n"], Some(1)),
    (
        ".yaml",
        &["app.kubernetes.io/version: \"{}\"", "helm.sh/chart: idp-gateway-{}\n", "/idp-gateway:{}\n"],
        None,
    ),
];

fn replace(file: &Path, text: &str, old: &Version, new: &Version) -> Result<String> {
    let name = file.to_string_lossy();
    let known = PLACES.iter().find(|(end, ..)| name.ends_with(end));
    let (_, places, wanted) = known.with_context(|| format!("{name} holds no version"))?;
    let (mut text, mut found) = (text.to_owned(), 0);
    for place in *places {
        let (before, after) = (place.replace("{}", &old.to_string()), place.replace("{}", &new.to_string()));
        found += text.matches(&before).count();
        text = text.replace(&before, &after);
    }
    ensure!(wanted.is_none_or(|wanted| wanted == found), "{name}: {found} places are at {old}");
    Ok(text)
}

pub(super) fn write(sh: &Shell, old: &Version, new: &Version) -> Result<()> {
    for file in FILES.map(Into::into).into_iter().chain(sh.read_dir(GOLDEN)?) {
        sh.write_file(&file, replace(&file, &sh.read_file(&file)?, old, new)?)?;
    }
    Ok(())
}

/// Fails when a file says another version.
pub(super) fn agree(sh: &Shell, version: &Version) -> Result<()> {
    for file in FILES {
        replace(file.as_ref(), &sh.read_file(file)?, version, version)?;
    }
    let ours = format!("name = \"gateway\"\nversion = \"{version}\"\n");
    ensure!(sh.read_file("Cargo.lock")?.contains(&ours), "Cargo.lock: gateway is not at {version}");
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
        for (_, folder, _) in PUBLISHED {
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
