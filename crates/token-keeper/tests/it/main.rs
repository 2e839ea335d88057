//! A keeper as its users see it, on Tokio's paused clock.

mod keeper;
mod model;
mod single_flight;
mod source;
