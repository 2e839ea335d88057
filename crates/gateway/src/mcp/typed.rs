//! A tool that makes one kind of call: what it calls, and what its arguments become.

use idp_adapters::Kind;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

/// A tool that makes one kind of GET.
#[derive(Debug)]
pub(super) struct TypedTool {
    pub(super) name: &'static str,
    /// The adapter whose API it speaks.
    pub(super) kind: Kind,
    pub(super) about: &'static str,
    /// A host besides the adapter's own.
    pub(super) host: Option<&'static str>,
    /// The path; `{name}` is a parameter.
    pub(super) path: &'static str,
    /// Query members that are always sent.
    pub(super) fixed: &'static [(&'static str, &'static str)],
    pub(super) parameters: &'static [Parameter],
    /// The JSON type of the answer.
    pub(super) body: &'static str,
}

/// One argument of a tool.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) form: Form,
    pub(super) place: Place,
}

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Number,
    OneOf(&'static [&'static str]),
}

/// What an argument becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// One segment of the path.
    Segment,
    /// Several segments; slashes part them.
    Segments,
    /// A member of the query; it may be left out.
    Query(&'static str),
    /// A member of the query without which the call means nothing.
    Needed(&'static str),
}

/// What a segment keeps as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl TypedTool {
    /// The schema of its arguments.
    pub(super) fn input(&self) -> Value {
        let mut properties = Map::new();
        for parameter in self.parameters {
            let mut schema = match parameter.form {
                Form::Text => json!({ "type": "string" }),
                Form::Number => json!({ "type": "integer", "minimum": 0 }),
                Form::OneOf(words) => json!({ "enum": words }),
            };
            if !parameter.about.is_empty() {
                schema["description"] = parameter.about.into();
            }
            properties.insert(parameter.name.to_owned(), schema);
        }
        properties.insert("account".to_owned(), json!({ "type": "string" }));
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        let required: Vec<_> = self.required().collect();
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    }

    fn required(&self) -> impl Iterator<Item = &'static str> {
        let needed = |parameter: &&Parameter| !matches!(parameter.place, Place::Query(_));
        self.parameters.iter().filter(needed).map(|parameter| parameter.name)
    }

    /// The JSON type of the answer's body, where it has one.
    pub(super) fn body(&self) -> Value {
        if self.body.is_empty() { json!({}) } else { json!({ "type": self.body }) }
    }

    /// A path that stands for all that it calls.
    pub(super) fn sample(&self) -> String {
        let filled = self.path.split('/').map(|segment| if segment.starts_with('{') { "x" } else { segment });
        filled.collect::<Vec<_>>().join("/")
    }

    /// Path and query of the call behind `/proxy/{provider}`, and the account.
    ///
    /// # Errors
    /// What is wrong with the arguments.
    pub(super) fn target(&self, arguments: &Map<String, Value>) -> Result<(String, Option<String>), String> {
        let known = |name: &str| name == "account" || self.parameters.iter().any(|one| one.name == name);
        if let Some(name) = arguments.keys().find(|name| !known(name)) {
            return Err(format!("'{name}' is no parameter of this tool"));
        }
        if let Some(name) = self.required().find(|name| arguments.get(*name).is_none_or(Value::is_null)) {
            return Err(format!("'{name}' is required"));
        }
        let mut path = self.path.to_owned();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.fixed);
        for parameter in self.parameters {
            let Some(value) = arguments.get(parameter.name).filter(|value| !value.is_null()) else {
                continue;
            };
            let text = parameter.read(value)?;
            match parameter.place {
                Place::Query(member) | Place::Needed(member) => {
                    query.append_pair(member, &text);
                }
                Place::Segment => path = path.replace(&format!("{{{}}}", parameter.name), &encode(&text)),
                Place::Segments => {
                    let encoded: Vec<_> = text.split('/').map(encode).collect();
                    path = path.replace(&format!("{{{}}}", parameter.name), &encoded.join("/"));
                }
            }
        }
        let account = match arguments.get("account") {
            None | Some(Value::Null) => None,
            Some(Value::String(account)) => Some(account.clone()),
            Some(_) => return Err("'account' is a text".to_owned()),
        };
        let host = self.host.map(|host| format!("/~{host}")).unwrap_or_default();
        let query = query.finish();
        let separator = if query.is_empty() { "" } else { "?" };
        Ok((format!("{host}{path}{separator}{query}"), account))
    }
}

