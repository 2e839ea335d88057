#![doc = include_str!("../README.md")]

mod backoff;
mod bearer;
mod builder;
mod flights;
mod keeper;
mod load;
mod window;

pub use bearer::{BearerToken, InvalidToken};
pub use builder::KeeperBuilder;
pub use flights::{Boarding, Flights, Landing};
pub use keeper::{Keeper, Status};
pub use load::{Load, LoadError, Loaded};
pub use window::{Age, Window};
