//! `gateway store keygen`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{exit::Exit, output::Output};

pub(super) fn run(id: Option<String>, output: &Output) -> Exit {
    let mut chance = [0_u8; 36];
    if let Err(error) = getrandom::fill(&mut chance) {
        return output.failure(&format!("the system gives no random bytes: {error}"), "try again");
    }
    let (name, key) = chance.split_at(4);
    let id = id.unwrap_or_else(|| name.iter().fold("k".to_owned(), |id, byte| format!("{id}{byte:02x}")));
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        output.message("error: an id is made of letters, digits, `-`, `_` and `.`\n  remedy: leave --id out");
        return Exit::Usage;
    }
    output.line(&format!("{id}:{}", STANDARD.encode(key)));
    Exit::Fine
}
