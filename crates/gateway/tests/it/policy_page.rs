//! The recipes of the page about policy do what their cases say.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const REST: &str = r#"
[tenant]
domain = "acme.eu.auth0.com"
client_id = "gateway"
client_secret = "made up"
[callers]
audience = ["https://api.acme.com"]
[server]
public_url = "https://idp.acme.com"
"#;

/// Configuration and cases of each recipe.
fn recipes(page: &str) -> Vec<(String, String)> {
    let fenced = |fence: &str| -> Vec<String> {
        page.split(&format!("```{fence}\n"))
            .skip(1)
            .map(|rest| rest.split("```").next().unwrap().to_owned())
            .collect()
    };
    let (configurations, cases) = (fenced("toml"), fenced("toml,cases"));
    assert_eq!(configurations.len(), cases.len());
    configurations.into_iter().zip(cases).collect()
}

#[test]
fn the_recipes_do_what_their_cases_say_and_check_warns_of_none() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let recipes = recipes(&fs::read_to_string(root.join("docs/guides/policy.md")).unwrap());
    assert_eq!(recipes.len(), 5);
    for (configuration, cases) in recipes {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("gateway.toml"), format!("{configuration}{REST}")).unwrap();
        fs::write(folder.path().join("cases.toml"), cases).unwrap();
        let run = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
            command.args(["check", "--config", "gateway.toml"]).args(arguments);
            command.current_dir(folder.path()).env_clear().output().unwrap()
        };
        let cases = run(&["--cases", "cases.toml"]);
        assert_eq!(cases.status.code(), Some(0), "{}", String::from_utf8_lossy(&cases.stdout));
        let checked: serde_json::Value = serde_json::from_slice(&run(&["--json"]).stdout).unwrap();
        assert_eq!(checked["warnings"], serde_json::json!([]), "{configuration}");
    }
}