impl Parameter {
    fn read(&self, value: &Value) -> Result<String, String> {
        let name = self.name;
        let text = match (self.form, value) {
            (Form::Text, Value::String(text)) => text.clone(),
            (Form::Number, Value::Number(number)) if number.is_u64() => number.to_string(),
            (Form::OneOf(words), Value::String(text)) if words.contains(&text.as_str()) => text.clone(),
            (Form::Text, _) => return Err(format!("'{name}' is a text")),
            (Form::Number, _) => return Err(format!("'{name}' is an integer from 0")),
            (Form::OneOf(words), _) => return Err(format!("'{name}' is one of {}", words.join(", "))),
        };
        if matches!(self.place, Place::Segment) && text.is_empty() {
            return Err(format!("'{name}' is empty"));
        }
        Ok(text)
    }
}

fn encode(segment: &str) -> String {
    utf8_percent_encode(segment, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::table::TOOLS;
    use super::*;

    fn target(name: &str, arguments: Value) -> Result<(String, Option<String>), String> {
        let Value::Object(arguments) = arguments else { panic!("an object") };
        TOOLS.iter().find(|tool| tool.name == name).unwrap().target(&arguments)
    }

    #[test]
    fn arguments_become_path_and_query() {
        let path = |name, arguments| target(name, arguments).unwrap().0;
        assert_eq!(path("github_repositories", json!({})), "/user/repos");
        assert_eq!(
            path("github_issues", json!({ "owner": "a/b", "repo": "..", "state": "all", "page": 2 })),
            "/repos/a%2Fb/../issues?state=all&page=2"
        );
        assert_eq!(
            path("github_contents", json!({ "owner": "a", "repo": "b", "path": "src/m n.rs", "ref": "x&y" })),
            "/repos/a/b/contents/src/m%20n.rs?ref=x%26y"
        );
        assert_eq!(
            path("gmail_message", json!({ "id": "1?x#y" })),
            "/~gmail.googleapis.com/gmail/v1/users/me/messages/1%3Fx%23y"
        );
        let (_, account) = target("drive_files", json!({ "account": "google-oauth2|1" })).unwrap();
        assert_eq!(account.as_deref(), Some("google-oauth2|1"));
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (name, arguments, want) in [
            ("github_repositories", json!({ "sorted": "x" }), "'sorted'"),
            ("github_repositories", json!({ "sort": "x" }), "created"),
            ("github_repositories", json!({ "page": 1.5 }), "'page'"),
            ("github_repositories", json!({ "page": -1 }), "'page'"),
            ("github_repositories", json!({ "page": "1" }), "'page'"),
            ("github_repositories", json!({ "account": 1 }), "'account'"),
            ("github_issues", json!({ "owner": "a" }), "'repo'"),
            ("github_issues", json!({ "owner": "", "repo": "b" }), "'owner'"),
            ("github_issues", json!({ "owner": null, "repo": "b" }), "'owner'"),
            ("github_search_issues", json!({}), "'q'"),
        ] {
            let error = target(name, arguments).unwrap_err();
            assert!(error.contains(want), "{name}: {error}");
        }
    }

    #[test]
    fn rows_fit_together() {
        for tool in &TOOLS {
            assert!(tool.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", tool.name);
            for segment in tool.path.split('/').filter_map(|segment| segment.strip_prefix('{')) {
                let name = segment.trim_end_matches('}');
                let found = tool.parameters.iter().find(|parameter| parameter.name == name);
                assert!(
                    found.is_some_and(|one| !matches!(one.place, Place::Query(_))),
                    "{}: {name}",
                    tool.name
                );
            }
        }
    }
}
