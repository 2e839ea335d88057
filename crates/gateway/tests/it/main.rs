//! The gateway as its users meet it.

mod cli;
mod config;
