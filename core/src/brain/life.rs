//! Opening, the lease, trouble and recovery, the end.

use super::{Brain, Next, Rows, Wake, careful, refuse, turn};
use crate::bell::Bell;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::lease::Lease;
use crate::store::{Store, Touched, Witness};
use crate::wire::{FromWire, Settings, Vigil};
use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// The first pause after trouble; each one more doubles it, up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the end of a program may wait for a server's goodbye.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest pause while the disk is full: somebody may be making room.
const ROOM: Duration = Duration::from_secs(10);
/// After so long without trouble it counts from the start again.
const CALM: Duration = Duration::from_secs(60);

impl Brain {
    /// Opens the database and makes an engine on its rows.
    pub(super) fn open(&mut self) -> Result<()> {
        let (now, begun) = (self.now(), Instant::now());
        // It hangs before anything is read: what another process commits from here on rings.
        if self.bell.is_none() {
            let _runtime = self.setting.workers.handle().enter();
            self.bell = Some(Bell::hang(&self.setting.folder.lease())?);
        }
        let mut store = Store::open(&self.setting.folder.database(), &self.setting.key)?;
        tracing::info!(target: "dunnock", us = begun.elapsed().as_micros() as u64, "store opened");
        let tx = store.tx()?;
        // Undone with the transaction: what the rows say of the stream is the holder's to change.
        let engine = Engine::open(&tx, now, &mut self.rng)?;
        drop(tx);
        let version = store.data_version()?;
        self.rows = Some(Rows { store, engine, version });
        self.setting.hub.set_trouble(None);
        // A window that was read before the bell hung may lack what was committed in between.
        self.setting.hub.publish_all();
        Ok(())
    }

    /// The same after trouble, or if there was none; what was held then is taken up again.
    pub(super) fn reopen(&mut self) -> Result<()> {
        self.again = None;
        if self.rows.is_some() {
            return Ok(());
        }
        self.open()?;
        self.judge(self.trouble)?;
        let trouble = self.trouble.take();
        if self.lease.is_some() {
            self.take_over()?;
            self.turn(turn::Inputs { trouble, ..Default::default() })?;
        }
        if self.wanted { self.go_online() } else { Ok(()) }
    }

    /// The wire said something, or its channel is closed.
    pub(super) fn heard(&mut self, event: Option<FromWire>) -> Result<()> {
        let Some(event) = event else {
            let stopping = self.link.as_ref().is_none_or(|link| link.is_stopping());
            if !stopping {
                return Err(ErrorKind::Crashed.into());
            }
            return self.wire_ended();
        };
        match event {
            FromWire::Stanza(stanza, count) if self.careful > 0 => self.carefully(stanza, count),
            event => {
                // The server works on the next page while this one is handled.
                if let Some(end) = self.link.as_mut().and_then(|link| link.foresee()) {
                    self.turn(turn::Inputs { foreseen: Some(end), ..Default::default() })?;
                }
                self.turn(turn::Inputs { wire: Some(event), ..Default::default() })
            }
        }
    }

    /// The bell rang: another process may have written, or let go of the lease.
    pub(super) fn rung(&mut self) -> Result<()> {
        let Some(rows) = &mut self.rows else { return Ok(()) };
        let version = rows.store.data_version()?;
        if version != rows.version {
            rows.version = version;
            self.setting.hub.publish_all();
            if self.lease.is_some() {
                return self.turn(turn::Inputs { tick: true, ..Default::default() });
            }
        } else if self.lease.is_none() {
            self.setting.hub.publish(&BTreeSet::from([Touched::Connection]));
        }
        Ok(())
    }

    /// Goes online as soon as the lease is ours. While something stands that only a person can take away, nothing is connected,
    /// and nobody is kept from the account by us.
    pub(super) fn go_online(&mut self) -> Result<()> {
        if self.standing()?.is_some() {
            (self.wanted, self.visiting) = (false, false);
            self.queue.leave();
            return if self.link.is_none() { self.release() } else { Ok(()) };
        }
        if self.lease.is_none() {
            return self.queue.want();
        }
        match &mut self.link {
            Some(link) if link.is_stopping() => {}
            Some(link) => link.hurry(),
            None => self.start_wire()?,
        }
        Ok(())
    }

