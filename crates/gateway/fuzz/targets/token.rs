//! See `gateway::properties::token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gateway::properties::token(data));
