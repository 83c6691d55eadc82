//! The running wire as the brain sees it. The brain never waits for it: what finds no room is tried again when there is some.

use super::Wake;
use crate::engine;
use crate::store::account::Way;
use crate::wire::{Arrived, CREDIT, FromWire, Fuse, Link as Channels, ToWire, Vigil};
use minidom::Element;
use std::collections::VecDeque;
use tokio::sync::mpsc::{Receiver, Sender};

/// How many events may be taken from the channel before their turn: a page of an archive and its end.
const AHEAD: usize = 128;

pub(super) struct Link {
    /// Where it connects and how.
    pub(super) way: Way,
    /// Which of the account's passwords it logs in with.
    pub(super) secret: i64,
    fuse: Fuse,
    to: Sender<ToWire>,
    from: Receiver<FromWire>,
    /// Events taken from the channel to be looked at, in order, and how many of them were.
    ahead: VecDeque<FromWire>,
    looked: usize,
    /// A stream is up.
    pub(super) online: bool,
    /// The wire has still to hear that a fresh stream was seen here.
    begin: bool,
    /// The last token given to the wire on this stream.
    pub(super) last: i64,
    /// Tokens given and not written yet.
    unwritten: VecDeque<i64>,
    /// Stanzas committed and not told yet.
    handled: u32,
    /// Ventures committed and not told yet.
    noted: u32,
    /// The wire has still to hear who looks after its stream.
    vigil: Option<Vigil>,
    /// And that the network changed.
    changed: bool,
    /// The wire's channel was full.
    crowded: bool,
    /// It is to end, with a goodbye or not; and whether it was told.
    stop: Option<bool>,
    told: bool,
}

/// What the wire says next, or that it has room again. Can be cancelled.
pub(super) async fn event(link: &mut Option<Link>) -> Wake {
    let Some(link) = link else { return std::future::pending().await };
    if let Some(event) = link.next_ahead() {
        return Wake::Wire(Some(event));
    }
    if !link.crowded {
        return Wake::Wire(link.from.recv().await);
    }
    tokio::select! {
        biased;
        event = link.from.recv() => Wake::Wire(event),
        _ = link.to.reserve() => Wake::Room,
    }
}

impl Link {
    pub(super) fn new(channels: Channels, way: Way, secret: i64) -> Link {
        Link {
            way,
            secret,
            fuse: channels.fuse,
            to: channels.to,
            from: channels.from,
            ahead: VecDeque::new(),
            looked: 0,
            online: false,
            begin: false,
            last: 0,
            unwritten: VecDeque::new(),
            handled: 0,
            noted: 0,
            vigil: None,
            changed: false,
            crowded: false,
            stop: None,
            told: false,
        }
    }

    /// The wire begins with these tokens, which an earlier one was given.
    pub(super) fn given(&mut self, tokens: impl Iterator<Item = i64>) {
        self.unwritten.extend(tokens);
        self.last = self.unwritten.back().copied().unwrap_or(0);
    }

    /// The next event, if one waits.
    pub(super) fn waiting(&mut self) -> Option<FromWire> {
        self.next_ahead().or_else(|| self.from.try_recv().ok())
    }

    fn next_ahead(&mut self) -> Option<FromWire> {
        self.looked = self.looked.saturating_sub(1);
        self.ahead.pop_front()
    }

    /// Looks at what came and has not had its turn: the end of an archive's page, if there is one, as a copy.
    pub(super) fn foresee(&mut self) -> Option<Element> {
        while self.ahead.len() < AHEAD
            && let Ok(event) = self.from.try_recv()
        {
            self.ahead.push_back(event);
        }
        let unseen = self.ahead.iter().skip(self.looked);
        let mut ends = unseen.filter_map(|event| match event {
            FromWire::Stanza(Arrived::Whole(stanza), _) if engine::ends_page(stanza) => Some(stanza),
            _ => None,
        });
        let end = ends.next_back().cloned();
        self.looked = self.ahead.len();
        end
    }

