//! See `gateway::properties::tenant_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gateway::properties::tenant_body(data));
