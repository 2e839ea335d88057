//! The properties over the saved corpus, and over what proptest thinks of.

use std::path::Path;

use proptest::prelude::*;

use super::*;

#[test]
fn the_saved_corpus_holds() {
    for (name, property) in ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
        let mut files: Vec<_> = std::fs::read_dir(&folder)
            .unwrap_or_else(|_| panic!("{} is missing", folder.display()))
            .collect();
        assert!(files.len() >= 3, "{name} has a corpus of {}", files.len());
        files.sort_by_key(|file| file.as_ref().unwrap().file_name());
        for file in files {
            property(&std::fs::read(file.unwrap().path()).unwrap());
        }
    }
}

/// Bytes that look like what a property reads: words of its language, in any order, and noise between.
fn language(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        8 => prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec()),
        2 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    (any::<u8>(), prop::collection::vec(word, 0..24)).prop_map(|(first, words)| {
        let mut data = vec![first];
        data.extend(words.concat());
        data
    })
}

const TOKENS: &[&str] = &[
    "eyJhbGciOiJSUzI1NiJ9",
    "eyJhbGciOiJub25lIn0",
    ".",
    ".",
    "e30",
    "=",
    "+",
    "/",
    "Bearer ",
    "DPoP ",
    "token ",
    ", ",
    "{\"alg\":\"RS256\",\"alg\":\"none\"}",
    "{\"sub\":\"a\",\"aud\":\"https://api.acme.com\",\"exp\":1,\"iat\":1e400}",
    "\u{0}",
    " ",
    "[[[[[[[[",
];
const PLANS: &[&str] = &[
    "/",
    "//",
    "..",
    ".",
    "%2e",
    "%252e",
    "%2f",
    "%5c",
    "\\",
    ";",
    "%00",
    "%zz",
    "#",
    "?",
    "\n",
    "api.github.com",
    "people.googleapis.com",
    "storage.googleapis.com",
    "@",
    ":443",
    "user",
    "applications",
    "oauth",
    "debug_token",
    "batch",
    "$batch",
    "v1.0",
    "é",
    "access_token=1",
    "&",
];
const HEADERS: &[&str] = &[
    "connection:",
    "Connection: ",
    "authorization",
    "x-kept",
    ",",
    ":",
    "\n",
    "close",
    "keep-alive",
    "set-cookie:a=b\n",
    "cookie:a=b\n",
    "transfer-encoding:chunked\n",
    "x-forwarded-for:1\n",
    "vary:*\n",
    "cache-control:public\n",
    "accept-encoding:gzip\n",
    "te:trailers\n",
    "host:evil\n",
    "x-request-id:1\n",
    "idp-account:x\n",
];
const LEAKS: &[&str] = &[
    "gho_",
    "/+a~",
    "Token-1234",
    "%67%68%6f%5f",
    "%2F%2b",
    "\\/",
    "\\u002f",
    "\\u0067",
    "Z2hvXy8rYX5Ub2tlbi0xMjM0",
    "dob18vK2F+VG9rZW4tMTIzNA",
    "aG9f",
    "%",
    "\\",
    "x",
    "\u{1}",
    "\u{1}",
    "\u{2}",
    "ab",
    "a\\b\\\"",
    "%2525",
    "\\u0025",
    "\\\\u0041",
    "\\\\\\/",
    "\\\\/",
    "&",
    "&#",
    "&#103;",
    "&#x68;",
    "&lowbar;",
    "&sol;",
    "&plus;",
    "&hyphen;",
];
const BODIES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\n",
    "\"error\"",
    "\"message\"",
    "\"code\"",
    "190",
    "null",
    "1e999",
    "-1",
    "\"user_id\":\"auth0|asked\"",
    "\"user_id\":\"auth0|other\"",
    "\"identities\":[{\"provider\":\"github\"}]",
    "\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]",
    "\"expires_in\":\"60\"",
    "\"access_token\":\"a b\"",
    "<html>",
    "invalid_grant",
    "Retry",
    "\u{feff}",
];
const WIRE: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST /x HTTP/1.1\r\n",
    "HEAD / HTTP/1.0\r\n",
    "Host: a\r\n",
    "host:b\r\n",
    "\r\n",
    "\n",
    "\r",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "hello",
    " ",
    "X_Y: z\r\n",
    "Upgrade: h2c\r\n",
    "Expect: 100-continue\r\n",
    "GET http://a/x HTTP/1.1\r\n",
    "\t",
    ":",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tokens(data in language(TOKENS)) { token(&data); }

    #[test]
    fn plans(data in language(PLANS)) { plan(&data); }

    #[test]
    fn headers(data in language(HEADERS)) { header_hygiene(&data); }

    #[test]
    fn leaks(data in language(LEAKS)) {
        // What stands for a token is no UTF-8.
        let data: Vec<u8> = data.into_iter().map(|byte| match byte { 1 => 0xFF, 2 => 0xFE, byte => byte }).collect();
        leak(&data);
    }

    #[test]
    fn provider_bodies(data in language(BODIES)) { provider_body(&data); }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tenant_bodies(data in language(BODIES)) { tenant_body(&data); }

    #[test]
    fn wires(data in language(WIRE)) { http1(&data); }
}
