//! Keys of accounts that look alike, in millions of pairs.

use std::collections::HashSet;

use token_broker::{Account, AccountSelector, GrantKey, Source};

/// Parts that collide after joining, trimming, folding, splitting or decoding.
const PARTS: [&str; 18] = [
    "github",
    "GitHub",
    "github ",
    " github",
    "github|1",
    "github%7C1",
    "1",
    "01",
    "1.0",
    "",
    "|",
    "||",
    "a\",\"b",
    "null",
    "\u{212A}",
    "K",
    "e\u{301}",
    "\u{e9}",
];

#[test]
fn tm_c01_no_two_accounts_share_a_key() {
    let mut keys = Vec::new();
    for tenant in ["acme.eu.auth0.com", "acme.eu.auth0.co"] {
        for user in PARTS {
            for source in [Source::Identities, Source::Vault] {
                for connection in PARTS {
                    keys.push(GrantKey::new(tenant, user, source, &Account::new(connection, None)));
                    for id in PARTS {
                        let account = Account::new(connection, Some(id.to_owned()));
                        keys.push(GrantKey::new(tenant, user, source, &account));
                    }
                }
            }
        }
    }
    let pairs = keys.len() * (keys.len() - 1) / 2;
    assert!(pairs > 1_000_000, "{pairs} pairs");
    // All texts differ: no pair among them is mixed up.
    let texts: HashSet<String> = keys.iter().map(GrantKey::encode).collect();
    assert_eq!(texts.len(), keys.len());
    assert!(keys.iter().all(|key| GrantKey::decode(&key.encode()).as_ref() == Some(key)));
}

#[test]
fn tm_c01_accounts_survive_the_way_through_a_header() {
    for connection in PARTS.iter().filter(|part| !part.is_empty()) {
        for id in PARTS.iter().filter(|part| !part.is_empty()) {
            let account = Account::new(*connection, Some((*id).to_owned()));
            let text = account.to_string();
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
            let read: AccountSelector = text.parse().unwrap();
            assert_eq!(
                (read.connection.as_str(), read.user_id.as_deref()),
                (*connection, Some(*id)),
                "{text}"
            );
        }
    }
}
