//! The management token and how it is obtained.

mod load;
mod token;

pub(crate) use load::{LoadSettings, ManagementLoad};
pub use token::{ManagementToken, NEEDED_SCOPES};
