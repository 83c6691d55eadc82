//! Test harness of Dunnock.
