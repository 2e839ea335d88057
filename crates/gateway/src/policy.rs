//! Module `policy`.
