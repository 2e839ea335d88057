//! What the demo prints, and the lines to paste: those that work, and those that are refused for a reason.

use std::fmt::Write as _;

use super::{Demo, ports};

/// Calls to paste once the variables of [`env`] are set.
const LINES: &str = include_str!("lines.txt");

/// What the terminal shows: at most 25 lines of at most 100 columns, the addresses last.
pub(super) fn banner(demo: &Demo, program: &str) -> String {
    let port = if demo.port == ports::FIRST { String::new() } else { format!(" --port {}", demo.port) };
    let own = match demo.origins.first() {
        None => "For an app of your own, start the demo again with --origin http://localhost:5173.\n\
             It then prints the settings for the app."
            .to_owned(),
        Some(origin) => format!(
            "The settings of your own app at {origin}:\n  domain    {}\n  client id {}\n  audience  {}",
            demo.tenant,
            sandbox::SPA_CLIENT,
            demo.audience,
        ),
    };
    format!(
        "idp-gateway demo: everything runs on this machine. Ctrl-C ends it.\n\n\
         In the browser, open the app:\n  \
         1. Sign in as Cleo and press Call. She has revoked her GitHub access: the app offers Connect.\n  \
         2. Press Connect, Continue to GitHub, Allow. The app repeats the call, and GitHub answers 200.\n     \
         The browser's Network tab shows no token of GitHub.\n  \
         The demo links each account that you connect to the user. In your tenant, you set that up.\n\n\
         In another shell:\n  \
         eval \"$({program} demo env{port})\"\n  \
         curl -si {trust}-H \"Authorization: Bearer $BEN\" $GW/proxy/github/user\n  \
         curl -s {app}/lines    # more calls: those that work, and those that are refused\n  \
         claude mcp add -t http demo $GW/mcp -H \"Authorization: Bearer $BEN\"    # or another MCP client\n\n\
         {own}\n\n\
         app       {app}/\n\
         console   {gateway}/console/\n\
         gateway   {gateway}\n\
         admin     {admin}/readyz and {admin}/metrics\n\
         {certificate}tenant    {tenant}",
        certificate = demo.certificate.as_ref().map(|path| format!("trust     {path}\n")).unwrap_or_default(),
        trust = trust(demo.certificate.is_some()),
        app = demo.app,
        gateway = demo.gateway,
        admin = demo.admin,
        tenant = demo.tenant,
    )
}

/// The address and the tokens as shell variables, so that the lines stay short.
pub(super) fn env(demo: &Demo) -> String {
    let mut text = format!("GW={}\n", demo.gateway);
    // Writing to a text cannot fail.
    if let Some(path) = &demo.certificate {
        let _ = writeln!(text, "CACERT={path}");
    }
    if let Some(host) = demo.virtual_hosts.get("www.googleapis.com") {
        let _ = writeln!(text, "VHOST={host}");
    }
    for (name, token) in &demo.tokens {
        let _ = writeln!(text, "{}={token}", name.to_ascii_uppercase());
    }
    let _ = writeln!(text, "EXPIRED={}\nMACHINE={}", demo.expired, demo.machine);
    text
}

/// The lines to paste once the variables are set.
pub(super) fn lines(tls: bool) -> String {
    LINES.replace("curl -si ", &format!("curl -si {}", trust(tls)))
}

/// What `curl` needs to trust the demo's certificate.
const fn trust(tls: bool) -> &'static str {
    if tls { "--cacert \"$CACERT\" " } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_fits_a_terminal() {
        let demo = Demo {
            port: 64990,
            gateway: "http://127.0.0.1:64990".to_owned(),
            admin: "http://127.0.0.1:64992".to_owned(),
            app: "http://127.0.0.1:64991".to_owned(),
            tenant: "http://127.0.0.1:65000".to_owned(),
            audience: "https://api.sandbox.test".to_owned(),
            certificate: Some("/tmp/idp-gateway-demo-4194304/cert.pem".to_owned()),
            ..Demo::default()
        };
        let text = banner(&demo, "target/release/gateway");
        assert!(text.lines().count() <= 25, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.contains("demo env --port 64990"), "{text}");
        assert!(text.ends_with("http://127.0.0.1:65000"), "{text}");
    }
}
