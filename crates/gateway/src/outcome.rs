//! Module `outcome`.
