//! See `gateway::properties::header_hygiene`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gateway::properties::header_hygiene(data));