    /// Ends the stream, and gives the lease back once it has ended.
    pub(super) fn go_offline(&mut self, clean: bool) -> Result<()> {
        (self.wanted, self.visiting) = (false, false);
        self.queue.leave();
        match &mut self.link {
            Some(link) => link.stop(clean),
            None => self.release()?,
        }
        Ok(())
    }

    /// What keeps the account from being connected until a person has said something.
    pub(super) fn standing(&mut self) -> Result<Option<ErrorKind>> {
        match &mut self.rows {
            Some(rows) => rows.store.tx()?.standing(),
            None => Ok(None),
        }
    }

    fn start_wire(&mut self) -> Result<()> {
        let (limits, now) = (self.setting.limits, self.now());
        let Some(rows) = &mut self.rows else { return Ok(()) };
        let tx = rows.store.tx()?;
        let account = tx.account()?;
        let (secret, uses) = tx.secret(now.wall)?;
        let (pin, venture) = (tx.pin()?, tx.venture()?);
        let plain = tx.plain_login()?;
        let vigil = Vigil::of(self.inactive, tx.is_pushed()?);
        let mut witness = Witness::open(&self.setting.folder.witness());
        let mut left = tx.left()?;
        if left.is_some() && !witness.agrees(tx.serial()?) {
            tracing::warn!(target: "dunnock", account = %self.tag, "an older copy of the database resumes nothing");
            left = None;
        }
        if left.is_none() {
            tx.end_resumption()?;
        }
        let serial = tx.serial()?;
        tx.commit()?;
        witness.say(serial);
        self.witness = Some(witness);
        let tokens: Vec<i64> = left.iter().flat_map(|left| &left.sent).map(|(token, _)| *token).collect();
        let (way, version) = (account.way(), secret.version);
        let settings = Settings {
            jid: jid::BareJid::from_str(&account.jid).map_err(|_| ErrorKind::DamagedStore)?,
            secret,
            uses,
            host: account.host,
            port: account.port,
            tls: account.tls,
            ca: account.ca,
            route: account.route,
            whose: self.setting.folder.name.clone(),
            user_agent: account.user_agent,
            pin,
            plain,
            venture,
            left,
            limits,
        };
        let mut link = super::Link::new((self.setting.start_wire)(settings), way, version);
        link.given(tokens.into_iter());
        link.watch(vigil);
        self.link = Some(link);
        Ok(())
    }

    /// The wire is gone. If a person wants it again meanwhile it starts anew, else the lease is free for others.
    pub(super) fn wire_ended(&mut self) -> Result<()> {
        let asked = self.link.take().is_none_or(|link| link.is_stopping());
        self.setting.hub.still();
        self.wanted &= asked;
        if self.wanted { self.go_online() } else { self.release() }
    }

    /// The lease is ours now.
    pub(super) fn leased(&mut self, lease: Lease) -> Result<()> {
        if !self.wanted {
            return Ok(());
        }
        self.lease = Some(lease);
        self.setting.hub.set_holding(true);
        if self.rows.is_none() {
            return Ok(());
        }
        self.take_over()?;
        self.go_online()
    }

    /// Takes the lease if it is free: what a person wants now need not wait for its turn in the queue.
    pub(super) fn take_if_free(&mut self) -> Result<()> {
        if self.lease.is_none()
            && let Some(lease) = Lease::try_take(&self.setting.folder.lease())?
        {
            self.lease = Some(lease);
            self.setting.hub.set_holding(true);
            self.take_over()?;
        }
        Ok(())
    }

    /// Reads anew what the last holder left, and marks the account as held until a clean end.
    fn take_over(&mut self) -> Result<()> {
        let Some(rows) = &mut self.rows else { return Ok(()) };
        let tx = rows.store.tx()?;
        if tx.account()?.unclean {
            self.careful = careful::STANZAS;
        }
        drop(tx);
        self.hold(true)
    }

