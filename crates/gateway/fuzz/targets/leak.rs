//! See `gateway::properties::leak`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gateway::properties::leak(data));
