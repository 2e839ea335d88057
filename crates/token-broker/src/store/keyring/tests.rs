use super::*;

fn ring(lines: &[&str]) -> KeyRing {
    KeyRing::parse(&lines.join("\n").into()).unwrap()
}

fn line(id: &str, byte: u8) -> String {
    format!("{id}:{}", BASE64_STANDARD.encode([byte; 32]))
}

#[test]
fn keys_rotate_and_places_bind() {
    let (old, new) = (line("old", 1), line("new", 2));
    let sealed = ring(&[&old]).seal(b"here", b"secret").unwrap();
    assert!(!sealed.windows(6).any(|window| window == b"secret"));
    let both = ring(&["# ring", &new, "", &old]);
    assert_eq!(*both.open(b"here", &sealed).unwrap(), b"secret");
    assert_eq!(both.open(b"there", &sealed), Err(Unsealable::Forged("old".into())));
    assert_eq!(ring(&[&new]).open(b"here", &sealed), Err(Unsealable::UnknownKey("old".into())));
    assert_eq!(ring(&[&line("old", 3)]).open(b"here", &sealed), Err(Unsealable::Forged("old".into())));
    for cut in 0..sealed.len() {
        assert!(both.open(b"here", &sealed[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn fingerprints_know_their_key_and_their_parts() {
    let (old, new) = (line("old", 1), line("new", 2));
    let known = ring(&[&old]).fingerprint(&[Some("ab"), Some("c")]);
    let both = ring(&[&new, &old]);
    assert!(both.recognises(&known, &[Some("ab"), Some("c")]));
    for other in [[Some("a"), Some("bc")], [Some("ab"), None], [None, Some("abc")]] {
        assert!(!both.recognises(&known, &other));
    }
    assert!(!ring(&[&new]).recognises(&known, &[Some("ab"), Some("c")]));
}

/// Written by version 0.1.0 with the key `old` of 32 bytes of 1, for the place `here`.
const OLD_SEALED: &str = "01036f6c64000102030405060708090a0bc8c3f654458a3014aa3dd5dff99008d067883305cd13";
const OLD_FINGERPRINT: &str = "old:8f4710c728249249374f7b9475511eac8344f19ed8d0b630d009132a6ef675ce";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn what_older_versions_wrote_is_read() {
    let ring = ring(&[&line("new", 2), &line("old", 1)]);
    assert_eq!(*ring.open(b"here", &bytes(OLD_SEALED)).unwrap(), b"secret");
    assert!(KeyRing::is_old(&bytes(OLD_SEALED)));
    assert!(!KeyRing::is_old(&ring.seal(b"here", b"secret").unwrap()));
    let known = Fingerprint(OLD_FINGERPRINT.into());
    assert!(ring.recognises(&known, &[Some("ab"), None]));
    assert!(!ring.recognises(&known, &[Some("ab"), Some("c")]));
}

/// Computed with Python's `hashlib` and `cryptography`, for the key `k` of 32 bytes of 1. A fleet may run both backends at the
/// same time, so neither may write anything else.
#[test]
fn every_backend_writes_and_reads_the_same_bytes() {
    const SEALED: &str = "02016b000102030405060708090a0bba0db7dd626a114ad1abad710559107f3854b7fe3ae2";
    const FINGERPRINT: &str = "k:2:fd0d76cb64baab9f92a5db182311ea5fa12ec61e3ae5dc3b9f25bef9cb6144b8";
    const DERIVED: &str = "8f00dd96c29202a8a2916b030cfa616c28190e705d4835863eeb3354bae23563";
    let mut ring = ring(&[&line("k", 1)]);
    ring.random = |nonce| {
        nonce.iter_mut().zip(0..).for_each(|(byte, count)| *byte = count);
        true
    };
    assert_eq!(hex(&ring.seal(b"here", b"secret").unwrap()), SEALED);
    assert_eq!(*ring.open(b"here", &bytes(SEALED)).unwrap(), b"secret");
    assert_eq!(ring.fingerprint(&[Some("ab"), None]).0, FINGERPRINT);
    assert_eq!(hex(&*ring.derive("a").unwrap()), DERIVED);
}

#[test]
fn each_use_has_a_key_of_its_own() {
    let bytes = [1; 32];
    let ring = ring(&[&line("k", 1)]);
    let plain = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).unwrap());
    let sealed = ring.seal(b"here", b"secret").unwrap();
    let (nonce, text) = sealed[3..].split_at(NONCE_LEN);
    let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
    assert!(plain.open_in_place(nonce, Aad::from(b"here"), &mut text.to_vec()).is_err());
    let direct = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
    let print = ring.fingerprint(&[Some("ab")]);
    assert!(!print.0.ends_with(&digest(&direct, &[Some("ab")])));
    assert_ne!(ring.derive("a").unwrap(), ring.derive("b").unwrap());
}

#[test]
fn a_system_without_randomness_is_no_torn_record() {
    let mut ring = ring(&[&line("k", 1)]);
    ring.random = |_| false;
    let error = ring.seal(b"here", b"secret").unwrap_err();
    assert_eq!(error, Unsealable::NoRandomness);
    assert!(!crate::StoreError::sealing(&error, "restore it").is_damaged());
}

#[test]
fn wrong_rings_are_refused_without_showing_keys() {
    for text in ["", "# nothing", "nocolon", "id:short", "id:AAAA", ":AAAA", "a b:AAAA"] {
        let error = KeyRing::parse(&text.to_owned().into()).unwrap_err().to_string();
        assert!(!error.contains("AAAA"), "{error}");
    }
    let twice = format!("{}\n{}", line("a", 1), line("a", 2));
    assert!(KeyRing::parse(&twice.into()).is_err());
    let generated = KeyRing::generate_line().unwrap();
    assert_eq!(KeyRing::parse(&generated).unwrap().ids().count(), 1);
}
