//! Rewrites a few string members of a JSON body while it streams by.
//!
//! A scanner follows the structure just far enough to know the path of names from the top. Members that were asked
//! for are collected (up to 16 KiB) and replaced, or dropped whatever their length; everything else passes in the chunks it
//! came in. What is not JSON passes unharmed.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::Frame;
use http_body_util::BodyExt;
use idp_adapters::LinkMember;

use super::links::Links;
use crate::body::{Body, BoxError};

/// Longest member that is collected.
const MAX_VALUE: usize = 16 * 1024;
/// Longest name that is compared.
const MAX_NAME: usize = 128;
/// Deepest nesting that is followed; below it nothing is rewritten, and where members are dropped nothing passes.
const MAX_DEPTH: usize = 512;

/// What is to be rewritten.
#[derive(Debug)]
pub(super) struct JsonRules {
    /// Members whose URL is rewritten.
    pub(super) links: Vec<LinkMember>,
    /// Members at any depth whose strings become `null`.
    pub(super) dropped: Vec<&'static str>,
    /// The body has no type: it counts as JSON if it begins like an object or an array.
    pub(super) untyped: bool,
}

/// The document is nested deeper than is followed, so that members cannot be dropped from it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the provider's JSON is nested too deep to be searched")]
pub(super) struct TooDeep;

impl JsonRules {
    /// Whether there is anything to do.
    pub(super) fn is_empty(&self) -> bool {
        self.links.is_empty() && self.dropped.is_empty()
    }

