//! Every line that `gateway demo` prints and serves does what it says.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the terminal shows, up to its last line.
fn printed(demo: &mut Running) -> Vec<String> {
    let stdout = BufReader::new(demo.0.stdout.take().unwrap());
    let mut lines = Vec::new();
    for line in stdout.lines().map(Result::unwrap) {
        let last = line.starts_with("tenant ");
        lines.push(line);
        if last {
            break;
        }
    }
    lines
}

/// What a shell says to a line.
fn shell(line: &str) -> String {
    let output = Command::new("sh").arg("-c").arg(line).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_line_to_paste_works_or_is_refused_as_it_says() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("skipped: the demo's lines are for curl, which is not here");
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(["demo", "--origin", "http://localhost:5173/"]);
    command.env_remove("IDP_GATEWAY_CONFIG").env("TMPDIR", folder.path());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut demo = Running(command.spawn().unwrap());
    let banner = printed(&mut demo);
    let line =
        |start: &str| banner.iter().map(|line| line.trim()).find(|line| line.starts_with(start)).unwrap();
    let variables = line("eval ");
    let first = shell(&format!("{variables}; {}", line("curl -si")));
    assert!(first.starts_with("HTTP/1.1 200"), "{first}");
    let lines: Vec<String> = shell(line("curl -s ")).lines().map(str::to_owned).collect();
    let mut tried = 0;
    for pair in lines.windows(2).filter(|pair| pair[1].starts_with("curl")) {
        let (what, line) = (pair[0].trim_start_matches("# "), &pair[1]);
        // Names below `localhost` are loopback for curl itself, whatever the machine's resolver says.
        let output =
            Command::new("sh").arg("-c").arg(format!("{variables}; {line} --max-time 20")).output().unwrap();
        let answer = String::from_utf8_lossy(&output.stdout).to_lowercase();
        let code = what.split(':').next().unwrap();
        let wanted = if code.contains('-') && !code.contains(' ') { code } else { "ok" };
        assert!(answer.contains(&format!("idp-outcome: {wanted}\r\n")), "{what}\n{line}\n{answer}");
        tried += 1;
    }
    assert!(tried >= 20, "only {tried} lines were served");
    // The console of the demo shows the lines of the audit log, and asks for them by the request id.
    let app = line("app ").trim_start_matches("app").trim();
    let id =
        first.to_lowercase().lines().find_map(|line| line.strip_prefix("x-request-id: ").map(str::to_owned));
    let audit = shell(&format!("curl -sf --max-time 20 {app}audit/{}", id.unwrap()));
    let audit: serde_json::Value = serde_json::from_str(&audit).unwrap();
    assert_eq!((&audit["event"], &audit["provider"]), (&"call".into(), &"github".into()), "{audit}");
    mcp_lines(variables);
    // An app of one's own finds the tenant where its pages say, and comes back to them from hosted connect.
    let port = |name: &str| -> u16 { line(name).rsplit(':').next().unwrap().parse().unwrap() };
    assert_eq!(port("tenant "), port("gateway ") + 3);
    let link = shell(&format!(
        "{variables}; curl -s --max-time 20 -H \"Authorization: Bearer $BEN\" -H 'Origin: http://localhost:5173' \
         -H 'Content-Type: application/json' -d '{{\"return_to\":\"http://localhost:5173/settings\"}}' -i $GW/v1/me/github/connect"
    ));
    assert!(link.starts_with("HTTP/1.1 201"), "{link}");
    assert!(link.contains("access-control-allow-origin: http://localhost:5173\r\n"), "{link}");
}

