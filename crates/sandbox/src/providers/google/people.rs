//! People v1: the caller and their contacts.

use serde_json::{Value, json};

use super::consent::consented;
use super::paging::Paging;
use crate::http::Answer;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::providers::session::Session;
use crate::refusals::google::{invalid, not_found};

const CONNECTIONS: Paging = Paging { items: "connections", size: "pageSize", default: 100, max: 1000 };
const PEOPLE: usize = 23;

fn person(id: &str, given: &str, family: &str, email: &str, fields: &[&str]) -> Value {
    let mut body = json!({ "resourceName": format!("people/{id}"), "etag": format!("%Eg{id}") });
    let metadata = json!({ "primary": true, "source": { "type": "CONTACT", "id": id } });
    for field in fields {
        let member = match *field {
            "names" => {
                json!([{ "metadata": metadata, "displayName": format!("{given} {family}"), "givenName": given, "familyName": family }])
            }
            "emailAddresses" => json!([{ "metadata": metadata, "value": email }]),
            "phoneNumbers" => json!([{ "metadata": metadata, "value": "+44 20 7946 0000" }]),
            _ => continue,
        };
        merge(&mut body, json!({ *field: member }));
    }
    body
}

pub(super) fn answer(entry: &Entry, session: &Session, rest: &[&str]) -> Result<Answer, Answer> {
    let fields = entry.param("personFields").unwrap_or_default();
    let fields: Vec<&str> = fields.split(',').map(str::trim).filter(|field| !field.is_empty()).collect();
    if fields.is_empty() {
        let text = "personFields mask is required. Please specify one or more valid paths.";
        return Err(invalid(text));
    }
    let account = &session.account;
    match (entry.method().as_str(), rest) {
        ("GET" | "HEAD", ["me"]) => {
            if !session.has("profile") {
                consented(session, &["userinfo.profile", "contacts", "contacts.readonly"])?;
            }
            let (given, family) = account.name.split_once(' ').unwrap_or((&account.name, ""));
            Ok(Answer::json(200, &person(&account.id, given, family, &account.email, &fields)))
        }
        ("GET" | "HEAD", ["me", "connections"]) => {
            consented(session, &["contacts", "contacts.readonly"])?;
            let given = ["Ada", "Bo", "Cyn", "Dev", "Eve"];
            let all: Vec<Value> = (1..=PEOPLE)
                .map(|number| {
                    let name = given.get(number % given.len()).copied().unwrap_or_default();
                    let email = format!("contact{number}@example.test");
                    person(&format!("c{number:04}"), name, &format!("Friend{number}"), &email, &fields)
                })
                .collect();
            let mut body = CONNECTIONS.page(entry, &all)?;
            merge(&mut body, json!({ "totalPeople": PEOPLE, "totalItems": PEOPLE }));
            Ok(Answer::json(200, &body))
        }
        _ => Err(not_found("the requested entity")),
    }
}
