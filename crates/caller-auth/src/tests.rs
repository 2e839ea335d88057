//! Verification against forged tokens, without any network. Names begin with the hazard's id where there is one.

mod building;
mod cached;
mod challenges;
mod credentials;
mod diagnosis;
#[cfg(feature = "axum")]
mod extractor;
mod fixture;
mod forged;
mod id_tokens;
mod kept;
mod logout;
mod possession;
mod replays;
mod wycheproof;