/// What the page about MCP tells people to paste does what it says.
fn mcp_lines(variables: &str) {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/mcp.md");
    let page = std::fs::read_to_string(page).unwrap();
    let lines = page.split("## Try it").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut answers = lines.split("```sh\n").skip(1).map(|rest| {
        let answer = shell(&format!("{variables}; {}", rest.split("```").next().unwrap()));
        serde_json::from_str::<serde_json::Value>(&answer).unwrap()["result"].clone()
    });
    let listed = answers.next().unwrap();
    let tools = listed["tools"].as_array().unwrap();
    assert!(tools.iter().any(|tool| tool["name"] == "call"), "{listed}");
    let called = answers.next().unwrap();
    assert_eq!(called["structuredContent"]["body"]["login"], "ben", "{called}");
    let refused = answers.next().unwrap();
    let problem = &refused["structuredContent"];
    assert_eq!((&refused["isError"], &problem["code"]), (&true.into(), &"reconnect-required".into()));
    assert!(problem["connect"]["url"].as_str().unwrap().contains("/connect/github?ticket="), "{refused}");
    let words = refused["content"][0]["text"].as_str().unwrap();
    assert!(
        words.contains(". Let the user") && words.contains(problem["connect"]["url"].as_str().unwrap()),
        "{words}"
    );
    assert!(answers.next().is_none());
}

#[test]
fn with_tls_the_gateway_shows_a_certificate_of_its_own() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("skipped: curl, which is to trust the certificate, is not here");
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(["demo", "--tls", "--json"]).env_remove("IDP_GATEWAY_CONFIG").env("TMPDIR", folder.path());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut demo = Running(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(demo.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    let text = |pointer: &str| told.pointer(pointer).and_then(|value| value.as_str()).unwrap().to_owned();
    let (gateway, certificate) = (text("/gateway"), text("/certificate"));
    assert!(gateway.starts_with("https://127.0.0.1:"), "{gateway}");
    let ask = |trust: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args([
            "-s",
            "--max-time",
            "20",
            "-H",
            &format!("Authorization: Bearer {}", text("/users/ben/token")),
        ]);
        curl.args(trust).arg(format!("{gateway}/proxy/github/user")).output().unwrap()
    };
    let answer = ask(&["--cacert", &certificate]);
    assert!(String::from_utf8_lossy(&answer.stdout).contains("\"login\":\"ben\""), "{answer:?}");
    assert_eq!(ask(&[]).status.code(), Some(60), "nobody else trusts it");
}

#[cfg(target_os = "linux")]
#[test]
fn open_opens_the_app_or_says_that_no_browser_opened() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::TempDir::new().unwrap();
    let (opener, opened) = (folder.path().join("xdg-open"), folder.path().join("opened"));
    let script = format!("#!/bin/sh\necho noise >&2\necho \"$1\" > '{}'\nexit 3\n", opened.display());
    std::fs::write(&opener, script).unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(["demo", "--json", "--open"]).env_remove("IDP_GATEWAY_CONFIG");
    command.env("PATH", folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut demo = Running(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(demo.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    let app = told["app"].as_str().unwrap();
    let said = BufReader::new(demo.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<_> = said.filter(|line| !line.starts_with('{')).take(1).collect();
    assert_eq!(said, [format!("warning: `xdg-open` opened no browser: open {app} yourself")]);
    assert_eq!(std::fs::read_to_string(opened).unwrap().trim(), app);
}

/// Starts a demo with its temporary files in `folder`, and waits until it has said where it listens.
fn started(folder: &std::path::Path) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(["demo", "--json"]).env_remove("IDP_GATEWAY_CONFIG").env("TMPDIR", folder);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut demo = Running(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(demo.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with('{'), "{line}");
    demo
}

fn signal(demo: &Running, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &demo.0.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_demo_leaves_no_folder_behind() {
    let folder = tempfile::TempDir::new().unwrap();
    let left = || std::fs::read_dir(folder.path()).unwrap().count();
    for name in ["TERM", "INT", "HUP"] {
        let mut demo = started(folder.path());
        assert_eq!(left(), 1, "{name}");
        signal(&demo, name);
        assert!(demo.0.wait().unwrap().success(), "{name}");
        assert_eq!(left(), 0, "{name}");
    }
    let mut killed = started(folder.path());
    signal(&killed, "KILL");
    killed.0.wait().unwrap();
    assert_eq!(left(), 1);
    let demo = started(folder.path());
    assert_eq!(left(), 1, "the next demo removes the folder of the one that was killed");
    drop(demo);
}
