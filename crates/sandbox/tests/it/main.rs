//! The sandbox, asked over real sockets by an ordinary HTTP client.

#[cfg(test)]
mod bitbucket;
#[cfg(test)]
mod facebook;
#[cfg(test)]
mod github;
#[cfg(test)]
mod google;
#[cfg(test)]
mod helpers;
#[cfg(test)]
mod microsoft;
#[cfg(test)]
mod plain_oauth2;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod tenant;
#[cfg(test)]
mod tenant_life;
#[cfg(test)]
mod unkind;
#[cfg(test)]
mod vault;
#[cfg(test)]
mod wire;
