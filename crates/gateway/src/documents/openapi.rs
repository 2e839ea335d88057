//! The OpenAPI 3.1 description of the gateway's own surface, made from the same table as the answers.

use serde_json::{Value, json};

use crate::outcome::Code;

/// The description, for a gateway that clients reach at `server`.
pub(crate) fn document(server: &str) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "idp-gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Call a provider's API with your own Auth0 access token.",
            "description": "A call under /proxy/{provider} is answered by that provider's API, acting for the user the \
                access token speaks for. Provider answers pass as they are; the gateway's own refusals are problems (RFC 9457).",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" }
        },
        "servers": [{ "url": server }],
        "security": [{ "accessToken": [] }],
        "tags": [
            { "name": "proxy", "description": "The providers' APIs" },
            { "name": "me", "description": "The caller's own view" },
            { "name": "about", "description": "About this gateway" }
        ],
        "paths": paths(),
        "components": components()
    })
}

fn paths() -> Value {
    json!({
        "/proxy/{provider}/{path}": proxy(),
        "/v1/me": { "get": {
            "operationId": "listAccounts", "tags": ["me"],
            "summary": "Who the caller is and which accounts are usable",
            "responses": answers(&["401", "403", "429", "503"], ok("The accounts; never a token", "Me"))
        } },
        "/v1/check": { "post": {
            "operationId": "check", "tags": ["me"],
            "summary": "Whether a call would be allowed, and why. The call is not made, and does not count for `quotas`; it has a limit of its own",
            "requestBody": { "required": true, "content": { "application/json": {
                "schema": reference("schemas", "Question"),
                "example": { "provider": "github", "method": "GET", "path": "/user" }
            } } },
            "responses": answers(&["400", "401"], ok("The decision", "Verdict"))
        } },
        "/v1/me/{provider}": { "delete": {
            "operationId": "disconnect", "tags": ["me"],
            "summary": "Revoke the grant at the provider if possible, and delete it here",
            "parameters": [reference("parameters", "Provider"), reference("parameters", "IdpAccount")],
            "responses": answers(&["401", "403", "404", "409", "503"], ok("What was done", "Disconnected"))
        } },
        "/v1/me/{provider}/connect": { "post": connect() },
        "/v1/me/{provider}/profile": { "get": {
            "operationId": "getProfile", "tags": ["me"],
            "summary": "The user's profile at the provider, in OpenID Connect claims",
            "parameters": [reference("parameters", "Provider"), reference("parameters", "IdpAccount")],
            "responses": answers(&["401", "403", "404", "409", "429", "502", "503", "504"], ok("The profile", "Profile"))
        } },
        "/v1/explain/{request-id}": { "get": {
            "operationId": "explain", "tags": ["me"],
            "summary": "Why a call of this caller ended as it did",
            "parameters": [{
                "name": "request-id", "in": "path", "required": true,
                "description": "The X-Request-Id of the call", "schema": { "type": "string", "pattern": "^[0-9a-f]{32}$" }
            }],
            "responses": answers(&["401", "404"], ok("Account, source, rule, attempts, outcome", "Explanation"))
        } },
        "/hooks/backchannel-logout": { "post": logout() },
        "/.well-known/oauth-protected-resource": { "get": {
            "operationId": "resourceMetadata", "tags": ["about"], "security": [],
            "summary": "Protected-resource metadata (RFC 9728); the path of a resource may follow: /v1, /proxy/{provider}",
            "responses": { "200": {
                "description": "The metadata",
                "content": { "application/json": { "schema": { "type": "object", "required": ["resource"] } } }
            } }
        } }
    })
}

fn connect() -> Value {
    json!({
        "operationId": "connect", "tags": ["me"],
        "summary": "A link that connects an account, connects it again, or adds scopes (with [connect])",
        "parameters": [reference("parameters", "Provider"), reference("parameters", "IdpAccount")],
        "requestBody": { "content": { "application/json": {
            "schema": reference("schemas", "ConnectRequest"), "example": { "scopes": [] }
        } } },
        "responses": responses(
            &["400", "401", "403", "404", "409", "429", "503"],
            json!({ "201": ok("The link. Nothing happens before the user opens it", "ConnectLink") })
        )
    })
}

