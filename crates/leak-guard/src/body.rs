//! The guard around a streaming body.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{MemberStripper, Scrubber};

pin_project! {
    /// A body without tokens and without trailers; made by [`LeakGuard::body`](super::LeakGuard::body).
    ///
    /// It passes every byte on as soon as it cannot be part of a token any more, and never holds more than
    /// [`Scrubber::longest_hold`]. An error of the inner body passes, and what was held back then is dropped.
    #[derive(Debug)]
    pub struct GuardedBody<B, F> {
        #[pin]
        inner: B,
        scrubber: Scrubber,
        stripper: Option<MemberStripper>,
        // Arrived and not searched yet: each poll searches one piece.
        waiting: Bytes,
        on_scrub: F,
        ended: bool,
    }
}

/// How much is searched before other tasks of the thread have their turn.
const PIECE: usize = 512 * 1024;

impl<B, F> GuardedBody<B, F> {
    pub(super) fn new(inner: B, scrubber: Scrubber, stripper: Option<MemberStripper>, on_scrub: F) -> Self {
        Self { inner, scrubber, stripper, waiting: Bytes::new(), on_scrub, ended: false }
    }
}

impl<B, F> Body for GuardedBody<B, F>
where
    B: Body<Data = Bytes>,
    F: FnMut(u64),
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        while !*this.ended {
            if this.waiting.is_empty() {
                match ready!(this.inner.as_mut().poll_frame(cx)) {
                    Some(Err(error)) => {
                        *this.ended = true;
                        return Poll::Ready(Some(Err(error)));
                    }
                    // Trailers are dropped: nothing in them is worth the risk.
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(chunk) => *this.waiting = chunk,
                        Err(_) => continue,
                    },
                    None => *this.ended = true,
                }
            }
            let out = if *this.ended {
                this.scrubber.finish()
            } else {
                let length = this.waiting.len().min(PIECE);
                let mut chunk = this.waiting.split_to(length);
                if let Some(stripper) = this.stripper.as_mut() {
                    chunk = stripper.push(chunk);
                    report(this.on_scrub, stripper.take_hits());
                }
                this.scrubber.push(chunk)
            };
            report(this.on_scrub, this.scrubber.take_hits());
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || (self.inner.is_end_stream() && self.scrubber.held() == 0 && self.waiting.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        if self.stripper.is_some() {
            return SizeHint::default();
        }
        let inner = self.inner.size_hint();
        let held = if self.ended { 0 } else { (self.scrubber.held() + self.waiting.len()) as u64 };
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(held));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}

fn report<F: FnMut(u64)>(on_scrub: &mut F, hits: u64) {
    if hits > 0 {
        on_scrub(hits);
    }
}
