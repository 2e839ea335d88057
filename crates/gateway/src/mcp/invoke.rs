//! `tools/call`.

use std::sync::Arc;

use caller_auth::Caller;
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::asked::{McpRequest, Refused, server_info};
use super::call::ToolCall;
use super::message::RpcError;
use super::page::Cursor;
use super::result::{Start, ToolResult};
use super::tools::{self, Tool};
use super::transport::{Members, text};
use super::{challenge, elicit, known};
use crate::outcome::Code;
use crate::problem::Problem;
use crate::state::{RequestRecord, VerifiedCaller, with_connect_page};
use crate::v1;

/// A result as it is sent.
type Sent = Box<RawValue>;

/// A problem, and what it concerns where the user can do something about it.
struct Failed {
    problem: Problem,
    concerns: Option<(String, Option<String>)>,
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self { problem, concerns: None }
    }
}

/// What a tool does, arguments read.
enum Action {
    Accounts,
    Find(String, Option<String>),
    /// The call, and from where on its answer is wanted.
    Call(ToolCall, Start),
}

impl McpRequest<'_> {
    /// Runs a tool.
    pub(super) async fn call(
        &self,
        params: &Members<'_>,
        verified: VerifiedCaller,
        record: &mut RequestRecord,
    ) -> Result<Sent, Refused> {
        let name = params.get("name").and_then(|raw| text(raw));
        let name = name.ok_or_else(|| RpcError::params("'name' is a text"))?;
        let tool = Tool::named(&name, (self.calls, self.mcp))
            .ok_or_else(|| RpcError::params(format!("Unknown tool: {name}")))?;
        record.tool = Some(tool.name());
        let arguments = params.get("arguments").map_or("{}", |raw| raw.get());
        let caller = Arc::clone(verified.caller());
        let action = self.action(tool, arguments, &caller).map_err(RpcError::params)?;
        let mut failed = match self.run(action, verified, record).await {
            Ok(result) => return Ok(self.complete(result, record)?),
            Err(failed) => failed,
        };
        failed.problem = with_connect_page(self.connect, self.calls, failed.problem, record);
        if challenge::is_callers(&failed.problem) {
            return Err(failed.problem.into());
        }
        record.outcome = Some(failed.problem.code());
        let state = params.get("requestState").and_then(|raw| text(raw));
        if let Some(mut asked) = self.ask(&failed, state.as_deref(), &caller) {
            asked["_meta"] = self.meta(record);
            return Ok(raw(&asked)?);
        }
        let result = ToolResult::problem(&failed.problem, self.context.id.as_str())?;
        Ok(self.complete(result, record)?)
    }

    /// Reads a tool's arguments.
    fn action(&self, tool: Tool, arguments: &str, caller: &Caller) -> Result<Action, String> {
        let members: Map<String, Value> =
            serde_json::from_str(arguments).map_err(|_| "'arguments' is an object".to_owned())?;
        let only = |known: &[&str]| match members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(format!("'{name}' is no parameter of this tool")),
            None => Ok(()),
        };
        let word = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(word)) => Ok(Some(word.clone())),
            Some(_) => Err(format!("'{name}' is a text")),
        };
        let needed = |name: &str| word(name)?.ok_or_else(|| format!("'{name}' is required"));
        match tool {
            Tool::Accounts => only(&[]).map(|()| Action::Accounts),
            Tool::Find => {
                only(&["query", "provider"])?;
                Ok(Action::Find(needed("query")?, word("provider")?))
            }
            Tool::Call => Ok(Action::Call(ToolCall::read(arguments, self.mcp)?, Start::default())),
            Tool::Typed(typed) => {
                let (target, account) = typed.target(&members)?;
                let provider = tools::provider_of(typed, (self.calls, self.mcp));
                let provider = provider.ok_or_else(|| format!("Unknown tool: {}", typed.name))?;
                Ok(Action::Call(ToolCall::get(&provider.name, target, account), Start::default()))
            }
            Tool::Next => {
                only(&["cursor"])?;
                let offered =
                    |call: &ToolCall| self.mcp.providers.iter().any(|name| **name == *call.provider);
                let cursor = Cursor::open(self.mcp.keys(), caller, &needed("cursor")?);
                let cursor = cursor.filter(|cursor| offered(&cursor.call()));
                let cursor = cursor.ok_or("the cursor is too old, or never was this caller's")?;
                Ok(Action::Call(cursor.call(), Start { from: cursor.from, before: Some(cursor.before) }))
            }
        }
    }

    async fn run(
        &self,
        action: Action,
        verified: VerifiedCaller,
        record: &mut RequestRecord,
    ) -> Result<ToolResult, Failed> {
        match action {
            Action::Accounts => Ok(self.accounts(verified, record).await?),
            Action::Find(words, provider) => {
                // It plans every known call, so it counts for the quotas like one.
                let admitted = self.calls.access.admit(verified, None, None, record).await?;
                let caller = Arc::clone(admitted.caller());
                let providers = tools::offered((self.calls, self.mcp)).map(|provider| &**provider);
                let wanted =
                    providers.filter(|one| provider.as_deref().is_none_or(|name| *one.name == *name));
                let calls = known::find(wanted, &caller, &words);
                Ok(ToolResult::own(&json!({ "calls": calls }))?)
            }
            Action::Call(call, start) => {
                let made = self.make((&call, &start), verified, record).await;
                made.map_err(|problem| Failed { problem, concerns: Some((call.provider, call.account)) })
            }
        }
    }

    /// What `GET /v1/me` says.
    async fn accounts(
        &self,
        verified: VerifiedCaller,
        record: &mut RequestRecord,
    ) -> Result<ToolResult, Problem> {
        record.event = "me";
        let answer = v1::accounts(self.calls, verified, record).await?;
        let bytes = answer.into_body().collect().await.map_err(|_| Code::InternalError)?.to_bytes();
        ToolResult::own(&serde_json::from_slice(&bytes).map_err(|_| Code::InternalError)?)
    }

    /// Makes a call, and reads the part of its answer that is wanted.
    async fn make(
        &self,
        (call, start): (&ToolCall, &Start),
        verified: VerifiedCaller,
        record: &mut RequestRecord,
    ) -> Result<ToolResult, Problem> {
        let caller = Arc::clone(verified.caller());
        let headers = &self.parts.headers;
        let answer = call.send(self.calls, self.context, (verified, headers), record).await?;
        // Before it is cut: half a token is no token that is found.
        let answer = record.secrets.clone().scrub(answer, &self.calls.metrics, record.provider.as_ref());
        ToolResult::answer(answer, (call, start), (self.mcp, &caller)).await
    }

    /// The result that asks the user to connect the account, where that helps.
    fn ask(&self, failed: &Failed, state: Option<&str>, caller: &Caller) -> Option<Value> {
        let helps = matches!(
            failed.problem.code(),
            Code::AccountNotConnected | Code::ReconnectRequired | Code::ProviderScopeMissing
        );
        let (provider, account) = failed.concerns.as_ref().filter(|_| helps && self.client.opens_urls)?;
        let problem: Value = serde_json::from_slice(&failed.problem.json(self.context.id.as_str())).ok()?;
        elicit::input_required(&problem, (provider, account.as_deref()), state, (self.mcp, caller))
    }

    fn complete(&self, mut result: ToolResult, record: &RequestRecord) -> Result<Sent, Problem> {
        if self.client.modern {
            result.result_type = Some("complete");
        }
        result.meta = self.meta(record);
        raw(&result)
    }

    /// What a client should know about a result: whose words it holds, and which call it was.
    fn meta(&self, record: &RequestRecord) -> Value {
        let mut meta = json!({ "idp-gateway/request": self.context.id.as_str() });
        if self.client.modern {
            meta["io.modelcontextprotocol/serverInfo"] = server_info();
        }
        if let Some(provider) = record.provider.as_ref().filter(|_| !record.attempts.is_empty()) {
            meta["idp-gateway/content"] = json!({ "untrusted": true, "source": provider.name() });
        }
        meta
    }
}

fn raw(value: &impl Serialize) -> Result<Sent, Problem> {
    serde_json::value::to_raw_value(value).map_err(|_| Code::InternalError.into())
}
