//! The process's own figures, read from `/proc` at each scrape (absent elsewhere).

use opentelemetry::metrics::Meter;
use std::{fs, sync::OnceLock, time::SystemTime};

/// The commit the binary was built from, when the build said so.
pub const COMMIT: &str = match option_env!("IDP_GATEWAY_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// Clock ticks a second in `/proc/self/stat`; fixed on every Linux that Rust supports.
const TICKS: f64 = 100.0;

pub(super) fn register(meter: &Meter) {
    let start = start_time();
    meter
        .f64_observable_gauge("process_start_time")
        .with_unit("s")
        .with_description("Start of the process, in seconds since 1970")
        .with_callback(move |gauge| gauge.observe(start, &[]))
        .build();
    let gauge = |name, unit, description, read: fn() -> Option<u64>| {
        meter
            .u64_observable_gauge(name)
            .with_unit(unit)
            .with_description(description)
            .with_callback(move |gauge| read().into_iter().for_each(|value| gauge.observe(value, &[])))
            .build();
    };
    gauge("process_open_fds", "", "Open file descriptors", open_fds);
    gauge("process_max_fds", "", "Limit of open file descriptors", max_fds);
    gauge("process_resident_memory", "By", "Resident memory", resident_bytes);
    meter
        .f64_observable_counter("process_cpu")
        .with_unit("s")
        .with_description("Processor time used")
        .with_callback(|counter| {
            if let Some(spent) = cpu_seconds() {
                counter.observe(spent, &[]);
            }
        })
        .build();
}

/// When this process's telemetry was first set up, which is within its first milliseconds.
fn start_time() -> f64 {
    static START: OnceLock<f64> = OnceLock::new();
    *START.get_or_init(|| {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    })
}

fn open_fds() -> Option<u64> {
    u64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}

/// Soft limit on open files.
pub(crate) fn max_fds() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Resident memory in bytes.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The command name may hold spaces and ends at the last ')'; user and system time are fields 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}
