//! Module `server`.