fn proxy() -> Value {
    let mut item = json!({
        "parameters": [
            reference("parameters", "Provider"),
            { "name": "path", "in": "path", "required": true, "schema": { "type": "string" },
              "description": "The complete path at the provider's host; start with ~host/ for another host of the provider" },
            reference("parameters", "IdpAccount"),
            reference("parameters", "IdpErrors")
        ]
    });
    for method in ["get", "put", "post", "delete", "patch"] {
        item[method] = json!({
            "operationId": format!("{method}Proxied"), "tags": ["proxy"],
            "summary": "Call the provider's API",
            "responses": {
                "default": {
                    "description": "The provider's answer, or a problem of the gateway; Idp-Outcome has the outcome of the call",
                    "headers": { "Idp-Outcome": reference("headers", "IdpOutcome"), "X-Request-Id": reference("headers", "RequestId") },
                    "content": {
                        "application/json": { "schema": {} },
                        "application/problem+json": { "schema": reference("schemas", "Problem") },
                        "*/*": { "schema": {} }
                    }
                }
            }
        });
    }
    item
}

fn logout() -> Value {
    json!({
        "operationId": "backchannelLogout", "tags": ["about"], "security": [],
        "summary": "OpenID Connect Back-Channel Logout: delete what is cached for the user",
        "requestBody": { "required": true, "content": { "application/x-www-form-urlencoded": { "schema": {
            "type": "object", "required": ["logout_token"], "properties": { "logout_token": { "type": "string" } }
        } } } },
        "responses": {
            "200": { "description": "Done" },
            "400": reference("responses", "Problem"),
            "404": reference("responses", "Problem")
        }
    })
}

fn components() -> Value {
    json!({
        "securitySchemes": { "accessToken": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "The app's own Auth0 access token for this API"
        } },
        "parameters": {
            "Provider": { "name": "provider", "in": "path", "required": true,
                "description": "A provider of the gateway's configuration", "schema": { "type": "string" }, "example": "github" },
            "IdpAccount": { "name": "Idp-Account", "in": "header",
                "description": "The account, if the user has several: connection, or connection|user id at the provider",
                "schema": { "type": "string" }, "example": "github|583231" },
            "IdpErrors": { "name": "Idp-Errors", "in": "header",
                "description": "problem: every error of the provider becomes a problem",
                "schema": { "type": "string", "enum": ["passthrough", "problem"], "default": "passthrough" } }
        },
        "headers": {
            "IdpOutcome": { "description": "The outcome of the call", "schema": reference("schemas", "Code") },
            "RequestId": { "description": "The id of this request", "schema": { "type": "string" } }
        },
        "responses": { "Problem": {
            "description": "The gateway's own refusal",
            "content": { "application/problem+json": { "schema": reference("schemas", "Problem") } }
        } },
        "schemas": schemas()
    })
}

fn schemas() -> Value {
    let words: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let text = json!({ "type": "string" });
    let maybe = json!({ "type": ["string", "null"] });
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let account = json!({ "type": "object", "properties": {
        "account": text, "connection": text, "user_id": text, "provider": text } });
    json!({
        "Code": { "type": "string", "enum": words },
        "Problem": { "type": "object",
            "required": ["type", "title", "status", "detail", "code", "request_id", "remedy", "message", "error"],
            "properties": {
                "type": text, "title": text, "status": { "type": "integer" }, "detail": text,
                "code": reference("schemas", "Code"), "request_id": text, "remedy": text, "message": text,
                "documentation_url": { "type": "string", "format": "uri" },
                "error": { "type": "object", "properties": { "code": text, "message": text } },
                "accounts": { "type": "array", "items": account },
                "missing_scopes": texts, "required_scopes": texts, "connection_scope": text,
                "connect": reference("schemas", "Connect"), "retry_after": { "type": "integer" },
                "provider_status": { "type": "integer" }, "provider_detail": text,
                "claims": text } },
        "Connect": connect_parameters(),
        "ConnectRequest": connect_request(),
        "ConnectLink": { "type": "object", "required": ["connect_url", "expires_at"], "properties": {
            "connect_url": { "type": "string", "format": "uri" },
            "expires_at": { "type": "string", "format": "date-time" } } },
        "Me": { "type": "object", "required": ["user_id", "accounts"], "properties": {
            "user_id": text,
            "accounts": { "type": "array", "items": { "type": "object", "properties": {
                "account": text, "provider": text, "connection": text, "user_id": maybe, "source": text,
                "state": { "type": "string", "enum": ["usable", "expired", "reconnect", "unknown"] },
                "expires_at": { "type": ["string", "null"], "format": "date-time" },
                "refreshable": { "type": "boolean" },
                "scopes": { "type": ["array", "null"], "items": { "type": "string" } } } } } } },
        "Question": question(),
        "Verdict": verdict(),
        "Profile": { "type": "object", "required": ["provider", "account", "sub"], "properties": {
            "provider": text, "account": text, "sub": text, "name": text, "given_name": text, "family_name": text,
            "preferred_username": text, "profile": text, "picture": text, "email": text,
            "email_verified": { "type": "boolean" }, "locale": text } },
        "Disconnected": { "type": "object", "required": ["revoked_at_provider", "forgotten"], "properties": {
            "revoked_at_provider": { "type": "string", "enum": ["yes", "no", "unsupported"] },
            "forgotten": { "type": "boolean" }, "detail": text } },
        "Explanation": { "type": "object", "properties": {
            "request_id": text, "time": { "type": "string", "format": "date-time" }, "provider": maybe, "account": maybe,
            "source": maybe, "cache": maybe, "rule": maybe,
            "attempts": { "type": "array", "items": { "type": "object", "properties": {
                "status": { "type": ["integer", "null"] }, "outcome": text, "millis": { "type": "integer" } } } },
            "actors": { "type": "array", "items": { "type": "string" }, "description": "Who acted for the user (`act`)" },
            "client": text, "host": { "type": "string", "description": "The provider host that was called" },
            "graphql": { "type": "string", "description": "Operations and root fields of a GraphQL call that a rule looked at" },
            "scopes": { "type": "array", "items": { "type": "string" }, "description": "Scopes of the grant, where known" },
            "outcome": reference("schemas", "Code") } }
    })
}

