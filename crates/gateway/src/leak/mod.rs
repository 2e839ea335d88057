//! Module `leak`.
