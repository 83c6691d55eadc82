//! What is remembered of the account's server.

use super::Account;
use crate::error::Result;
use crate::model::Server;
use crate::query;

impl Account {
    /// What is remembered of the server, and what happened with its key.
    pub fn server(&self) -> Result<Server> {
        self.inner.read(query::server)
    }
}
