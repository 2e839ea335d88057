//! The broker without sockets: a tenant, a vault and a provider made of closures, on a paused clock.

mod at_hand;
mod endpoints;
mod fleet;
mod identities;
mod lifted;
mod lists;
mod manage;
mod properties;
mod reconnected;
mod refresh;
mod resilience;
mod revoke;
mod rig;
mod rotation;
mod sign_in;
mod vault;
