//! Request planning against an independent oracle: what the contract says, written down once more and without the code it
//! checks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use caller_auth::{Actors, Caller, Rules};
use http::Method;
use idp_adapters::Kind;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::config::Access;
use crate::provider::plan::{PlanParts, ProviderCall, ProviderPlan};
use crate::provider::policy::{Conditions, Policy, Rule};

/// Methods of the cases; the last ones are spellings that a provider could take for one.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "DELETE", "PATCH", "post", "Delete"];

/// A configured provider, and what its configuration means.
struct Setup {
    kind: Kind,
    plan: ProviderPlan,
    access: Access,
    /// Authority and base path of calls that name no host.
    home: (&'static str, &'static str),
    /// A host that really is elsewhere.
    mirror: Option<(&'static str, (&'static str, &'static str))>,
    /// Whether the provider's own other hosts are open.
    own_hosts: bool,
}

const PEOPLE: (&str, (&str, &str)) = ("people.googleapis.com", ("mirror.example:8443", "/people"));

fn setup(
    kind: Kind,
    home: (&'static str, &'static str),
    own_hosts: bool,
    access: Access,
    mirror: Option<(&'static str, (&'static str, &'static str))>,
) -> Option<Setup> {
    let url = |(authority, path): (&str, &str)| Url::parse(&format!("https://{authority}{path}")).ok();
    let base_url = url(home)?;
    let mut upstreams = BTreeMap::new();
    if let Some((host, place)) = mirror {
        upstreams.insert(host.to_owned(), url(place)?);
    }
    let rules = if access == Access::Rules { rules()? } else { Vec::new() };
    let plan = ProviderPlan::new(PlanParts {
        adapter: idp_adapters::shared(kind),
        base_url: Some(&base_url),
        upstreams: &upstreams,
        encoded_slash: None,
        policy: Policy { access, rules, ..Policy::default() },
        downloads: &[],
    })?;
    Some(Setup { kind, plan, access, home, mirror, own_hosts })
}

fn rules() -> Option<Vec<Rule>> {
    let alone = Conditions { actors: Actors::None, ..Conditions::default() };
    let planner = Conditions { actors: Actors::Only(words(&["planner"])), ..Conditions::default() };
    let client = Conditions { clients: words(&["cli"]), ..Conditions::default() };
    let admin = Conditions { claims: vec![(ROLE.to_owned(), words(&["admin"]))], ..Conditions::default() };
    let uploads = Conditions { hosts: vec!["uploads.github.com".parse().ok()?], ..Conditions::default() };
    let rule = |method: &str, path: &str, allow, scope: Option<&str>| {
        Rule::new(&[method.to_owned()], &[path.to_owned()], allow, scope.map(str::to_owned)).ok()
    };
    [
        rule("GET", "/repos/{owner}/secret/**", false, None),
        rule("GET", "/user", true, None),
        rule("GET", "/repos/{owner}/{repo}/**", true, None),
        rule("POST", "/repos/{owner}/{repo}/issues", true, Some("held")),
        rule("DELETE", "/repos/{owner}/{repo}", true, Some("lacked")),
        rule("PATCH", "/repos/{owner}/{repo}/**", true, None).map(|rule| rule.when(alone)),
        rule("PATCH", "/user/**", true, None).map(|rule| rule.when(planner)),
        rule("DELETE", "/app/**", true, None).map(|rule| rule.when(client)),
        rule("POST", "/me/**", true, None).map(|rule| rule.when(admin)),
        rule("GET", "/graph/**", true, None).map(|rule| rule.when(uploads)),
    ]
    .into_iter()
    .collect()
}

/// A claim that a rule names.
const ROLE: &str = "https://acme.test/role";

fn words(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// The user.
    User,
    /// An agent that a rule names.
    Planner,
    /// The same agent, which acts through another one.
    Chain,
    /// The user, with another app.
    Client,
    /// The user, with a role.
    Admin,
}

const WHO: [Who; 5] = [Who::User, Who::Planner, Who::Chain, Who::Client, Who::Admin];

/// In the order of [`WHO`].
static CALLERS: LazyLock<[Caller; 5]> = LazyLock::new(|| {
    let mut rules = Rules::new("https://api.acme.test", "https://acme.test/");
    rules.claims = words(&[ROLE]);
    let caller = |claims: &str| {
        Caller::from_claims(claims, &rules).unwrap_or_else(|_| Caller::vouched("auth0|ana", "none"))
    };
    [
        caller(r#"{"sub":"auth0|ana","scope":"held"}"#),
        caller(r#"{"sub":"auth0|ana","scope":"held","act":{"sub":"planner"}}"#),
        caller(r#"{"sub":"auth0|ana","scope":"held","act":{"sub":"planner","act":{"sub":"helper"}}}"#),
        caller(r#"{"sub":"auth0|ana","scope":"held","azp":"cli"}"#),
        caller(r#"{"sub":"auth0|ana","scope":"held","https://acme.test/role":["x","admin"]}"#),
    ]
});

static SETUPS: LazyLock<Vec<Setup>> = LazyLock::new(|| {
    let all = [
        setup(Kind::GitHub, ("api.github.com", ""), true, Access::Full, None),
        setup(Kind::GitHub, ("ghe.corp", "/api/v3"), false, Access::Full, None),
        setup(Kind::Google, ("www.googleapis.com", ""), true, Access::Full, Some(PEOPLE)),
        setup(Kind::Facebook, ("graph.facebook.com", ""), true, Access::Full, None),
        setup(Kind::Bitbucket, ("api.bitbucket.org", ""), true, Access::Full, None),
        setup(Kind::Microsoft, ("graph.microsoft.com", ""), true, Access::Full, None),
        setup(Kind::Microsoft, ("graph.microsoft.com", "/v1.0"), true, Access::Full, None),
        setup(Kind::GitHub, ("api.github.com", ""), true, Access::Rules, None),
        setup(Kind::Google, ("www.googleapis.com", ""), true, Access::Read, None),
    ];
    all.into_iter().flatten().collect()
});

/// What came of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planned {
    /// It was planned, and everything about the plan is as it must be.
    Sent,
    /// It was refused.
    Refused,
    /// It was refused, and an oracle that reads the path as a provider does says that it is on the deny list.
    Denied,
}

/// One call to plan.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Chooses the provider, by what is left of it the method, and by what is left of that the caller.
    pub which: usize,
    /// `~host`.
    pub host: Option<&'a str>,
    /// The raw path.
    pub path: &'a str,
    /// The raw query.
    pub query: Option<&'a str>,
}

/// First byte: provider and method; then host, path and query, one a line.
pub fn plan(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let mut lines = text.splitn(3, '\n');
    let host = lines.next().filter(|host| !host.is_empty());
    let path = lines.next().unwrap_or_default();
    check(Case { which: usize::from(*which), host, path, query: lines.next() });
}

/// Plans a case and checks the plan: it goes to an authority that the configuration allows for the host that was named, over
/// TLS, with base, path and query byte for byte; it climbs under no number of decodings; it is not on the deny list in any
/// spelling; and what is harmless, and allowed, is planned.
pub fn check(case: Case<'_>) -> Planned {
    let setup = &SETUPS[case.which % SETUPS.len()];
    let method = METHODS[case.which / SETUPS.len() % METHODS.len()];
    let path = if case.path.is_empty() { "/" } else { case.path };
    let Ok(named) = Method::from_bytes(method.as_bytes()) else { return Planned::Refused };
    let number = case.which / SETUPS.len() / METHODS.len() % WHO.len();
    let (who, caller) = (WHO[number], &CALLERS[number]);
    let permitted = || is_permitted(setup, who, method, (case.host, path));
    let asked =
        ProviderCall { host: case.host, query: case.query, ..ProviderCall::new(caller, &named, case.path) };
    let place = place(setup, case.host)
        .map(|place| enterprise(setup, case.host, path).unwrap_or(place))
        .filter(|(authority, _)| {
            !authority.eq_ignore_ascii_case("openidconnect.googleapis.com") || path == "/v1/userinfo"
        });
    let denied = place.is_some_and(|(_, base)| {
        [path.to_owned(), format!("{base}{path}")].iter().any(|path| is_denied(setup.kind, method, path))
    });
    match setup.plan.plan(asked) {
        Err(problem) => {
            let innocent = place.is_some() && !denied && is_plain(path) && case.query.is_none_or(is_harmless);
            assert!(!innocent || !permitted(), "{case:?} {who:?} {method}: {problem:?}");
            if denied { Planned::Denied } else { Planned::Refused }
        }
        Ok(plan) => {
            let Some(uri) = plan.uri(&[]) else { return Planned::Refused };
            assert!(!denied, "{case:?} {method} is on the deny list");
            assert!(permitted(), "{case:?} {who:?} {method} is not permitted");
            assert!(!case.query.is_some_and(|query| moves_tokens(setup.kind, query)), "{case:?}");
            assert!(!climbs(path), "{case:?} climbs");
            let (authority, base) = place.unwrap_or(("nowhere", ""));
            assert!(uri.authority().is_some_and(|sent| sent == authority), "{case:?}: {uri}");
            assert_eq!(uri.scheme_str(), Some("https"));
            let query = case.query.map(|query| format!("?{query}")).unwrap_or_default();
            let sent = uri.path_and_query().map(http::uri::PathAndQuery::as_str);
            assert_eq!(sent, Some(format!("{base}{path}{query}").as_str()), "{case:?}");
            Planned::Sent
        }
    }
}

/// Where a GitHub Enterprise Server has what is not below `/api/v3`.
fn enterprise<'a>(setup: &Setup, host: Option<&str>, path: &str) -> Option<(&'a str, &'a str)> {
    let first: Vec<u8> = path
        .split('/')
        .find(|segment| !segment.is_empty())
        .map(|segment| percent_encoding::percent_decode_str(segment).collect())
        .unwrap_or_default();
    match host {
        _ if setup.home.0 != "ghe.corp" => None,
        Some(host) if host.eq_ignore_ascii_case("uploads.github.com") => Some(("ghe.corp", "/api/uploads")),
        _ if first == b"graphql" => Some(("ghe.corp", "/api")),
        _ => None,
    }
}

/// Authority and base of the calls for a host; `None` where the configuration opens none.
fn place<'a>(setup: &Setup, host: Option<&'a str>) -> Option<(&'a str, &'a str)>
where
    'static: 'a,
{
    let Some(host) = host else { return Some(setup.home) };
    let same = |other: &str| host.eq_ignore_ascii_case(other);
    if let Some((name, place)) = setup.mirror
        && same(name)
    {
        return Some(place);
    }
    if same(setup.home.0) || setup.kind == Kind::GitHub && same("api.github.com") {
        return Some(setup.home);
    }
    if setup.home.0 == "ghe.corp" && same("uploads.github.com") {
        return Some(setup.home);
    }
    let own = match setup.kind {
        Kind::GitHub => same("uploads.github.com"),
        Kind::Facebook => same("graph-video.facebook.com"),
        Kind::Google => {
            let lower = host.to_ascii_lowercase();
            lower.strip_suffix(".googleapis.com").is_some_and(|label| {
                let inside = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                let closed = ["", "oauth2", "sts", "iamcredentials", "storage"];
                inside
                    && label.len() <= 63
                    && !closed.contains(&label)
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            })
        }
        _ => false,
    };
    (setup.own_hosts && own).then_some((host, ""))
}

/// The segments as a provider may read them: decoded once, then split, so that an encoded slash separates, and without regard to
/// case.
fn as_provider(path: &str) -> Vec<String> {
    let decoded = percent_decode_str(path).decode_utf8_lossy().to_ascii_lowercase();
    decoded.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

/// Where GitHub's API begins, on github.com and on an Enterprise Server.
const API_ROOTS: [&[&str]; 4] = [&[], &["api", "v3"], &["api", "uploads"], &["api"]];

/// The contract's deny lists.
fn is_denied(kind: Kind, method: &str, path: &str) -> bool {
    let segments = as_provider(path);
    let mut words: Vec<&str> = segments.iter().map(String::as_str).collect();
    match kind {
        Kind::GitHub => API_ROOTS
            .iter()
            .filter_map(|root| words.strip_prefix(*root))
            .any(|rest| matches!(rest, ["applications" | "credentials", ..])),
        Kind::Google => {
            words.first().is_some_and(|first| first.starts_with("batch"))
                || matches!(words[..], ["oauth2", _, "tokeninfo"])
        }
        Kind::Microsoft => {
            matches!(words[..], [_, "$batch", ..])
                || words.windows(2).any(|pair| matches!(pair, ["_api", "$batch"]))
        }
        Kind::Facebook => {
            if words.first().and_then(|word| word.strip_prefix('v')).is_some_and(|rest| {
                rest.starts_with(|c: char| c.is_ascii_digit())
                    && rest.chars().all(|c| c.is_ascii_digit() || c == '.')
            }) {
                words.remove(0);
            }
            matches!(words[..], ["oauth" | "debug_token", ..])
                || words.is_empty() && method.eq_ignore_ascii_case("post")
        }
        _ => false,
    }
}

/// Access and rules of the setup; segments are decoded once and an encoded slash stays inside.
fn is_permitted(setup: &Setup, who: Who, method: &str, (host, path): (Option<&str>, &str)) -> bool {
    let reads = matches!(method, "GET" | "HEAD");
    let decoded: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let words: Vec<&str> = decoded.iter().map(String::as_str).collect();
    let capitals = !method.contains(|c: char| c.is_ascii_lowercase());
    match setup.access {
        Access::Full => capitals,
        Access::Read => reads,
        Access::Rules => match words[..] {
            ["user"] if reads => true,
            ["repos", _, "secret", ..] if reads => false,
            ["repos", _, _, ..] if reads => true,
            ["repos", _, _, "issues"] if method == "POST" => true,
            ["repos", _, _, ..] => method == "PATCH" && !matches!(who, Who::Planner | Who::Chain),
            ["user", ..] => method == "PATCH" && who == Who::Planner,
            ["app", ..] => method == "DELETE" && who == Who::Client,
            ["me", ..] => method == "POST" && who == Who::Admin,
            ["graph", ..] => {
                reads && host.is_some_and(|host| host.eq_ignore_ascii_case("uploads.github.com"))
            }
            _ => false,
        },
    }
}

fn is_plain(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_'))
}

fn is_harmless(query: &str) -> bool {
    query.bytes().all(|byte| byte.is_ascii_digit() || byte == b'&')
}

/// Query members that Facebook must not see, however they are written.
fn moves_tokens(kind: Kind, query: &str) -> bool {
    const FACEBOOK: [&str; 5] = ["method", "batch", "suppress_http_code", "callback", "appsecret_proof"];
    kind == Kind::Facebook
        && url::form_urlencoded::parse(query.as_bytes())
            .any(|(name, _)| FACEBOOK.contains(&name.to_ascii_lowercase().as_str()))
}

fn climbs(path: &str) -> bool {
    let mut layer = path.to_owned();
    loop {
        let mut segments = layer.split(['/', '\\']).map(|segment| segment.split(';').next());
        if segments.any(|word| matches!(word, Some("." | ".."))) {
            return true;
        }
        let decoded = percent_decode_str(&layer).decode_utf8_lossy().into_owned();
        if decoded == layer {
            return false;
        }
        layer = decoded;
    }
}

#[cfg(test)]
mod tests;
