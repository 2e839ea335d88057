//! `find`: a search in what is known of the providers' APIs: the adapters' tables of scopes, and the tools for single calls.

use caller_auth::Caller;
use http::Method;
use idp_adapters::Segment;
use serde::Serialize;

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
    let rules = adapter.description().scopes.iter().filter_map(|rule| {
        let host = rule.host.filter(|host| !host.eq_ignore_ascii_case(provider.plan.default_host()));
        let method = Method::from_bytes(rule.method.as_bytes()).ok()?;
        let sample = path(rule.pattern, true);
        provider.plan.plan(ProviderCall { host, ..ProviderCall::new(caller, &method, &sample) }).ok()?;
        let path = format!("{}{}", at_host(host), path(rule.pattern, false));
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

/// A pattern as a path: one that stands for all (`sample`), or one to read.
fn path(pattern: &[Segment], sample: bool) -> String {
    let mut text = String::new();
    for segment in pattern {
        let part = match segment {
            Segment::Literal(word) | Segment::Prefix(word) => word,
            Segment::Version => "v22.0",
            Segment::Rest if sample => continue,
            Segment::Rest => "{rest}",
            _ if sample => "x",
            _ => "{id}",
        };
        text.push('/');
        text.push_str(part);
    }
    text
}
