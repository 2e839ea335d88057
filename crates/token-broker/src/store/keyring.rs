//! The ring of keys that seals records and makes fingerprints.
//!
//! Each line of the key file is the input of HKDF (RFC 5869), and each use has a key of its own that is derived from it.
//! Older versions sealed with the bytes of the line themselves and made fingerprints with a key derived from them by HMAC:
//! what they wrote is still read, and written the new way at the next write.

use std::{collections::BTreeSet, fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::hex;
use crate::{
    Fingerprint,
    crypto::{
        aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
        hkdf, hmac,
    },
};

/// Keys with ids: the first one seals, all of them open. `Debug` shows the ids alone. Clones share the keys.
///
/// ```
/// use token_broker::{KeyRing, secrecy::ExposeSecret};
///
/// let (new, old) = (KeyRing::generate_line()?, KeyRing::generate_line()?);
/// let sealed = KeyRing::parse(&old)?.seal(b"place", b"secret")?;
/// // The new key seals from now on; the old one still opens.
/// let both = format!("{}\n{}", new.expose_secret(), old.expose_secret());
/// assert_eq!(*KeyRing::parse(&both.into())?.open(b"place", &sealed)?, b"secret");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct KeyRing {
    keys: Arc<[Key]>,
    random: Random,
}

/// Fills a buffer with random bytes; false when the system gives none.
type Random = fn(&mut [u8]) -> bool;

fn system(buffer: &mut [u8]) -> bool {
    getrandom::fill(buffer).is_ok()
}

struct Key {
    id: String,
    root: hkdf::Prk,
    seal: LessSafeKey,
    fingerprint: hmac::Key,
    /// The keys of format 1.
    old: OldKeys,
}

struct OldKeys {
    seal: LessSafeKey,
    fingerprint: hmac::Key,
}

/// Why a key ring could not be read. Names the line, never its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; one key a line, written id:base64 of 32 bytes, the first one seals (`KeyRing::generate_line` makes one)"
)]
pub struct InvalidKeyRing(String);

/// Why a sealed record could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsealable {
    /// The system gives no randomness: nothing was sealed, and nothing is wrong with any record.
    #[error("the system gives no randomness")]
    NoRandomness,
    /// Not something that was sealed here: torn or overwritten.
    #[error("the record is torn")]
    Torn,
    /// Sealed with a key that is not on the ring.
    #[error("the record was sealed with key `{0}`, which is not among the store's encryption keys")]
    UnknownKey(String),
    /// The key does not open it: another key under the same id, damage, or a record moved to another place.
    #[error("key `{0}` does not open the record: another key under this id, or a damaged record")]
    Forged(String),
}

/// Sealed with the bytes of the key's line.
const OLD_FORMAT: u8 = 1;
/// Sealed with a key that is derived from them.
const FORMAT: u8 = 2;
/// What stands before the hash in a fingerprint of the derived key.
const FINGERPRINT: &str = "2:";
const MAX_ID: usize = 64;

impl KeyRing {
    /// Reads one key a line, `ID:BASE64`: an id of letters, digits and `-_.`, and 32 bytes, as
    /// [`generate_line`](Self::generate_line) makes them. The first key seals, all of them open. Empty lines and lines that
    /// start with `#` do not count.
    ///
    /// # Errors
    /// There is no key, a line cannot be read, or an id occurs twice.
    pub fn parse(text: &SecretString) -> Result<Self, InvalidKeyRing> {
        let mut keys = Vec::new();
        let mut ids = BTreeSet::new();
        for (number, line) in (1..).zip(text.expose_secret().lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: &str| InvalidKeyRing(format!("line {number} {what}"));
            let (id, key) = line.split_once(':').ok_or_else(|| wrong("has no colon"))?;
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(plain) {
                return Err(wrong("has no id of letters, digits, - _ ."));
            }
            let bytes =
                Zeroizing::new(BASE64_STANDARD.decode(key.trim()).map_err(|_| wrong("is not base64"))?);
            if !ids.insert(id.to_owned()) {
                return Err(wrong("repeats an id"));
            }
            keys.push(Key::new(id, &bytes).ok_or_else(|| wrong("does not hold 32 bytes"))?);
        }
        if keys.is_empty() {
            Err(InvalidKeyRing("there is no key".into()))
        } else {
            Ok(Self { keys: keys.into(), random: system })
        }
    }

