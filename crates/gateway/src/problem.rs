//! Module `problem`.
