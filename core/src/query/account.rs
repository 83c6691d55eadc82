//! Whose database it is.

use crate::error::{ErrorKind, Result};
use crate::route::Route;
use crate::store::Reader;
use zeroize::Zeroizing;

/// The account's bare JID, and when it was added here.
pub(crate) fn account(reader: &Reader) -> Result<(String, i64)> {
    Ok(reader.sql().query_row("SELECT jid, created FROM account", [], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// The password, if it is in the store: to stay there, or because nothing was made from it so far.
pub(crate) fn password(reader: &Reader) -> Result<Option<Zeroizing<String>>> {
    let password: String = reader.sql().query_row("SELECT password FROM account", [], |row| row.get(0))?;
    let password = Zeroizing::new(password);
    Ok((!password.is_empty()).then_some(password))
}

/// Whether a password stays: a person wants it so, or allowed that it goes to the server itself, which leaves nothing else to
/// log in with.
pub(crate) fn password_stays(reader: &Reader) -> Result<bool> {
    let sql = "SELECT keep OR EXISTS (SELECT 1 FROM plain_login) FROM credential";
    Ok(reader.sql().query_row(sql, [], |row| row.get(0))?)
}

/// The way to the server that was chosen for it.
pub(crate) fn route(reader: &Reader) -> Result<Route> {
    let text: String = reader.sql().query_row("SELECT route FROM account", [], |row| row.get(0))?;
    Route::parse(&text).map_err(|_| ErrorKind::DamagedStore.into())
}
