//! Module `route`.
