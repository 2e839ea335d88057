//! Module `cors`.
