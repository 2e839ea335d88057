//! A keeper as its users see it, on Tokio's paused clock.

mod flights;
mod keeper;
mod model;
mod source;
