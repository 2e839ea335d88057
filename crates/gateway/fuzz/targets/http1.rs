//! See `gateway::properties::http1`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gateway::properties::http1(data));
