//! What `docker build` needs, as far as it can be seen without Docker and a registry: what the Dockerfile copies is in the
//! checkout or comes from a stage before, and the build stage has the Rust that the workspace asks for.

use super::files::{Finding, Tracked};

const DOCKERFILE: &str = "deploy/image/Dockerfile";
const IGNORED: &str = ".dockerignore";
const RUST: &str = "rust:";

pub(super) fn check(files: &[Tracked]) -> Vec<Finding> {
    let text = |name: &str| files.iter().find(|file| file.name() == name).map(|file| &*file.text);
    let Some(dockerfile) = text(DOCKERFILE) else { return vec![Finding::new(DOCKERFILE, "is missing")] };
    let names: Vec<String> = files.iter().map(Tracked::name).collect();
    let ignored: Vec<&str> = text(IGNORED).unwrap_or_default().lines().collect();
    let rust = text("Cargo.toml").and_then(|manifest| {
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'))
    });
    let faults = faults(dockerfile, rust.unwrap_or_default(), |source| {
        let source = source.trim_start_matches("./").trim_end_matches('/');
        let inside = |name: &String| {
            name.strip_prefix(source).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        source == "." || (names.iter().any(inside) && !ignored.contains(&source))
    });
    faults.into_iter().map(|what| Finding::new(DOCKERFILE, what)).collect()
}

/// What would fail. `exists` says whether the context has a file or folder.
fn faults(dockerfile: &str, rust: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut stages: Vec<&str> = Vec::new();
    let mut faults = Vec::new();
    let joined = dockerfile.replace("\\\n", " ");
    for line in joined.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("FROM") => {
                let image = words.next().unwrap_or_default();
                if image.strip_prefix(RUST).is_some_and(|tag| tag.split('-').next() != Some(rust)) {
                    faults.push(format!("builds with {image}, and Cargo.toml has rust-version {rust}"));
                }
                stages.push(words.nth(1).unwrap_or_default());
            }
            Some("COPY" | "ADD") => {
                let (options, mut places): (Vec<&str>, Vec<&str>) =
                    words.partition(|word| word.starts_with("--"));
                places.pop();
                match options.iter().find_map(|option| option.strip_prefix("--from=")) {
                    Some(stage) if !stages.iter().rev().skip(1).any(|known| *known == stage) => {
                        faults.push(format!("copies from {stage}, which is no stage before"));
                    }
                    Some(_) => {}
                    None => faults.extend(
                        places
                            .into_iter()
                            .filter(|place| !exists(place))
                            .map(|place| format!("copies {place}, which the checkout does not have")),
                    ),
                }
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
            ("FROM scratch AS last\nCOPY --from=build /gateway /gateway\n", "from build"),
            ("FROM scratch AS last\nCOPY --from=last /gateway /gateway\n", "from last"),
        ] {
            let found = found(text);
            assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:?}");
        }
    }
}
