//! See `gateway::properties::plan`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gateway::properties::plan(data));
