//! Whose database it is.

use crate::error::{ErrorKind, Result};
use crate::route::Route;
use crate::store::Reader;
use zeroize::Zeroizing;

/// The account's bare JID, and when it was added here.
pub(crate) fn account(reader: &Reader) -> Result<(String, i64)> {
    Ok(reader.sql().query_row("SELECT jid, created FROM account", [], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Whether the password stays in the store, and what it is if it does.
pub(crate) fn password(reader: &Reader) -> Result<Option<Zeroizing<String>>> {
    let (keep, password): (bool, String) =
        reader
            .sql()
            .query_row("SELECT keep, password FROM credential, account", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let password = Zeroizing::new(password);
    Ok((keep && !password.is_empty()).then_some(password))
}

/// The way to the server that was chosen for it.
pub(crate) fn route(reader: &Reader) -> Result<Route> {
    let text: String = reader.sql().query_row("SELECT route FROM account", [], |row| row.get(0))?;
    Route::parse(&text).map_err(|_| ErrorKind::DamagedStore.into())
}
