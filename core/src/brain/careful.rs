//! After an unclean end the brain takes one stanza a transaction and writes its fingerprint down first. One that crashes the
//! brain then is put aside when it is met again: it becomes an unreadable row, is acknowledged, and is tried again after an
//! update. An end of the whole process proves less, as systems end programs at will: it must fall on one stanza several
//! times in a row.

use super::aside::{fingerprint, fingerprint_of, put_aside, unreadable};
use super::{Brain, turn};
use crate::error::{ErrorKind, Result};
use crate::wire::{Arrived, FromWire};

/// How many stanzas are taken this way.
pub(super) const STANZAS: u32 = 500;
/// How often in a row a stanza may be in hand when the process ends, before it is taken for the cause. Fewer, and a message
/// that can be read would be lost to the reader for nothing.
const ENDS: i64 = 4;

impl Brain {
    /// Takes one stanza, its fingerprint on the disk first.
    pub(super) fn carefully(&mut self, stanza: Arrived, count: Option<u32>) -> Result<()> {
        self.careful = self.careful.saturating_sub(1);
        let Arrived::Whole(element) = &stanza else {
            return self.turn(turn::Inputs { wire: Some(FromWire::Stanza(stanza, count)), ..Default::default() });
        };
        let digest = fingerprint(element);
        let Some(rows) = &mut self.rows else { return Ok(()) };
        let tx = rows.store.tx()?;
        let times = tx.suspect(&digest)?;
        tx.commit()?;
        if times <= ENDS {
            let wire = Some(FromWire::Stanza(stanza, count));
            self.in_hand = Some(digest);
            self.turn(turn::Inputs { wire, suspect: Some(digest), alone: true, ..Default::default() })?;
            self.in_hand = None;
        } else {
            self.pass_over(&stanza, count, &digest)?;
        }
        self.drain_carefully()?;
        if self.careful == 0
            && let Some(rows) = &mut self.rows
        {
            let tx = rows.store.tx()?;
            tx.harmless_all()?;
            tx.commit()?;
        }
        self.turn(turn::Inputs::default())
    }

    /// What waited for the end of the catch-up, one by one.
    pub(super) fn drain_carefully(&mut self) -> Result<()> {
        while self.careful > 0 && self.drain_one()? {}
        Ok(())
    }

    /// The same for the stanzas that waited for the end of the catch-up: handles the next one alone. False if none is due.
    fn drain_one(&mut self) -> Result<bool> {
        let now = self.now().wall;
        let Some(rows) = &mut self.rows else { return Ok(false) };
        let tx = rows.store.tx()?;
        let draining = tx.any_want("drain")? && self.link.as_ref().is_some_and(|link| link.online);
        let Some((id, raw)) = tx.next_kept()?.filter(|_| draining) else { return Ok(false) };
        self.careful = self.careful.saturating_sub(1);
        let digest = fingerprint_of(&raw);
        if tx.suspect(&digest)? <= ENDS {
            tx.commit()?;
            self.in_hand = Some(digest);
            self.turn(turn::Inputs { suspect: Some(digest), ..Default::default() })?;
            self.in_hand = None;
            return Ok(true);
        }
        tx.poison_kept(id)?;
        if let Ok(element) = raw.parse() {
            unreadable(&tx, &element, &digest, now)?;
        }
        tx.harmless(&digest)?;
        let touched = tx.commit()?;
        self.setting.hub.publish(&touched);
        Ok(true)
    }

    /// After trouble: the stanza in hand caused a crash; of a full disk it is innocent.
    pub(super) fn judge(&mut self, trouble: Option<ErrorKind>) -> Result<()> {
        let (Some(digest), Some(rows)) = (self.in_hand, &mut self.rows) else { return Ok(()) };
        let tx = rows.store.tx()?;
        match trouble {
            Some(ErrorKind::Crashed) => tx.convict(&digest, ENDS)?,
            _ => tx.harmless(&digest)?,
        }
        tx.commit()?;
        self.in_hand = None;
        Ok(())
    }

    /// Puts a stanza aside without another try.
    fn pass_over(&mut self, stanza: &Arrived, count: Option<u32>, digest: &[u8; 32]) -> Result<()> {
        let now = self.now().wall;
        let Some(rows) = &mut self.rows else { return Ok(()) };
        let tx = rows.store.tx()?;
        put_aside(&tx, stanza, now)?;
        tx.harmless(digest)?;
        if let Some(count) = count {
            tx.heard(count)?;
        }
        let serial = tx.serial()?;
        let touched = tx.commit()?;
        if let Some(witness) = &mut self.witness {
            witness.say(serial);
        }
        if let Some(link) = &mut self.link {
            link.committed(1);
        }
        self.setting.hub.publish(&touched);
        Ok(())
    }
}
