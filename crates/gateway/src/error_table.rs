//! Module `error_table`.
