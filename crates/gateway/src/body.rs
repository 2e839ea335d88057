//! Module `body`.
