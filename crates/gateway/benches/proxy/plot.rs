//! A plot of two parts: processor time a request by contestant, and latency over load.

use std::fmt::Write as _;

use crate::compete::{RATES, rate_name};
use crate::figures::Figures;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 400.0;
/// Colours that people who are colour-blind can tell apart.
const COLOURS: [&str; 6] = ["#7f7f7f", "#0072b2", "#56b4e9", "#009e73", "#d55e00", "#cc79a7"];
/// The tenth powers of the latency axis, in microseconds.
const DECADES: std::ops::RangeInclusive<i32> = 2..=6;

/// The part of the image that a diagram has: left, top, right, bottom.
#[derive(Clone, Copy)]
struct Frame(f64, f64, f64, f64);

pub(super) fn svg(figures: &Figures<'_>) -> String {
    let contestants: Vec<&str> = figures.0["contestants"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["name"].as_str())
        .collect();
    let mut text = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>
"#
    );
    bars(&mut text, figures, &contestants, Frame(130.0, 40.0, 430.0, 340.0));
    lines(&mut text, figures, &contestants, Frame(520.0, 40.0, 940.0, 300.0));
    text + "</svg>\n"
}

fn words(text: &mut String, (x, y): (f64, f64), anchor: &str, what: &str) {
    let _ =
        writeln!(text, r##"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" fill="#222">{what}</text>"##);
}

fn line(text: &mut String, from: (f64, f64), to: (f64, f64), style: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(text, r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" {style}/>"#);
}

fn bars(
    text: &mut String,
    figures: &Figures<'_>,
    contestants: &[&str],
    Frame(left, top, right, bottom): Frame,
) {
    words(text, (left, top - 16.0), "start", "processor time a warm request, µs");
    let found: Vec<Option<f64>> =
        contestants.iter().map(|name| figures.median("warm", name, "cpu_us")).collect();
    let most = found.iter().flatten().copied().fold(1.0, f64::max);
    let step = (bottom - top) / contestants.len().max(1) as f64;
    for (at, (name, found)) in contestants.iter().zip(found).enumerate() {
        let y = top + step * at as f64;
        let middle = y + step * 0.4 + 4.0;
        words(text, (left - 8.0, middle), "end", name);
        let Some(found) = found else {
            words(text, (left + 6.0, middle), "start", "not measured");
            continue;
        };
        let width = found / most * (right - left - 40.0);
        let colour = COLOURS[(at + 1) % COLOURS.len()];
        let _ = writeln!(
            text,
            r#"<rect x="{left:.1}" y="{y:.1}" width="{width:.1}" height="{:.1}" fill="{colour}"/>"#,
            step * 0.8
        );
        words(text, (left + width + 6.0, middle), "start", &format!("{found:.1}"));
    }
}

fn lines(text: &mut String, figures: &Figures<'_>, contestants: &[&str], frame: Frame) {
    let Frame(left, top, right, bottom) = frame;
    words(text, (left, top - 16.0), "start", "latency over requests a second: median, and p99 dashed, µs");
    let (low, high) = (f64::from(*DECADES.start()), f64::from(*DECADES.end()));
    let step = (right - left - 40.0) / (RATES.len() - 1) as f64;
    let x = |at: usize| left + 20.0 + step * at as f64;
    let y = |latency: f64| bottom - (latency.log10().clamp(low, high) - low) / (high - low) * (bottom - top);
    for decade in DECADES {
        let at = y(10_f64.powi(decade));
        line(text, (left, at), (right, at), r##"stroke="#ddd""##);
        words(text, (left - 6.0, at + 4.0), "end", &format!("{}", 10_u32.pow(decade.unsigned_abs())));
    }
    for (at, rate) in RATES.iter().enumerate() {
        words(text, (x(at), bottom + 16.0), "middle", &rate.to_string());
    }
    let all = std::iter::once(crate::report::DIRECT).chain(contestants.iter().copied());
    for (at, name) in all.enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        for (key, dashes) in [("p50_us", ""), ("p99_us", r#" stroke-dasharray="4 3""#)] {
            let found = |rate| {
                let scenario = rate_name(rate);
                if key == "p50_us" {
                    figures.median(&scenario, name, key)
                } else {
                    figures.best(&scenario, name, key)
                }
            };
            let points: Vec<String> = RATES
                .iter()
                .enumerate()
                .filter_map(|(at, rate)| Some(format!("{:.1},{:.1}", x(at), y(found(*rate)?.max(1.0)))))
                .collect();
            let _ = writeln!(
                text,
                r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="1.6"{dashes}/>"#,
                points.join(" ")
            );
        }
        let (column, row) = ((at % 3) as f64, (at / 3) as f64);
        let (from, height) = (left + column * 140.0, bottom + 40.0 + row * 18.0);
        line(
            text,
            (from, height - 4.0),
            (from + 18.0, height - 4.0),
            &format!(r#"stroke="{colour}" stroke-width="3""#),
        );
        words(text, (from + 24.0, height), "start", name);
    }
}
