//! OMEMO (XEP-0384), both versions.
