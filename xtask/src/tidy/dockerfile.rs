//! What `docker build` needs, as far as it can be seen without Docker and a registry: what the Dockerfile copies is in the
//! checkout, and the build stage has the Rust that the workspace asks for. That it copies from stages before is for hadolint,
//! which `cargo xtask chart` runs.

use super::files::{Finding, Tracked};

const DOCKERFILE: &str = "deploy/image/Dockerfile";
const IGNORED: &str = ".dockerignore";

pub(super) fn check(files: &[Tracked]) -> Vec<Finding> {
    let text = |name: &str| files.iter().find(|file| file.path == name).map(|file| &*file.text);
    let Some(dockerfile) = text(DOCKERFILE) else { return vec![Finding::new(DOCKERFILE, "is missing")] };
    let ignored: Vec<&str> = text(IGNORED).unwrap_or_default().lines().collect();
    let rust = text("Cargo.toml").and_then(|manifest| {
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'))
    });
    let faults = faults(dockerfile, rust.unwrap_or_default(), |source| {
        let source = source.trim_start_matches("./").trim_end_matches('/');
        let inside = |file: &Tracked| {
            let rest = file.path.strip_prefix(source);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        source == "." || (files.iter().any(inside) && !ignored.contains(&source))
    });
    faults.into_iter().map(|what| Finding::new(DOCKERFILE, what)).collect()
}

/// What would fail. `exists` says whether the context has a file or folder.
fn faults(dockerfile: &str, rust: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    for line in dockerfile.replace("\\\n", " ").lines() {
        let words: Vec<&str> = line.split_whitespace().filter(|word| !word.starts_with("--")).collect();
        match words.as_slice() {
            ["FROM", image, ..]
                if image.strip_prefix("rust:").is_some_and(|tag| tag.split('-').next() != Some(rust)) =>
            {
                faults.push(format!("builds with {image}, and Cargo.toml has rust-version {rust}"));
            }
            ["COPY" | "ADD", places @ .., _] if !line.contains(" --from=") => {
                let lost = places.iter().filter(|place| !exists(place));
                faults.extend(lost.map(|place| format!("copies {place}, which the checkout does not have")));
            }
            _ => {}
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_must_be_there() {
        let found = |text: &str| faults(text, "1.95", |place| place == "." || place == "Cargo.toml");
        let good = "FROM rust:1.95-bookworm AS build\nCOPY . .\nCOPY Cargo.toml \\\n  /src/\n\
                    FROM scratch\nCOPY --chown=1:1 --from=build /gateway /gateway\n";
        assert_eq!(found(good), Vec::<String>::new());
        for (text, part) in [
            ("FROM rust:1.80 AS build\n", "rust-version 1.95"),
            ("FROM scratch\nCOPY Cargo.toml gone.txt /src/\n", "gone.txt"),
        ] {
            let found = found(text);
            assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:?}");
        }
    }
}
