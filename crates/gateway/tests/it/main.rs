//! The gateway as its users meet it.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests assert by unwrapping")]

mod accounts;
mod admin;
mod api;
mod child;
mod cli;
mod cli_demo;
mod cli_doctor;
mod config;
mod console;
mod docs;
mod fleet_file;
mod fleet_kill;
mod fleet_redis;
mod fleet_support;
mod harness;
mod hazards_callers;
mod hazards_floods;
mod hazards_life;
mod hazards_process;
mod hazards_proxy;
mod hazards_wire;
mod outcomes;
mod providers;
mod proxy;
mod proxy_callers;
mod proxy_stream;
mod raw_provider;
mod telemetry;
mod wire;
mod wire_http2;
mod wire_limits;
mod wire_serve;
mod wire_support;
mod wire_table;
mod wire_time;
