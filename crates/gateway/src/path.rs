//! Module `path`.
