//! The queue of spans and the sampler.

use super::*;
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::time::{Instant, advance, sleep};

fn sampled(share: f64, count: u32) -> usize {
    let sampler = ErrorsToo(share);
    let decide = |number: u32| {
        let id = TraceId::from_bytes(
            (u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)).to_be_bytes(),
        );
        sampler.should_sample(None, id, "", &SpanKind::Server, &[], &[]).decision
    };
    (0..count).filter(|number| decide(*number) == SamplingDecision::RecordAndSample).count()
}

#[test]
fn the_ratio_holds_roughly_and_its_ends_exactly() {
    assert_eq!(sampled(0.0, 1000), 0);
    assert_eq!(sampled(1.0, 1000), 1000);
    assert!((50..200).contains(&sampled(0.1, 1000)), "{}", sampled(0.1, 1000));
}

#[test]
fn a_full_queue_drops_with_a_counter_and_errors_pass_the_sampler() {
    let metrics = Metrics::new().expect("instruments");
    let (spans, mut waiting) = mpsc::channel(2);
    let provider = SdkTracerProvider::builder()
        .with_span_processor(Queue { spans, full: Arc::default(), metrics: metrics.clone() })
        .with_sampler(ErrorsToo(0.0))
        .build();
    let tracer = provider.tracer("test");
    tracer.start("fine").end();
    for _ in 0..5 {
        let mut span = tracer.start("broken");
        span.set_status(Status::error(""));
        span.end();
    }
    assert_eq!(waiting.len(), 2);
    assert_eq!(waiting.try_recv().expect("an error span").name, "broken");
    assert!(metrics.render_prometheus().contains("idp_gateway_telemetry_dropped_total{signal=\"traces\"} 3"));
}

/// A collector that does not answer until it is told to.
#[derive(Clone, Debug, Default)]
struct Slow {
    answers: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl HttpClient for Slow {
    fn send_bytes<'a, 'answer>(
        &'a self,
        _: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'answer>>
    where
        'a: 'answer,
        Self: 'answer,
    {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answers = self.answers.load(Ordering::SeqCst);
        Box::pin(async move {
            if !answers {
                std::future::pending::<()>().await;
            }
            Ok(Response::new(Bytes::new()))
        })
    }
}

/// Ten minutes of requests at a collector that hangs, then one that answers again; the clock is Tokio's, paused.
#[tokio::test(start_paused = true)]
async fn a_collector_that_hangs_for_minutes_holds_nobody_up() {
    const A_SECOND: usize = 100;
    let metrics = Metrics::new().expect("instruments");
    let slow = Slow::default();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(slow.clone())
        .with_endpoint("http://collector.example/v1/traces")
        .build()
        .expect("an exporter");
    let (spans, waiting) = mpsc::channel(QUEUE);
    let (flush, flushes) = mpsc::channel(1);
    let full = Arc::new(Notify::new());
    tokio::spawn(export(exporter, waiting, flushes, Arc::clone(&full), metrics.clone()));
    let provider = SdkTracerProvider::builder()
        .with_span_processor(Queue { spans: spans.clone(), full, metrics: metrics.clone() })
        .build();
    let tracer = provider.tracer("test");
    let dropped = || {
        let text = metrics.render_prometheus();
        let series = "idp_gateway_telemetry_dropped_total{signal=\"traces\"} ";
        let value = text.lines().find_map(|line| line.strip_prefix(series)).expect("the counter");
        value.parse::<usize>().expect("a number")
    };
    for _ in 0..600 {
        let before = Instant::now();
        for _ in 0..A_SECOND {
            tracer.start("request").end();
        }
        assert_eq!(Instant::now(), before, "a request waited for the collector");
        advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    // Every span is in the queue, in the push that hangs, or counted as dropped; memory is bounded by the first two.
    let kept = 600 * A_SECOND - dropped();
    assert!(dropped() > 0 && kept <= QUEUE + BATCH, "{kept} spans are kept");
    // Each push was given up after its time: nothing is tried without end, and nothing piles up.
    let asked = slow.asked.load(Ordering::SeqCst);
    assert!((30..=60).contains(&asked), "{asked} pushes in ten minutes");

    slow.answers.store(true, Ordering::SeqCst);
    sleep(PUSH_TIMEOUT + EVERY).await;
    let lost = dropped();
    for _ in 0..QUEUE / 2 {
        tracer.start("request").end();
    }
    sleep(2 * EVERY).await;
    assert_eq!(dropped(), lost, "what came after is not lost");
    // Many queues full between two ticks: a collector that answers gets each batch as soon as it is together.
    sleep(EVERY / 2).await;
    let before = Instant::now();
    for _ in 0..4 * QUEUE / BATCH {
        for _ in 0..BATCH {
            tracer.start("request").end();
        }
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(Instant::now(), before, "no tick came in between");
    assert_eq!(dropped(), lost, "a healthy collector gets everything");
    sleep(2 * EVERY).await;
    assert_eq!(spans.capacity(), QUEUE, "and was pushed");
    drop(flush);
}
