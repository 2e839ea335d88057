//! The table of a contest, its figures as JSON, its plot, and the part of the documentation that is made of them.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::compete::{RATE, rate_name};
use crate::figures::Figures;
use crate::plot;

/// The base of all ratios.
pub(super) const BASE: &str = "hyper-swap";
/// The provider itself.
pub(super) const DIRECT: &str = "no proxy";
const OURS: &str = "gateway";
const LUA: &str = "nginx with Lua";

/// The page that shows the table and the plot.
const PAGE: &str = "docs/operations/performance.md";
const PLOT: &str = "docs/images/performance.svg";
const BEGIN: &str = "<!-- begin: made by `cargo xtask bench --render` -->\n";
const END: &str = "<!-- end -->";

/// A figure: its number for each contestant.
type Cell = fn(&Figures<'_>, &str) -> Option<String>;

fn rate() -> String {
    rate_name(RATE)
}

/// A ratio to the base; for the base itself what it is.
fn over_base(figures: &Figures<'_>, scenario: &str, name: &str, key: &str, unit: &str) -> Option<String> {
    let found = figures.median(scenario, name, key)?;
    if name == BASE {
        return Some(format!("1 ({found:.1} {unit})"));
    }
    Some(format!("{:.2}", figures.ratio(scenario, name, key)?))
}

/// With a space between each three digits.
fn whole(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = if number < -0.5 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

const ROWS: [(&str, Cell); 12] = [
    ("processor time a request, warm, over hyper-swap", |f, name| over_base(f, "warm", name, "cpu_us", "µs")),
    ("requests a second, closed loop with 32 connections", |f, name| {
        f.median("warm", name, "per_second").map(whole)
    }),
    ("p99 of the closed loop, best round, µs", |f, name| f.best("warm", name, "p99_us").map(whole)),
    ("first sight of a token, processor time over hyper-swap", |f, name| {
        over_base(f, "first sight", name, "cpu_us", "µs")
    }),
    ("4 000 requests a second, processor time over hyper-swap", |f, name| {
        over_base(f, &rate(), name, "cpu_us", "µs")
    }),
    ("4 000 requests a second, median, µs", |f, name| f.median(&rate(), name, "p50_us").map(whole)),
    ("4 000 requests a second, p99, best round, µs", |f, name| f.best(&rate(), name, "p99_us").map(whole)),
    ("1 MiB bodies, processor time over hyper-swap", |f, name| over_base(f, "big", name, "cpu_us", "µs")),
    ("1 MiB bodies, MB/s", |f, name| f.median("big", name, "mb_per_second").map(whole)),
    ("first byte of a stream, µs", |f, name| f.median("stream", name, "first_us").map(whole)),
    ("resident memory for each user that comes to be cached, bytes", |f, name| {
        let verifies =
            f.0["contestants"].as_array()?.iter().any(|one| one["name"] == name && one["verifies"] == true);
        if verifies { f.bytes_a_user(name).map(whole) } else { None }
    }),
    ("resident memory with all users, MiB", |f, name| f.resident(name).map(|mib| format!("{mib:.0}"))),
];

/// The table in Markdown. Who does not take part has a column all the same, which says why.
pub(super) fn table(figures: &Figures<'_>) -> String {
    let all: Vec<&Value> = figures.0["contestants"].as_array().into_iter().flatten().collect();
    let mut text = String::from("| measure |");
    let mut notes = String::new();
    for one in &all {
        let name = one["name"].as_str().unwrap_or_default();
        let _ = write!(text, " {name} |");
        if let Some(why) = one["missing"].as_str() {
            let _ = writeln!(notes, "\n{name}: {why}");
        }
    }
    let _ = write!(text, "\n|---|{}\n", "---|".repeat(all.len()));
    for (what, cell) in ROWS {
        let _ = write!(text, "| {what} |");
        for one in &all {
            let name = one["name"].as_str().unwrap_or_default();
            let found = match one["missing"].as_str() {
                Some(why) => why.split(':').next().unwrap_or_default().to_owned(),
                None => cell(figures, name).unwrap_or_default(),
            };
            let _ = write!(text, " {found} |");
        }
        text.push('\n');
    }
    text + &notes
}

/// What the gateway must reach and what would be better.
fn verdicts(figures: &Figures<'_>) -> String {
    let ratio = |scenario, key| figures.ratio(scenario, OURS, key).unwrap_or(f64::NAN);
    let best = |scenario: &str| {
        let of = |name| figures.best(scenario, name, "p99_us").unwrap_or(f64::NAN);
        of(OURS) / of(BASE)
    };
    let rate = rate();
    let at = |name| figures.median(&rate, name, "p50_us").unwrap_or(f64::NAN);
    let added = (at(OURS) - at(DIRECT)) / (at(BASE) - at(DIRECT)).max(1.0);
    let lua = figures.over("warm", OURS, LUA, "cpu_us");
    let most = [
        ("warm, processor time a request over hyper-swap", Some(ratio("warm", "cpu_us")), 1.5, 1.15),
        ("the same over nginx with Lua", lua, 1.1, 0.9),
        ("first sight, processor time over hyper-swap", Some(ratio("first sight", "cpu_us")), 3.2, 2.4),
        ("4 000 a second, median added over hyper-swap's", Some(added), 1.4, 1.2),
        ("closed loop, p99 over hyper-swap", Some(best("warm")), 2.5, 1.5),
        ("4 000 a second, p99 over hyper-swap", Some(best(&rate)), 3.0, 1.5),
        ("first byte of a stream over hyper-swap", Some(ratio("stream", "first_us")), 1.6, 1.2),
        ("bytes a cached user", figures.bytes_a_user(OURS), 900.0, 500.0),
        ("resident memory when idle, MiB", figures.0["idle_mib"].as_f64(), 25.0, 12.0),
    ];
    let mut text = String::new();
    for (what, found, must, goal) in most {
        let Some(found) = found else { continue };
        say(&mut text, (what, found), (must, goal), (found <= must, found <= goal));
    }
    let big = ratio("big", "mb_per_second");
    say(&mut text, ("1 MiB bodies, MB/s over hyper-swap", big), (0.85, 0.95), (big >= 0.85, big >= 0.95));
    text
}

fn say(text: &mut String, (what, found): (&str, f64), (must, goal): (f64, f64), met: (bool, bool)) {
    let verdict = match met {
        (_, true) => "goal reached",
        (true, _) => "within what it must",
        _ => "MISSED",
    };
    let _ = writeln!(text, "  {what}: {found:.2} (must {must}, goal {goal}): {verdict}");
}

/// Prints the table, and leaves figures and plot in the folder.
pub(super) fn write(raw: &Value, out: &Path) {
    let figures = Figures(raw);
    std::fs::write(out.join("performance.json"), json_lines(raw)).unwrap();
    std::fs::write(out.join("performance.svg"), plot::svg(&figures)).unwrap();
    println!("\n{}\n{}", table(&figures), verdicts(&figures));
    println!("  other programs used {:.1} cores meanwhile (median)", figures.others());
    println!("  figures and plot: {}; into the documentation: --render FILE", out.display());
}

/// One sample a line.
fn json_lines(raw: &Value) -> String {
    let mut rest = raw.clone();
    let samples = rest["samples"].take();
    let lines: Vec<String> =
        samples.as_array().into_iter().flatten().map(|sample| format!("    {sample}")).collect();
    let text = serde_json::to_string_pretty(&rest).unwrap();
    text.replace("\"samples\": null", &format!("\"samples\": [\n{}\n  ]", lines.join(",\n"))) + "\n"
}

/// The table and the plot of the documentation, from a file of figures.
pub(super) fn render(file: &Path) {
    let raw: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let figures = Figures(&raw);
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    std::fs::write(PAGE, format!("{before}{BEGIN}{}\n{END}{after}", made(&figures).trim_end())).unwrap();
    std::fs::write(PLOT, plot::svg(&figures)).unwrap();
    println!("{PAGE} and {PLOT} are made anew\n\n{}", verdicts(&figures));
}

/// What stands between the two marks of the page.
fn made(figures: &Figures<'_>) -> String {
    let text = |part: &str, key: &str| figures.0[part][key].as_str().unwrap_or_default().to_owned();
    let settings = &figures.0["settings"];
    let versions: Vec<String> = figures.0["versions"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, version)| version.as_str().is_some_and(|version| !version.is_empty()))
        .map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default()))
        .collect();
    format!(
        "Commit `{}`; {}, {} cores; Linux {}, {}; {}. {} rounds of {} s, {} warm users, {} new users a round.\nOther programs used {:.1} cores meanwhile.\n\n{}\n![Processor time a request, and latency over load](../images/performance.svg)\n",
        text("machine", "commit"),
        text("machine", "processor"),
        figures.0["machine"]["cores"],
        text("machine", "kernel"),
        text("machine", "compiler"),
        versions.join(", "),
        settings["rounds"],
        settings["seconds"],
        settings["users"],
        settings["new_users"],
        figures.others(),
        table(figures),
    )
}
