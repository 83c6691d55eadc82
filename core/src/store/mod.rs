//! The store: one SQLCipher file per account, and the only place that writes SQL.
//!
//! Every write goes through [`Tx`]; the row functions lie in one file a matter. Nothing here knows XML or the network.

mod open;
mod tx;

pub(crate) use open::Store;
pub use open::StoreKey;
pub(crate) use tx::{Touched, Tx};