    fn know(&self, name: &str) -> bool {
        self.dropped.contains(&name) || self.links.iter().any(|link| link.holds(name))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the first byte that says whether the body is JSON.
    Start,
    /// In what is no JSON.
    Other,
    /// Between tokens.
    Between,
    /// In a member's name.
    Name { escaped: bool },
    /// In a string that passes.
    Text { escaped: bool },
    /// In a string that is collected.
    Collected { escaped: bool },
    /// In a string that `null` replaces.
    Dropped { escaped: bool },
}

/// One open object or array.
#[derive(Debug)]
struct Level {
    object: bool,
    name: Option<String>,
}

/// The streaming scanner.
#[derive(Debug)]
pub(super) struct Rewriter {
    rules: JsonRules,
    links: Links,
    place: Place,
    levels: Vec<Level>,
    /// Levels beyond [`MAX_DEPTH`].
    buried: usize,
    /// Members to drop may have stood where nothing is followed.
    lost: bool,
    /// The level whose current member is dropped, with all that it holds.
    dropping: Option<usize>,
    expects_name: bool,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Rewriter {
    pub(super) fn new(rules: JsonRules, links: Links) -> Self {
        Self {
            place: if rules.untyped { Place::Start } else { Place::Between },
            rules,
            links,
            levels: Vec::new(),
            buried: 0,
            lost: false,
            dropping: None,
            expects_name: false,
            name: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Takes the next chunk and gives back what may be passed on.
    pub(super) fn push(&mut self, chunk: Bytes) -> Bytes {
        let mut out: Option<BytesMut> = None;
        let held = matches!(self.place, Place::Collected { .. } | Place::Dropped { .. });
        let mut from = if held { None } else { Some(0) };
        for (at, &byte) in chunk.iter().enumerate() {
            if self.place == Place::Start {
                self.place = beginning(byte);
            }
            match self.place {
                Place::Start | Place::Other => {}
                Place::Between => {
                    if self.step(byte) {
                        // A string begins that does not pass as it is. What came before it passes.
                        flush(&mut out, &chunk, from.take(), at);
                    }
                }
                Place::Name { escaped } => self.in_name(byte, escaped),
                Place::Text { escaped } => self.place = next_text(byte, escaped),
                Place::Collected { escaped } => {
                    self.value.push(byte);
                    let done = byte == b'"' && !escaped;
                    if done || self.value.len() > MAX_VALUE {
                        let out = out.get_or_insert_with(BytesMut::new);
                        if done {
                            out.extend_from_slice(&self.replaced());
                        } else {
                            out.extend_from_slice(&self.value);
                        }
                        self.value.clear();
                        self.place = next_text(byte, escaped);
                        from = Some(at + 1);
                    } else {
                        self.place = Place::Collected { escaped: byte == b'\\' && !escaped };
                    }
                }
                Place::Dropped { escaped } => {
                    if byte == b'"' && !escaped {
                        out.get_or_insert_with(BytesMut::new).extend_from_slice(b"null");
                        self.place = Place::Between;
                        from = Some(at + 1);
                    } else {
                        self.place = Place::Dropped { escaped: byte == b'\\' && !escaped };
                    }
                }
            }
        }
        match out {
            None if from == Some(0) => chunk,
            None => Bytes::new(),
            Some(mut done) => {
                if let Some(from) = from {
                    done.extend_from_slice(chunk.get(from..).unwrap_or_default());
                }
                done.freeze()
            }
        }
    }

    /// What was held back when the body ended in the middle of a member.
    pub(super) fn finish(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.value))
    }

    /// One byte between tokens. True when a string begins that does not pass as it is.
    fn step(&mut self, byte: u8) -> bool {
        match byte {
            b'{' | b'[' => {
                if self.levels.len() < MAX_DEPTH {
                    self.levels.push(Level { object: byte == b'{', name: None });
                } else {
                    self.buried += 1;
                    self.lost = !self.rules.dropped.is_empty();
                }
                self.expects_name = byte == b'{';
            }
            b'}' | b']' => {
                if self.buried > 0 {
                    self.buried -= 1;
                } else {
                    self.levels.pop();
                    self.dropping = self.dropping.filter(|level| *level < self.levels.len());
                }
                self.expects_name = false;
            }
            b',' => {
                self.expects_name = self.buried == 0 && self.levels.last().is_some_and(|level| level.object)
            }
            b':' => self.expects_name = false,
            b'"' if self.expects_name => {
                self.name.clear();
                self.place = Place::Name { escaped: false };
            }
            b'"' => {
                let Some(drop) = self.wanted() else {
                    self.place = Place::Text { escaped: false };
                    return false;
                };
                if drop {
                    self.place = Place::Dropped { escaped: false };
                } else {
                    self.value.push(byte);
                    self.place = Place::Collected { escaped: false };
                }
                return true;
            }
            _ => {}
        }
        false
    }

    fn in_name(&mut self, byte: u8, escaped: bool) {
        if byte == b'"' && !escaped {
            self.place = Place::Between;
            let name = self.known_name();
            let level = self.levels.len().saturating_sub(1);
            if self.dropping.is_none_or(|dropping| dropping >= level) {
                let drops = name.as_deref().is_some_and(|name| self.rules.dropped.contains(&name));
                self.dropping = drops.then_some(level);
            }
            if let Some(level) = self.levels.last_mut() {
                level.name = name;
            }
            return;
        }
        if self.name.len() <= MAX_NAME {
            self.name.push(byte);
        }
        self.place = Place::Name { escaped: byte == b'\\' && !escaped };
    }

    /// The name just read, if a rule knows it.
    fn known_name(&self) -> Option<String> {
        if self.name.len() > MAX_NAME {
            return None;
        }
        // Almost no name holds an escape, and almost none is known: those cost no allocation.
        if !self.name.contains(&b'\\') {
            let name = std::str::from_utf8(&self.name).ok()?;
            return self.rules.know(name).then(|| name.to_owned());
        }
        let quoted = [b"\"", &self.name[..], b"\""].concat();
        serde_json::from_slice(&quoted).ok().filter(|name: &String| self.rules.know(name))
    }

    /// Whether the string that begins here is to be dropped (`true`) or collected (`false`).
    fn wanted(&self) -> Option<bool> {
        if self.dropping.is_some() {
            return Some(true);
        }
        let level = self.levels.last().filter(|level| level.object && self.buried == 0)?;
        level.name.as_deref()?;
        let place = || self.levels.iter().rev().map(|level| level.name.as_deref().filter(|_| level.object));
        self.rules.links.iter().any(|link| link.matches(place())).then_some(false)
    }

    /// What stands in the place of the collected string.
    fn replaced(&self) -> Vec<u8> {
        let link: Option<String> = serde_json::from_slice(&self.value).ok();
        let new = link.and_then(|link| self.links.rewrite(&link));
        new.and_then(|new| serde_json::to_vec(&new).ok()).unwrap_or_else(|| self.value.clone())
    }
}

/// Where a body leads that begins with `byte`; a byte order mark and blanks decide nothing.
fn beginning(byte: u8) -> Place {
    match byte {
        b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf => Place::Start,
        b'{' | b'[' => Place::Between,
        _ => Place::Other,
    }
}

fn next_text(byte: u8, escaped: bool) -> Place {
    if byte == b'"' && !escaped { Place::Between } else { Place::Text { escaped: byte == b'\\' && !escaped } }
}

fn flush(out: &mut Option<BytesMut>, chunk: &Bytes, from: Option<usize>, to: usize) {
    let out = out.get_or_insert_with(BytesMut::new);
    if let Some(from) = from {
        out.extend_from_slice(chunk.get(from..to).unwrap_or_default());
    }
}

/// A body whose members are rewritten.
pub(super) struct RewrittenBody {
    inner: Body,
    rewriter: Rewriter,
    ended: bool,
}

impl RewrittenBody {
    pub(super) fn body(inner: Body, rewriter: Rewriter) -> Body {
        Self { inner, rewriter, ended: false }.boxed_unsync()
    }
}

impl http_body::Body for RewrittenBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while !self.ended {
            let out = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let out = self.rewriter.push(data);
                        if self.rewriter.lost {
                            self.ended = true;
                            return Poll::Ready(Some(Err(TooDeep.into())));
                        }
                        out
                    }
                    Err(_) => continue,
                },
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.ended = true;
                    self.rewriter.finish()
                }
            };
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out))));
            }
        }
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests;
