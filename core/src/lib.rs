//! The engine of Dunnock.
