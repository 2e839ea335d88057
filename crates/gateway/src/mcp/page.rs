//! A part of a provider's answer: as much as one result may hold, and where the next part begins.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use caller_auth::Caller;
use http::Method;
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use token_broker::KeyRing;

use super::call::ToolCall;
use super::seal;
use crate::body::Body;
use crate::call_error::CallError;

/// Where parts of one answer begin at the latest: each is read anew from the beginning.
const FURTHEST: usize = 16 * 1024 * 1024;

/// How long a part of an answer may take to arrive. A result is sent as a whole, so a stream that does not end would hold the
/// client for ever.
const LONGEST: Duration = Duration::from_secs(60);

/// A part takes at most so many times its limit where JSON escapes its characters.
const ESCAPED: usize = 2;

const PURPOSE: &str = "mcp cursor";

/// Which part of which answer comes next.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cursor {
    provider: String,
    target: String,
    account: Option<String>,
    /// Where the part begins.
    pub(super) from: usize,
    /// The digest of all before, so that parts of two versions are not put together.
    pub(super) before: String,
}

impl Cursor {
    /// The part after what was read, sealed for the caller. Only a GET is made again.
    pub(super) fn seal(
        keys: &KeyRing,
        caller: &Caller,
        (call, from, before): (&ToolCall, usize, String),
    ) -> Option<String> {
        if call.method != Method::GET || from > FURTHEST {
            return None;
        }
        let (provider, target, account) = (call.provider.clone(), call.target.clone(), call.account.clone());
        seal::seal(keys, (PURPOSE, caller), &Self { provider, target, account, from, before })
    }

    /// Opens one that this caller was given.
    pub(super) fn open(keys: &KeyRing, caller: &Caller, sealed: &str) -> Option<Self> {
        seal::open(keys, (PURPOSE, caller), sealed)
    }

    /// The call to make again.
    pub(super) fn call(&self) -> ToolCall {
        ToolCall::get(&self.provider, self.target.clone(), self.account.clone())
    }
}

/// A part of a body.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) bytes: Vec<u8>,
    /// Whether something follows.
    pub(super) more: bool,
    /// The digest of what stands before this part.
    pub(super) before: String,
    /// The digest of all up to the end of this part.
    pub(super) until: String,
}

/// Reads at most `most` bytes from `from` on. A character that does not fit whole is left to the next part.
///
/// # Errors
/// The answer ended early, or took longer than a minute.
pub(super) async fn read(body: Body, from: usize, most: usize) -> Result<Part, CallError> {
    let reading = read_part(body, from, most);
    tokio::time::timeout(LONGEST, reading).await.unwrap_or(Err(CallError::AnswerTooSlow(LONGEST)))
}

async fn read_part(mut body: Body, from: usize, most: usize) -> Result<Part, CallError> {
    let (mut passed, mut skipped) = (Context::new(&SHA256), 0);
    let (mut bytes, mut written) = (Vec::new(), 0);
    let mut more = false;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| CallError::AnswerEndedEarly)?.into_data() else { continue };
        let (skip, rest) = data.split_at(data.len().min(from - skipped));
        passed.update(skip);
        skipped += skip.len();
        let room = rest.len().min(most - bytes.len());
        let taken = rest.iter().take(room).take_while(|byte| {
            written += written_as(**byte);
            written <= ESCAPED * most
        });
        let taken = taken.count();
        bytes.extend_from_slice(rest.get(..taken).unwrap_or_default());
        if taken < rest.len() {
            more = true;
            break;
        }
    }
    if more
        && let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
    }
    let before = encoded(passed.clone());
    passed.update(&bytes);
    Ok(Part { more: more && !bytes.is_empty(), before, until: encoded(passed), bytes })
}

/// How many bytes this one takes at most in a JSON string.
fn written_as(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

fn encoded(context: Context) -> String {
    URL_SAFE_NO_PAD.encode(context.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;

    /// Parts of any size, put together, are the whole, and each begins where the one before ended.
    #[tokio::test]
    async fn parts_join_to_the_whole() {
        let whole = "aé漢🦀-".repeat(20);
        for most in 4..40 {
            let (mut joined, mut before) = (String::new(), None);
            loop {
                let part = read(body::full(whole.clone()), joined.len(), most).await.unwrap();
                assert!(before.is_none_or(|before| before == part.before));
                assert!(part.bytes.len() <= most);
                joined.push_str(std::str::from_utf8(&part.bytes).unwrap());
                before = Some(part.until);
                if !part.more {
                    break;
                }
            }
            assert_eq!(joined, whole, "{most}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_without_end_is_given_up() {
        let frames = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, body::BoxError>(http_body::Frame::data("data: 1\n\n".into())), ()))
        });
        let endless = http_body_util::StreamBody::new(frames).boxed_unsync();
        let read = read(endless, 0, 64 * 1024).await;
        assert_eq!(read.err(), Some(CallError::AnswerTooSlow(LONGEST)));
    }

    #[tokio::test]
    async fn another_version_has_another_digest() {
        let part = |text: &'static str| read(body::full(text), 4, 4);
        let (one, other) = (part("abcdefgh").await.unwrap(), part("abcXefgh").await.unwrap());
        assert_eq!(one.bytes, other.bytes);
        assert_ne!(one.before, other.before);
        assert!(!part("ab").await.unwrap().more);
    }
}