/// The member `connect` of a problem.
fn connect_parameters() -> Value {
    let text = json!({ "type": "string" });
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let page = json!({ "type": "string", "format": "uri", "description": "A page of the gateway that connects the account" });
    json!({ "description": "How the user connects the account: with a login at the tenant, or with the My Account API",
        "oneOf": [
            { "type": "object", "required": ["authorization_endpoint", "connection"], "properties": {
                "authorization_endpoint": text, "connection": text, "connection_scope": text, "access_type": text,
                "prompt": text, "url": page } },
            { "type": "object", "required": ["my_account_endpoint", "connection", "scopes"], "properties": {
                "my_account_endpoint": text, "connection": text, "scopes": texts, "url": page } }
        ] })
}

/// The body of `POST /v1/me/{provider}/connect`.
fn connect_request() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": {
        "scopes": { "type": "array", "items": { "type": "string" }, "description": "Scopes that are added to those of the account" },
        "account": { "type": "string", "description": "As Idp-Account" },
        "return_to": { "type": "string", "format": "uri", "description": "Where the browser goes afterwards" } } })
}

/// The body of `POST /v1/check`.
fn question() -> Value {
    let text = json!({ "type": "string" });
    json!({ "type": "object", "required": ["provider", "method", "path"], "additionalProperties": false, "properties": {
            "provider": text, "method": text,
            "path": { "type": "string", "description": "The path after /proxy/{provider}, with its query" },
            "account": { "type": "string", "description": "As Idp-Account" },
            "body": { "description": "What would be sent as application/json, for GraphQL" } } })
}

/// Its answer.
fn verdict() -> Value {
    let text = json!({ "type": "string" });
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    json!({ "type": "object", "required": ["allowed", "rule", "outcome", "required_scopes"], "properties": {
            "allowed": { "type": "boolean", "description": "Whether the call would be sent to the provider" },
            "rule": { "type": ["string", "null"] }, "outcome": reference("schemas", "Code"), "required_scopes": texts,
            "missing_scopes": texts,
            "account": text, "state": { "type": "string", "enum": ["usable", "expired", "reconnect", "unknown"] } } })
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

fn ok(description: &str, schema: &str) -> Value {
    json!({ "description": description,
        "headers": { "X-Request-Id": reference("headers", "RequestId") },
        "content": { "application/json": { "schema": reference("schemas", schema) } } })
}

fn answers(problems: &[&str], ok: Value) -> Value {
    responses(problems, json!({ "200": ok }))
}

fn responses(problems: &[&str], mut responses: Value) -> Value {
    for status in problems {
        responses[*status] = reference("responses", "Problem");
    }
    responses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document("https://gw.example");
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 10);
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }

    #[test]
    fn path_parameters_are_declared() {
        let document = document("https://gw.example");
        for (path, item) in document["paths"].as_object().unwrap() {
            let text = item.to_string();
            for name in path.split('{').skip(1).filter_map(|part| part.split('}').next()) {
                let by_name = format!("\"name\":\"{name}\"");
                assert!(
                    text.contains(&by_name) || (name == "provider" && text.contains("parameters/Provider")),
                    "{path}"
                );
            }
        }
    }
}
