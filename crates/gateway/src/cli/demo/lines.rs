//! What the demo prints, and the lines to paste: those that work, and those that are refused for a reason.

use std::fmt::Write as _;

use super::{Demo, ports};

/// One line: what it shows, whose token it carries, and the rest of the `curl` command.
struct Line(&'static str, &'static str, &'static str);

/// Calls that the providers answer.
const WORKING: [Line; 11] = [
    Line("GitHub: Ben's profile", "ben", "$GW/proxy/github/user"),
    Line(
        "GitHub: his repositories, the next page's link pointing here",
        "ben",
        "'$GW/proxy/github/user/repos?per_page=2'",
    ),
    Line("Google: Ana's profile", "ana", "$GW/proxy/google/oauth2/v3/userinfo"),
    Line(
        "Google: another host of the provider",
        "ana",
        "'$GW/proxy/google/~people.googleapis.com/v1/people/me?personFields=names'",
    ),
    Line("Bitbucket: Ben's profile", "ben", "$GW/proxy/bitbucket/2.0/user"),
    Line("Facebook: Ben's profile", "ben", "'$GW/proxy/facebook/v22.0/me?fields=id,name'"),
    Line("Microsoft: Ben's profile", "ben", "$GW/proxy/microsoft/v1.0/me"),
    Line("Any OAuth 2.0 API: Ben in a CRM", "ben", "$GW/proxy/crm/userinfo"),
    Line("Google by virtual host, for SDKs that drop path prefixes", "ana", "$VHOST/drive/v3/files"),
    Line("Who am I here, and which accounts do I have?", "ben", "$GW/v1/me"),
    Line("One profile shape for every provider", "ben", "$GW/v1/me/github/profile"),
];

/// Calls that are refused, with the outcome that says why.
const REFUSED: [Line; 14] = [
    Line("caller-token-missing: no token", "", "$GW/proxy/github/user"),
    Line("caller-token-expired: an old token", "expired", "$GW/proxy/github/user"),
    Line("caller-not-a-user: a machine's token", "machine", "$GW/proxy/github/user"),
    Line(
        "caller-token-in-query: a token where logs can see it",
        "",
        "'$GW/proxy/github/user?access_token=x'",
    ),
    Line("unknown-provider", "ana", "$GW/proxy/gitlab/user"),
    Line("bad-path: a path with '..'", "ana", "--path-as-is $GW/proxy/github/user/%2e%2e/applications"),
    Line("policy-denied: a path that no setting permits", "ben", "$GW/proxy/github/applications/x"),
    Line(
        "host-not-allowed: a host to which the gateway never sends a token",
        "ana",
        "$GW/proxy/google/~oauth2.googleapis.com/token",
    ),
    Line(
        "provider-rate-limited: Retry-After says how long",
        "ben",
        "$GW/proxy/github/sandbox/trouble/primary-limit",
    ),
    Line("provider-denied: GitHub wants single sign-on", "ben", "$GW/proxy/github/sandbox/trouble/saml"),
    Line("account-not-connected: Ana has no GitHub account", "ana", "$GW/proxy/github/user"),
    Line(
        "reconnect-required: Cleo has revoked the grant at GitHub (until she connects it again)",
        "cleo",
        "$GW/proxy/github/user",
    ),
    Line(
        "account-ambiguous: Dana has two Bitbucket accounts; Idp-Account chooses one",
        "dana",
        "$GW/proxy/bitbucket/2.0/user",
    ),
    Line(
        "provider-scope-missing: Cleo's Google consent lacks the calendar",
        "cleo",
        "-H 'Idp-Errors: problem' $GW/proxy/google/calendar/v3/users/me/calendarList",
    ),
];

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
        let _ = writeln!(text, "{}={token}", variable(name));
    }
    let _ = writeln!(text, "EXPIRED={}\nMACHINE={}", demo.expired, demo.machine);
    text
}

/// The lines to paste once the variables are set.
pub(super) fn lines(tls: bool) -> String {
    let mut text = String::from("# These work.\n");
    WORKING.iter().for_each(|line| show(line, tls, &mut text));
    text.push_str("\n# These are refused, each with what the app can do about it.\n");
    REFUSED.iter().for_each(|line| show(line, tls, &mut text));
    text
}

/// What `curl` needs to trust the demo's certificate.
const fn trust(tls: bool) -> &'static str {
    if tls { "--cacert \"$CACERT\" " } else { "" }
}

fn variable(name: &str) -> String {
    name.to_ascii_uppercase()
}

fn show(Line(what, who, rest): &Line, tls: bool, text: &mut String) {
    let token = if who.is_empty() {
        String::new()
    } else {
        format!("-H \"Authorization: Bearer ${}\" ", variable(who))
    };
    // A variable does not expand between single quotes.
    let rest = rest.replace("'$GW", "\"$GW\"'");
    let _ = writeln!(text, "# {what}\ncurl -si {}{token}{rest}", trust(tls));
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
