//! Module `caller`.
