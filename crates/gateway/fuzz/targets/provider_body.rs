//! See `gateway::properties::provider_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gateway::properties::provider_body(data));
