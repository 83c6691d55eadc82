//! What is still on its way to the server.

use crate::error::Result;
use crate::store::Reader;

/// Whether nothing that was said waits to be sealed or acknowledged.
pub(crate) fn is_quiet(reader: &Reader) -> Result<bool> {
    let sql = "SELECT 1 FROM parcel UNION ALL SELECT 1 FROM outgoing UNION ALL SELECT 1 FROM message WHERE waiting = 1";
    Ok(!reader.sql().prepare_cached(sql)?.exists([])?)
}