    /// A new line for the key file.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn generate_line() -> Result<SecretString, InvalidKeyRing> {
        let mut bytes = Zeroizing::new([0; 35]);
        getrandom::fill(&mut *bytes).map_err(|_| no_randomness())?;
        let (key, id) = bytes.split_at(32);
        Ok(format!("k{}:{}", hex(id), BASE64_STANDARD.encode(key)).into())
    }

    /// A ring with one random key that is not stored anywhere.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn ephemeral() -> Result<Self, InvalidKeyRing> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes).map_err(|_| no_randomness())?;
        Ok(Self { keys: Key::new("process", &*bytes).into_iter().collect(), random: system })
    }

    /// The ids, the sealing one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.id.as_str())
    }

    /// A key of its own for another purpose, the same wherever the same key comes first.
    ///
    /// # Errors
    /// The ring holds no key.
    pub fn derive(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>, InvalidKeyRing> {
        let mut derived = Zeroizing::new([0; 32]);
        let key = self.keys.first().ok_or_else(no_key)?;
        let info = [b"token-broker purpose 2".as_slice(), purpose.as_bytes()];
        key.root
            .expand(&info, hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut *derived))
            .map_err(|_| no_key())?;
        Ok(derived)
    }

    /// Seals `plain` for `place`: only there it can be opened again.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let key = self.keys.first().ok_or(Unsealable::Torn)?;
        let mut nonce = [0; NONCE_LEN];
        if !(self.random)(&mut nonce) {
            return Err(Unsealable::NoRandomness);
        }
        let mut sealed = Vec::with_capacity(2 + key.id.len() + NONCE_LEN + plain.len() + 16);
        let id_len = u8::try_from(key.id.len()).map_err(|_| Unsealable::Torn)?;
        sealed.extend([FORMAT, id_len]);
        sealed.extend(key.id.as_bytes());
        sealed.extend(nonce);
        let mut text = Zeroizing::new(plain.to_vec());
        let tag = key
            .seal
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut text)
            .map_err(|_| Unsealable::Torn)?;
        sealed.extend_from_slice(&text);
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// Torn, sealed with another key, or sealed for another place.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let [format @ (OLD_FORMAT | FORMAT), id_len, rest @ ..] = sealed else {
            return Err(Unsealable::Torn);
        };
        let (id, rest) = rest.split_at_checked(usize::from(*id_len)).ok_or(Unsealable::Torn)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(Unsealable::Torn)?;
        let id = std::str::from_utf8(id).map_err(|_| Unsealable::Torn)?;
        let key =
            self.keys.iter().find(|key| key.id == id).ok_or_else(|| Unsealable::UnknownKey(printable(id)))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable::Torn)?;
        let mut buffer = Zeroizing::new(text.to_vec());
        let sealing = if *format == OLD_FORMAT { &key.old.seal } else { &key.seal };
        let len = sealing
            .open_in_place(nonce, Aad::from(place), &mut buffer)
            .map_err(|_| Unsealable::Forged(printable(id)))?
            .len();
        buffer.truncate(len);
        Ok(buffer)
    }

    /// Whether an older version sealed this.
    #[cfg(any(test, feature = "file", feature = "redis"))]
    pub(crate) fn is_old(sealed: &[u8]) -> bool {
        sealed.first() == Some(&OLD_FORMAT)
    }

    /// Seals as older versions did.
    #[cfg(all(test, feature = "file"))]
    pub(crate) fn seal_old(&self, place: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let key = self.keys.first()?;
        let mut nonce = [0; NONCE_LEN];
        assert!(system(&mut nonce));
        let mut text = plain.to_vec();
        let sealing = Nonce::assume_unique_for_key(nonce);
        key.old.seal.seal_in_place_append_tag(sealing, Aad::from(place), &mut text).ok()?;
        let id_len = u8::try_from(key.id.len()).ok()?;
        Some([&[OLD_FORMAT, id_len], key.id.as_bytes(), &nonce, &text].concat())
    }

    /// The fingerprint of `parts`, made with the sealing key.
    pub(crate) fn fingerprint(&self, parts: &[Option<&str>]) -> Fingerprint {
        self.keys.first().map_or_else(|| Fingerprint(String::new()), |key| key.fingerprint(parts))
    }

    /// Whether `known` is the fingerprint of `parts`, whichever key it was made with.
    pub(crate) fn recognises(&self, known: &Fingerprint, parts: &[Option<&str>]) -> bool {
        let Some(key) = self.keys.iter().find(|key| key.id == known.key_id()) else { return false };
        let hash = known.0.get(key.id.len() + 1..).unwrap_or_default();
        match hash.strip_prefix(FINGERPRINT) {
            Some(hash) => hash == digest(&key.fingerprint, parts),
            None => hash == digest(&key.old.fingerprint, parts),
        }
    }
}

impl Key {
    fn new(id: &str, bytes: &[u8]) -> Option<Self> {
        let old = OldKeys::new(bytes)?;
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"token-broker key ring").extract(bytes);
        let seal = LessSafeKey::new(root.expand(&[b"token-broker seal 2"], &AES_256_GCM).ok()?.into());
        let fingerprint = root.expand(&[b"token-broker fingerprint 2"], hmac::HMAC_SHA256).ok()?.into();
        Some(Self { id: id.to_owned(), root, seal, fingerprint, old })
    }

    fn fingerprint(&self, parts: &[Option<&str>]) -> Fingerprint {
        Fingerprint(format!("{}:{FINGERPRINT}{}", self.id, digest(&self.fingerprint, parts)))
    }
}

impl OldKeys {
    fn new(bytes: &[u8]) -> Option<Self> {
        let seal = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).ok()?);
        let master = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let derived = hmac::sign(&master, b"token-broker fingerprint 1");
        Some(Self { seal, fingerprint: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()) })
    }
}

/// The keyed hash of `parts`. Lengths first: no two lists of parts are the same bytes.
fn digest(key: &hmac::Key, parts: &[Option<&str>]) -> String {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        match part {
            Some(text) => {
                context.update(&[1]);
                context.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
                context.update(text.as_bytes());
            }
            None => context.update(&[0]),
        }
    }
    hex(context.sign().as_ref())
}

fn no_key() -> InvalidKeyRing {
    InvalidKeyRing("the ring holds no key".into())
}

fn no_randomness() -> InvalidKeyRing {
    InvalidKeyRing("the system gives no randomness".into())
}

/// A key id found in a damaged record may be anything.
fn printable(id: &str) -> String {
    id.chars().filter(char::is_ascii_graphic).take(MAX_ID).collect()
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing").field(&self.ids().collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
mod tests;