    /// Gives the lease back after a clean end.
    pub(super) fn release(&mut self) -> Result<()> {
        if self.lease.is_none() {
            return Ok(());
        }
        self.hold(false)?;
        self.careful = 0;
        self.setting.hub.set_holding(false);
        self.witness = None;
        self.lease = None;
        Ok(())
    }

    /// Begins or ends to hold the account. In both cases no stream is up, and the rows say so afterwards.
    fn hold(&mut self, held: bool) -> Result<()> {
        let now = self.now();
        let Some(rows) = &mut self.rows else { return Ok(()) };
        let tx = rows.store.tx()?;
        tx.set_unclean(held)?;
        if !held {
            tx.harmless_all()?;
        }
        rows.engine = Engine::open(&tx, now, &mut self.rng)?;
        let touched = tx.commit()?;
        self.deadline = None;
        self.setting.hub.publish(&touched);
        if let Some(bell) = &self.bell {
            bell.ring();
        }
        Ok(())
    }

    /// Something that should not be: the transaction is undone, the stream ends without a goodbye so that the server sends
    /// again what was not acknowledged, and after a pause all is opened anew.
    pub(super) fn trouble(&mut self, error: Error) {
        tracing::error!(target: "dunnock", account = %self.tag, kind = error.kind.code(), "brain in trouble");
        if let Some(mut link) = self.link.take() {
            link.stop(false);
        }
        self.rows = None;
        self.bell = None;
        self.deadline = None;
        if error.kind == ErrorKind::Crashed {
            self.careful = careful::STANZAS;
        }
        self.setting.hub.still();
        self.setting.hub.set_trouble(Some(error.kind));
        self.trouble = Some(error.kind);
        let now = Instant::now();
        self.failures = match self.troubled {
            Some(last) if now - last < CALM => (self.failures + 1).min(6),
            _ => 0,
        };
        self.troubled = Some(now);
        let most = if error.kind == ErrorKind::DiskFull { ROOM } else { self.setting.limits.back_off };
        self.again = Some(now + (PAUSE * (1 << self.failures)).min(most));
    }

    /// Another process wiped the account.
    pub(super) fn wiped(&mut self, wake: Wake) -> Next {
        if let Some(mut link) = self.link.take() {
            link.stop(true);
        }
        self.rows = None;
        self.lease = None;
        self.setting.hub.set_holding(false);
        self.setting.hub.end();
        if let Wake::Request(Some(request)) = wake {
            refuse(request, &ErrorKind::NoAccount.into());
        }
        Next::End
    }

    /// Ends in good order: the wire first, then the rows are written back, then lease and files go.
    pub(super) fn end(&mut self, clean: bool, answer: Option<oneshot::Sender<bool>>) -> Next {
        let wanted = self.wanted && !self.visiting;
        self.wanted = false;
        self.queue.leave();
        let ended = self.stop_wire(clean).and_then(|()| self.release());
        if let Err(error) = ended {
            tracing::warn!(target: "dunnock", account = %self.tag, kind = error.kind.code(), "unclean end");
        }
        self.link = None;
        if let Some(rows) = self.rows.take() {
            // Others may still read: then the last of them does it.
            let _ = rows.store.checkpoint();
        }
        self.bell = None;
        self.witness = None;
        self.lease = None;
        self.setting.hub.set_holding(false);
        if let Some(answer) = answer {
            let _ = answer.send(wanted);
        }
        Next::End
    }

    /// Tells the wire to end and takes what still comes, for as long as one step of a login may last and a person waits.
    pub(super) fn stop_wire(&mut self, clean: bool) -> Result<()> {
        let handle = self.setting.workers.handle().clone();
        let end = Instant::now() + self.setting.limits.step.min(PATIENCE);
        if let Some(link) = &mut self.link {
            link.stop(clean);
        }
        while self.link.is_some() {
            let event =
                handle.block_on(async { tokio::time::timeout_at(end, super::link::event(&mut self.link)).await });
            match event {
                Ok(Wake::Wire(event)) => self.heard(event)?,
                Ok(_) => self.turn(turn::Inputs::default())?,
                Err(_) => self.link = None,
            }
        }
        Ok(())
    }
}
