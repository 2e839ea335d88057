//! Providers leave members out, set them to null, and add new ones.

use serde_json::{Value, json};

use crate::{
    cases::all,
    server::{Server, reply},
};

/// Members without which there is no item: ids and names that calls are made of, and the lists themselves.
const NEEDED: &[&str] = &[
    "id",
    "login",
    "number",
    "title",
    "name",
    "full_name",
    "type",
    "path",
    "slug",
    "permission",
    "status",
    "sub",
    "resourceName",
    "values",
    "data",
    "value",
    "workspace",
];

/// JSON pointers of all members at any depth.
fn members(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect(),
        _ => return,
    };
    for (name, child) in children {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        members(child, &pointer, found);
        found.push(pointer);
    }
}

/// The body with one member set to null, left out, or with a new one beside it.
fn changed(body: &Value, pointer: &str, how: usize) -> Value {
    let mut body = body.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match (how, body.pointer_mut(parent)) {
        (0, Some(Value::Object(members))) => {
            members.insert(name.replace("~1", "/"), Value::Null);
        }
        (1, Some(Value::Object(members))) => {
            members.remove(&name.replace("~1", "/"));
        }
        (2, Some(Value::Object(members))) => {
            members.insert("brandNewMember".to_owned(), json!({ "deep": [null, 1.5, "x"] }));
        }
        _ => {}
    }
    body
}

#[tokio::test]
async fn only_what_makes_an_item_is_needed() {
    for case in all() {
        let good: Value = serde_json::from_str(&case.good).unwrap();
        let mut pointers = Vec::new();
        members(&good, "", &mut pointers);
        let bodies: Vec<(String, usize, Value)> = pointers
            .iter()
            .flat_map(|pointer| [0, 1, 2].map(|how| (pointer.clone(), how, changed(&good, pointer, how))))
            .collect();
        let served: Vec<String> = bodies.iter().map(|(_, _, body)| body.to_string()).collect();
        let turn = std::sync::atomic::AtomicUsize::new(0);
        let server = Server::start(move |_| {
            let turn = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            reply(200, served[turn].clone())
        })
        .await;
        for (pointer, how, body) in bodies {
            let name = pointer.rsplit('/').next().unwrap();
            let got = (case.call)(server.url.clone()).await;
            let beside = ["/owner/", "/user/", "/labels/"].iter().any(|part| pointer.contains(part));
            if how == 2 || beside || !NEEDED.contains(&name) {
                got.unwrap_or_else(|error| {
                    panic!("{} {} {pointer} {how}: {error}: {body}", case.kind, case.name)
                });
            }
        }
    }
}
