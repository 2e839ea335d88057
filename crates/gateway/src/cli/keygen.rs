//! `gateway store keygen`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    exit::Exit,
    output::{Ended, Failure, Output},
};

pub(super) fn run(id: Option<String>, output: &Output) -> Ended {
    let mut chance = [0_u8; 36];
    getrandom::fill(&mut chance)
        .map_err(|error| Failure::new(format!("the system gives no random bytes: {error}"), "try again"))?;
    let (name, key) = chance.split_at(4);
    let id = id.unwrap_or_else(|| name.iter().fold("k".to_owned(), |id, byte| format!("{id}{byte:02x}")));
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err(Failure::usage("an id is made of letters, digits, `-`, `_` and `.`", "leave --id out"));
    }
    output.line(&format!("{id}:{}", STANDARD.encode(key)));
    Ok(Exit::Fine)
}
