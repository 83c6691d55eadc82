//! Error stanzas (RFC 6120 section 8.3) to messages of ours: they become the message's fate.

use super::xml::{bare_of, error_condition};
use super::{Ctx, room};
use crate::error::Result;
use crate::model::Delivery;
use minidom::Element;

/// A message came back. It counts only if it comes from whom we sent it to, or from their or our server.
pub(crate) fn arrived(ctx: &mut Ctx, stanza: &Element) -> Result<()> {
    let Some(id) = stanza.attr("id") else { return ctx.tx.count("error_without_id") };
    let Some(row) = ctx.tx.own_message_anywhere(id)? else { return ctx.tx.count("error_unasked") };
    let from = bare_of(stanza, "from");
    let chat = jid::BareJid::new(&row.chat).ok();
    let plausible = match (&from, &chat) {
        (None, _) => stanza.attr("from").is_none(),
        (Some(from), Some(chat)) => {
            let server =
                from.node().is_none() && (from.domain() == chat.domain() || from.domain() == ctx.me.jid.domain());
            from == chat || server || *from == ctx.me.jid
        }
        _ => false,
    };
    if !plausible || row.state.is_none() {
        return ctx.tx.count("error_forged");
    }
    if room::outbox::bounced(ctx, &row, &error_condition(stanza))? {
        return Ok(());
    }
    tracing::info!(target: "dunnock", condition = error_condition(stanza), "a message was refused");
    ctx.tx.drop_outgoing_of(row.id)?;
    ctx.tx.climb(row.id, Delivery::Failed, Some("refused"))?;
    Ok(())
}
