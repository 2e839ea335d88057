//! `find`: a search in what is known of the providers' APIs: the adapters' tables of scopes, and the tools for single calls.

use caller_auth::Caller;
use http::Method;
use idp_adapters::Segment;
use serde::Serialize;
use serde_json::Map;

use super::table::TOOLS;
use super::typed::TypedTool;
use crate::provider::ProviderRuntime;
use crate::provider::plan::ProviderCall;

/// Most calls in one answer.
const MOST: usize = 12;

/// A call that the caller may make.
#[derive(Debug, Serialize)]
pub(super) struct KnownCall {
    provider: String,
    method: &'static str,
    /// For `call`, with parameters in braces.
    path: String,
    /// The tool that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'static str>,
    /// The scopes of the grant of which the provider wants one.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    scopes: &'static [&'static str],
    /// What the words are looked for in.
    #[serde(skip)]
    text: String,
}

/// A GET of a provider's API that people can try.
#[derive(Debug, Serialize)]
pub(crate) struct Suggestion {
    /// As behind `/proxy/{provider}`, with parameters in braces.
    path: String,
    /// What it is, where the tables say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'static str>,
}

/// What the tables know of a provider's API, for any caller: the profile, the tools' calls that need no argument, and the GETs
/// whose scopes are known.
pub(crate) fn suggestions(provider: &ProviderRuntime) -> Vec<Suggestion> {
    let adapter = provider.plan.adapter();
    let profile = provider.profile_url.as_ref().and_then(|url| provider.plan.path_of(url));
    let profile = profile.map(|path| Suggestion { path, label: Some("Profile") });
    let tools = TOOLS.iter().filter(|tool| tool.kind == adapter.kind()).filter_map(|tool| {
        let (path, _) = tool.target(&Map::new()).ok()?;
        Some(Suggestion { path, label: Some(tool.about.trim_end_matches('.')) })
    });
    let version = version(provider);
    let gets = adapter.description().scopes.iter().filter(|rule| rule.method == "GET").map(|rule| {
        let host = rule.host.filter(|host| !host.eq_ignore_ascii_case(provider.plan.default_host()));
        Suggestion {
            path: format!("{}{}", at_host(host), path(rule.pattern, &version, "{id}", "")),
            label: None,
        }
    });
    let mut all: Vec<Suggestion> = profile.into_iter().chain(tools).collect();
    for call in gets {
        // Some APIs take the same path with and without a version.
        let versioned = format!("/{version}{}", call.path);
        let is_same = |known: &Suggestion| {
            known.path.split('?').next().is_some_and(|path| path == call.path || path == versioned)
        };
        // A tool for the same path says by its parameters that the path alone means nothing.
        let is_tool = TOOLS.iter().any(|tool| tool.kind == adapter.kind() && tool.path == call.path);
        if !is_tool && !all.iter().any(is_same) {
            all.push(call);
        }
    }
    all
}

/// The known calls that hold most of the words, as far as the caller's rules and scopes open them.
pub(super) fn find<'a>(
    providers: impl Iterator<Item = &'a ProviderRuntime>,
    caller: &Caller,
    words: &str,
) -> Vec<KnownCall> {
    let words: Vec<String> = words.split_whitespace().take(16).map(str::to_lowercase).collect();
    let mut found: Vec<(usize, KnownCall)> = providers
        .flat_map(|provider| of_provider(provider, caller))
        .map(|call| (words.iter().filter(|word| call.text.contains(word.as_str())).count(), call))
        .filter(|(hits, _)| *hits > 0 || words.is_empty())
        .collect();
    // The sort is stable: calls that fit alike stay in the order of the tables.
    found.sort_by_key(|(hits, _)| std::cmp::Reverse(*hits));
    found.into_iter().map(|(_, call)| call).take(MOST).collect()
}

fn of_provider(provider: &ProviderRuntime, caller: &Caller) -> Vec<KnownCall> {
    let adapter = provider.plan.adapter();
    let tools = TOOLS.iter().filter(|tool| tool.kind == adapter.kind() && opens(provider, caller, tool));
    let tools = tools.map(|tool| KnownCall {
        provider: provider.name.to_string(),
        method: "GET",
        path: format!("{}{}", at_host(tool.host), tool.path),
        tool: Some(tool.name),
        scopes: adapter
            .required_scopes(&Method::GET, tool.host.unwrap_or(provider.plan.default_host()), &tool.sample())
            .unwrap_or_default(),
        text: format!("{} {} {} {}", provider.name, tool.name, tool.about, tool.path).to_lowercase(),
    });
    let version = version(provider);
    let rules = adapter.description().scopes.iter().filter_map(move |rule| {
        let host = rule.host.filter(|host| !host.eq_ignore_ascii_case(provider.plan.default_host()));
        let method = Method::from_bytes(rule.method.as_bytes()).ok()?;
        let sample = path(rule.pattern, &version, "x", "");
        provider.plan.plan(ProviderCall { host, ..ProviderCall::new(caller, &method, &sample) }).ok()?;
        let path = format!("{}{}", at_host(host), path(rule.pattern, &version, "{id}", "{rest}"));
        let text =
            format!("{} {} {path} {}", provider.name, rule.method, rule.any_of.join(" ")).to_lowercase();
        let (provider, scopes) = (provider.name.to_string(), rule.any_of);
        Some(KnownCall { provider, method: rule.method, path, tool: None, scopes, text })
    });
    tools.chain(rules).collect()
}

/// Whether the caller may make the call of a tool.
pub(super) fn opens(provider: &ProviderRuntime, caller: &Caller, tool: &TypedTool) -> bool {
    let path = tool.sample();
    let call = ProviderCall { host: tool.host, ..ProviderCall::new(caller, &Method::GET, &path) };
    provider.plan.plan(call).is_ok()
}

fn at_host(host: Option<&str>) -> String {
    host.map(|host| format!("/~{host}")).unwrap_or_default()
}

/// The segment that names the API's version, as the profile's address has it.
fn version(provider: &ProviderRuntime) -> String {
    let segment = provider.profile_url.as_ref().and_then(|url| url.path_segments()?.next());
    let is_version = |text: &&str| text.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
    segment.filter(is_version).unwrap_or("v22.0").to_owned()
}

/// A pattern as a path. `any` stands for one segment, `rest` for those at the end, if it is not empty.
fn path(pattern: &[Segment], version: &str, any: &str, rest: &str) -> String {
    let mut text = String::new();
    for (index, segment) in pattern.iter().enumerate() {
        let part = match segment {
            Segment::Literal(word) | Segment::Prefix(word) => word,
            Segment::Version => version,
            Segment::Rest if rest.is_empty() => continue,
            Segment::Rest => rest,
            // Nothing but a version stands in front of an API's paths.
            _ if index == 0 => version,
            _ => any,
        };
        text.push('/');
        text.push_str(part);
    }
    text
}
