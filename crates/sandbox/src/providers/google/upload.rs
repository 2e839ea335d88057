//! Uploads to Drive: at once, by `Location` and `Content-Range`, and by the `X-Goog-Upload-*` headers.

use serde_json::{Value, json};

use super::consent::consented;
use super::drive::{USUAL, WRITE, create, masked};
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::ProviderKind;
use crate::providers::session::Session;
use crate::refusals::google::{invalid, not_found};
use crate::text;

/// Begins an upload session and returns its id.
fn start(inner: &Inner, entry: &Entry) -> String {
    let id = format!("AB{}", text::random(text::URL64, 60));
    let metadata = entry.json().unwrap_or_else(|| json!({ "name": "Untitled" }));
    inner.state().created.entry(uploads(&id)).or_default().push(metadata);
    id
}

fn uploads(id: &str) -> (ProviderKind, String) {
    (ProviderKind::Google, format!("upload/{id}"))
}

fn metadata(inner: &Inner, id: &str) -> Result<Value, Answer> {
    let known = inner.state().created.get(&uploads(id)).and_then(|known| known.first().cloned());
    known.ok_or_else(|| not_found("the upload session"))
}

/// The protocol of `X-Goog-Upload-Command`: `start`, `upload`, `query`, `upload, finalize`. The session's
/// address comes in `X-Goog-Upload-URL`.
fn by_command(
    inner: &Inner,
    entry: &Entry,
    session: &Session,
    command: &str,
    length: usize,
) -> Result<Answer, Answer> {
    let commands: Vec<&str> = command.split(',').map(str::trim).collect();
    if commands.contains(&"start") {
        let id = start(inner, entry);
        let url = format!("{}{}?upload_id={id}&upload_protocol=resumable", entry.origin(), entry.path());
        return Ok(Answer::new(200)
            .header("x-goog-upload-url", &url)
            .header("x-goog-upload-control-url", &url)
            .header("x-goog-upload-chunk-granularity", "262144")
            .header("x-goog-upload-status", "active"));
    }
    let id = entry.param("upload_id").unwrap_or_default();
    let metadata = metadata(inner, &id)?;
    if commands.contains(&"finalize") {
        inner.state().created.remove(&uploads(&id));
        let created = create(inner, session, &metadata, length);
        return Ok(masked(entry, USUAL, &created)?.header("x-goog-upload-status", "final"));
    }
    if commands.contains(&"upload") || commands.contains(&"query") {
        return Ok(Answer::new(200)
            .header("x-goog-upload-status", "active")
            .header("x-goog-upload-size-received", length.to_string()));
    }
    Err(invalid("Unknown X-Goog-Upload-Command"))
}

/// Uploads: the bytes at once (`media`), or resumable: a `Location` that is good for the following `PUT`s.
pub(super) fn answer(inner: &Inner, entry: &Entry, session: &Session) -> Result<Answer, Answer> {
    consented(session, &WRITE)?;
    let length = usize::try_from(entry.body_length().unwrap_or(0)).unwrap_or(usize::MAX);
    if let Some(command) = entry.header("x-goog-upload-command") {
        return by_command(inner, entry, session, command, length);
    }
    let kind = entry.param("uploadType").unwrap_or_default();
    match (entry.method().as_str(), kind.as_str()) {
        ("POST", "resumable") => {
            let id = start(inner, entry);
            let path = entry.path();
            let location = format!("{}{path}?uploadType=resumable&upload_id={id}", entry.origin());
            Ok(Answer::new(200).header("location", location).header("x-guploader-uploadid", id))
        }
        ("PUT", "resumable") => resume(inner, entry, session, length),
        ("POST", "multipart") => {
            let (metadata, size) =
                parts(entry, length).ok_or_else(|| invalid("Malformed multipart body."))?;
            masked(entry, USUAL, &create(inner, session, &metadata, size))
        }
        ("POST", _) => {
            let created = create(inner, session, &json!({}), length);
            masked(entry, USUAL, &created)
        }
        _ => Err(not_found("the requested entity")),
    }
}

/// Of a `multipart/related` body the metadata, which is the first part, and the length of the second. `length` is that of
/// the body, of which no more than the beginning may be known.
fn parts(entry: &Entry, length: usize) -> Option<(Value, usize)> {
    let kind = entry.header("content-type")?.strip_prefix("multipart/related;")?;
    let boundary = kind.split(';').find_map(|parameter| parameter.trim().strip_prefix("boundary="))?;
    let boundary = format!("--{}", boundary.trim_matches('"')).into_bytes();
    let (_, rest) = cut(entry.body(), &boundary)?;
    let (first, rest) = cut(rest, &boundary)?;
    let metadata = content(first)?;
    let rest = content(rest)?;
    let size = cut(rest, &boundary).map_or(length, |(content, _)| without_line_end(content).len());
    Some((serde_json::from_slice(metadata).ok()?, size))
}

/// What stands behind the header fields of a part. Google's own client for Python ends lines with LF alone, and is understood.
fn content(part: &[u8]) -> Option<&[u8]> {
    let line_ends: [&[u8]; 2] = [b"\r\n\r\n", b"\n\n"];
    line_ends
        .iter()
        .filter_map(|end| cut(part, end))
        .min_by_key(|(fields, _)| fields.len())
        .map(|(_, rest)| rest)
}

fn without_line_end(content: &[u8]) -> &[u8] {
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    content.strip_suffix(b"\r").unwrap_or(content)
}

/// What stands before and behind the first `at`.
fn cut<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = bytes.windows(at.len()).position(|window| window == at)?;
    let (before, rest) = bytes.split_at(place);
    Some((before, rest.get(at.len()..)?))
}

/// `Content-Range: bytes 0-99/200` goes on with 308 and no `Location`; the last part makes the file.
fn resume(inner: &Inner, entry: &Entry, session: &Session, length: usize) -> Result<Answer, Answer> {
    let id = entry.param("upload_id").unwrap_or_default();
    let metadata = metadata(inner, &id)?;
    let part = entry.header("content-range").and_then(|range| {
        let (span, total) = range.strip_prefix("bytes ")?.split_once('/')?;
        let last: usize = span.split_once('-')?.1.parse().ok()?;
        Some((last, total.parse::<usize>().ok()?))
    });
    match part {
        Some((last, total)) if last + 1 < total => {
            Ok(Answer::new(308).header("range", format!("bytes=0-{last}")))
        }
        part => {
            inner.state().created.remove(&uploads(&id));
            let size = part.map_or(length, |(_, total)| total);
            let created = create(inner, session, &metadata, size);
            masked(entry, USUAL, &created)
        }
    }
}
