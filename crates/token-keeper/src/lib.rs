#![doc = include_str!("../README.md")]

mod backoff;
mod bearer;
mod builder;
mod clock;
mod from_fn;
mod keeper;
mod load;
mod poll;
mod single_flight;
mod window;

pub use bearer::{BearerToken, InvalidToken};
pub use builder::KeeperBuilder;
pub use clock::Clock;
pub use from_fn::{FailedLoad, FromFn};
pub use keeper::{Keeper, Status};
pub use load::{Load, LoadError, Loaded};
pub use poll::poll;
pub use single_flight::{Flight, Pending, SingleFlight};
pub use window::{Age, Window};
// What stands in a signature here.
pub use http;
