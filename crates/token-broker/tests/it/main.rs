//! token-broker with real parts: a Redis server where there is one.

mod redis;
