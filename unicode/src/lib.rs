//! Unicode 16 tables.
