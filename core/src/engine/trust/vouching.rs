//! Automatic Trust Management (XEP-0450): what a person decides on one device is told to the others, sealed, and what devices
//! that count say is taken for a decision.
//!
//! Who may speak: one of our own devices about any key; a contact's about that contact's own. A word of a device that does
//! not count yet is kept until it does (section 6.1), a word on a key that nobody showed yet until somebody does (6.2).

use super::super::content::Content;
use super::super::omemo::Author;
use super::super::{Ctx, parcel};
use super::messages::{Said, TrustMessage};
use super::{decision, is_authenticated};
use crate::error::Result;
use crate::model::Trust;
use crate::store::device::DeviceRow;
use crate::store::parcel::Reach;
use crate::store::trust::{Hearsay, Word};

/// A person decided on a key here: the others are told (XEP-0450 sections 5.1 to 5.4).
pub(crate) fn tell(ctx: &mut Ctx, jid: &str, key: &[u8; 32], trusts: bool) -> Result<()> {
    let message = TrustMessage { said: vec![Said { jid: jid.to_owned(), key: *key, trusts }] };
    let own = ctx.bare();
    send(ctx, &own, &message)?;
    if jid == own {
        // Contacts are told of our own devices only.
        for contact in contacts(ctx)? {
            send(ctx, &contact, &message)?;
        }
    }
    Ok(())
}

/// A device whose key a person compared here is told of the keys that count: of a contact's device, ours; of our own, all.
pub(crate) fn introduce(ctx: &mut Ctx, row: &DeviceRow) -> Result<()> {
    let own = ctx.bare();
    let mut owners = vec![own.clone()];
    if row.jid == own {
        owners.extend(contacts(ctx)?);
    }
    let mut said = Vec::new();
    for owner in owners {
        for device in ctx.tx.devices(&owner)? {
            let itself = owner == row.jid && device.device == row.device;
            let this = owner == own && device.device == ctx.me.device;
            let key = device.signing.or(device.identity).filter(|_| is_authenticated(device.trust));
            if let Some(key) = key.filter(|_| !itself && !this) {
                said.push(Said { jid: owner.clone(), key, trusts: true });
            }
        }
    }
    if said.is_empty() { Ok(()) } else { send(ctx, &row.jid, &TrustMessage { said }) }
}

/// Contacts that have a device whose key counts.
fn contacts(ctx: &Ctx) -> Result<Vec<String>> {
    let own = ctx.me.jid.as_str();
    Ok(ctx.tx.owners_that_count()?.into_iter().filter(|jid| jid != own).collect())
}

fn send(ctx: &mut Ctx, chat: &str, message: &TrustMessage) -> Result<()> {
    let counts = |row: &DeviceRow| is_authenticated(row.trust) && row.device != ctx.me.device;
    if !ctx.tx.devices(chat)?.iter().any(counts) {
        return Ok(());
    }
    let content = Content { trust: Some(message.clone()), ..Content::default() };
    parcel::put(ctx, chat, &content, Reach::Authenticated, true)
}

/// A trust message was opened. `said` is its envelope's time.
pub(crate) fn received(ctx: &mut Ctx, sender: &str, author: &Author, message: &TrustMessage, said: i64) -> Result<()> {
    // A time to come would outlast everything that is said until then.
    let said = said.min(ctx.now.wall);
    let may = |word: &&Said| sender == ctx.me.jid.as_str() || word.jid == sender;
    let words = message.said.iter().filter(may);
    let words = words.map(|word| Hearsay { jid: word.jid.clone(), key: word.key, trusts: word.trusts, said });
    let words: Vec<Hearsay> = words.collect();
    if !is_authenticated(author.trust) {
        ctx.tx.count("word_of_unknown")?;
        return words.iter().try_for_each(|word| ctx.tx.put_hearsay(sender, &author.identity, word));
    }
    words.iter().try_for_each(|word| take(ctx, sender, word))
}

/// A device counts from now on: what it said before counts too.
pub(crate) fn counts_now(ctx: &mut Ctx, row: &DeviceRow) -> Result<()> {
    let Some(identity) = row.identity else { return Ok(()) };
    let words = ctx.tx.take_hearsay(&row.jid, &identity)?;
    words.iter().try_for_each(|word| take(ctx, &row.jid, word))
}

/// A word that counts. It does not undo a later one; and a contact's device does not undo what a person here decided, but to
/// warn of another of its owner's.
fn take(ctx: &mut Ctx, speaker: &str, word: &Hearsay) -> Result<()> {
    if word.jid == ctx.me.jid.as_str() && decision::is_ours(ctx, &word.key) {
        return Ok(());
    }
    let before = ctx.tx.word_on(&word.jid, &word.key)?;
    let trust = if word.trusts { Trust::Vouched } else { Trust::Distrusted };
    if let Some(before) = before {
        let ours = speaker == ctx.me.jid.as_str();
        let stands = match before.trust {
            Trust::Verified => word.trusts,
            Trust::Distrusted => !ours || !word.trusts,
            _ => false,
        };
        if stands || before.said > word.said || before.trust == trust {
            return Ok(());
        }
    }
    ctx.tx.count("word_taken")?;
    decision::of_key(ctx, &word.jid, &word.key, Word { trust, said: word.said })
}
