//! Stories of the wire.
