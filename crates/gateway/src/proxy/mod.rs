//! Module `proxy`.