    /// The stream is up. A fresh one starts from the first row; a resumed one goes on.
    pub(super) fn online(&mut self, resumed: bool) {
        self.online = true;
        if !resumed {
            self.begin = true;
            self.last = 0;
            self.unwritten.clear();
            self.flush();
        }
    }

    pub(super) fn offline(&mut self) {
        self.online = false;
    }

    pub(super) fn written(&mut self, token: i64) {
        while self.unwritten.front().is_some_and(|first| *first <= token) {
            self.unwritten.pop_front();
        }
    }

    /// These bytes will not be written.
    pub(super) fn too_large(&mut self, token: i64) {
        self.unwritten.retain(|given| *given != token);
    }

    /// How many rows may go now.
    pub(super) fn credit(&self) -> usize {
        if !self.online || self.begin || self.stop.is_some() || self.is_cut() {
            0
        } else {
            CREDIT - self.unwritten.len().min(CREDIT)
        }
    }

    /// So many stanzas are on the disk.
    pub(super) fn committed(&mut self, stanzas: u32) {
        self.handled += stanzas;
        self.flush();
    }

    /// What the wire is about to venture is on the disk.
    pub(super) fn noted(&mut self, ventures: u32) {
        self.noted += ventures;
        self.flush();
    }

    /// Tells what found no room before.
    fn flush(&mut self) {
        self.crowded = false;
        if self.begin {
            self.begin = self.to.try_send(ToWire::Begin).is_err();
            self.crowded = self.begin;
        }
        if self.handled > 0 {
            match self.to.try_send(ToWire::Handled { stanzas: self.handled }) {
                Ok(()) => self.handled = 0,
                Err(_) => self.crowded = true,
            }
        }
        while self.noted > 0 && !self.crowded {
            match self.to.try_send(ToWire::Noted) {
                Ok(()) => self.noted -= 1,
                Err(_) => self.crowded = true,
            }
        }
        if let Some(vigil) = self.vigil {
            match self.to.try_send(ToWire::Watch(vigil)) {
                Ok(()) => self.vigil = None,
                Err(_) => self.crowded = true,
            }
        }
        if self.changed {
            self.changed = self.to.try_send(ToWire::NetworkChanged).is_err();
            self.crowded |= self.changed;
        }
        if let Some(clean) = self.stop
            && !self.told
            && !self.crowded
        {
            self.told = self.to.try_send(ToWire::Stop { clean }).is_ok();
            self.crowded = !self.told;
        }
    }

    /// Gives rows to the wire as far as there is room; the rest is pulled again.
    pub(super) fn send(&mut self, rows: Vec<(i64, Vec<u8>)>) {
        for (token, bytes) in rows {
            let message = bytes.starts_with(b"<message");
            if self.to.try_send(ToWire::Send { token, bytes }).is_err() {
                self.crowded = true;
                return;
            }
            self.unwritten.push_back(token);
            self.last = token;
            if message {
                crate::killpoint::reach("send");
            }
        }
    }

    /// Who looks after the stream from now on.
    pub(super) fn watch(&mut self, vigil: Vigil) {
        self.vigil = Some(vigil);
        self.flush();
    }

    /// This device may be on another network.
    pub(super) fn network_changed(&mut self) {
        self.changed = true;
        self.flush();
    }

    /// Try now.
    pub(super) fn hurry(&mut self) {
        let _ = self.to.try_send(ToWire::Hurry);
    }

    /// End. Its last events still come.
    pub(super) fn stop(&mut self, clean: bool) {
        if self.stop.is_none() {
            self.stop = Some(clean);
            self.flush();
        }
    }

    /// Nothing more goes out on its way, from now on. It is still to be stopped.
    pub(super) fn cut(&self) {
        self.fuse.blow();
    }

    /// Whether it was cut.
    pub(super) fn is_cut(&self) -> bool {
        self.fuse.is_blown()
    }

    /// Whether it is to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_some()
    }
}
