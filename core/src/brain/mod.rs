//! The brain: the plain thread that owns an account's database. Stanzas and wishes go in, one transaction happens, rows come out.
//!
//! It never waits for the wire. Nothing is sent, acknowledged, answered or shown before the commit. It may touch store,
//! engine, wire, lease and bell; it is the only one that touches them all.
//!
//! - `turn.rs`: one transaction and what follows from it.
//! - `link.rs`: the running wire as the brain sees it: credit, and what waits for room.
//! - `careful.rs`: one stanza at a time, after an unclean end.
//! - `aside.rs`: stanzas that cannot be handled, kept with a row.
//! - `visit.rs`: a program woken for a moment.
//! - `life.rs`: opening, the lease, trouble and recovery, the end.

mod aside;
mod careful;
mod life;
mod link;
#[cfg(test)]
mod tests;
mod turn;
mod visit;

use crate::bell::Bell;
use crate::clock;
use crate::command::{Command, Reply};
use crate::engine::{Engine, Now, Rng};
use crate::error::{Error, ErrorKind, Result};
use crate::hub::Hub;
use crate::lease::{Lease, LeaseQueue};
use crate::redact::AccountTag;
use crate::store::{AccountFolder, Store, StoreKey, Witness};
use crate::wire::{FromWire, Link as Channels, Settings};
use crate::workers::Workers;
use link::Link;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What the handle of an account asks of its brain.
pub(crate) enum Request {
    /// Carry out a wish.
    Command { command: Command, answer: oneshot::Sender<Result<Reply>> },
    /// Go online if it was online when it was suspended.
    Resume,
    /// Look after the account for a moment: online, and through a round of this name. To be followed by `Leave`, whatever
    /// the answer.
    Visit { round: String, answer: oneshot::Sender<Result<()>> },
    /// The visit is over; answers whether nobody is in need of the brain any more.
    Leave { round: String, answer: oneshot::Sender<bool> },
    /// Whether nobody looks at a screen.
    Inactive(bool),
    /// This device may be on another network.
    NetworkChanged,
    /// End. `clean` says goodbye to the server; answers whether it was meant to be online.
    End { clean: bool, answer: oneshot::Sender<bool> },
}

/// How a wire is started; tests put a wire of their own here.
pub(crate) type StartWire = Arc<dyn Fn(Settings) -> Channels + Send + Sync>;

/// What a brain is given.
pub(crate) struct Setting {
    pub folder: AccountFolder,
    pub key: Arc<StoreKey>,
    pub workers: Arc<Workers>,
    pub hub: Arc<Hub>,
    pub start_wire: StartWire,
    pub limits: crate::wire::Limits,
    pub inactive: bool,
}

/// Requests that may wait.
pub(crate) const REQUESTS: usize = 64;

/// Starts the thread. It ends by [`Request::End`], or when the account was wiped.
pub(crate) fn start(setting: Setting) -> Result<mpsc::Sender<Request>> {
    let (sender, requests) = mpsc::channel(REQUESTS);
    // It will probably dial soon.
    setting.workers.handle().spawn_blocking(crate::wire::warm_up);
    let workers = setting.workers.clone();
    let brain = Brain::new(setting, requests);
    let spawned = std::thread::Builder::new().name("brain".into()).spawn(move || brain.run());
    workers.keep(spawned.map_err(|_| ErrorKind::Internal)?);
    Ok(sender)
}

/// The database and the engine on it; both are opened anew after trouble.
struct Rows {
    store: Store,
    engine: Engine,
    /// The last `data_version`: another one means that another process has written.
    version: i64,
}

struct Brain {
    setting: Setting,
    tag: AccountTag,
    requests: mpsc::Receiver<Request>,
    rows: Option<Rows>,
    bell: Option<Bell>,
    rng: Rng,
    queue: LeaseQueue,
    lease: Option<Lease>,
    link: Option<Link>,
    /// Says beside the database how far its counting came.
    witness: Option<Witness>,
    /// It is to be online.
    wanted: bool,
    /// Visits under way, and whether it is online for their sake alone.
    visits: u32,
    visiting: bool,
    /// Nobody looks at a screen.
    inactive: bool,
    /// Stanzas still to be taken one by one.
    careful: u32,
    /// The one that is being handled, by its fingerprint.
    in_hand: Option<[u8; 32]>,
    /// When the engine has something due, in wall milliseconds.
    deadline: Option<i64>,
    /// What the trouble was, failures in a row, and when to try again.
    trouble: Option<ErrorKind>,
    failures: u32,
    troubled: Option<tokio::time::Instant>,
    again: Option<tokio::time::Instant>,
    /// A request that a batch of commands came upon; it is next.
    stashed: Option<Request>,
}

/// Why the brain woke up.
enum Wake {
    Request(Option<Request>),
    Wire(Option<FromWire>),
    Rung,
    Lease(Lease),
    /// The wire has room again.
    Room,
    Due,
    /// The pause after trouble is over.
    Again,
}

/// Whether the thread goes on.
enum Next {
    On,
    End,
}

impl Brain {
    fn new(setting: Setting, requests: mpsc::Receiver<Request>) -> Brain {
        let queue = LeaseQueue::new(setting.folder.lease());
        let tag = AccountTag::of_folder(&setting.folder.name);
        let inactive = setting.inactive;
        Brain {
            setting,
            tag,
            requests,
            rows: None,
            bell: None,
            rng: rand::make_rng(),
            queue,
            lease: None,
            link: None,
            witness: None,
            wanted: false,
            visits: 0,
            visiting: false,
            inactive,
            careful: 0,
            in_hand: None,
            deadline: None,
            trouble: None,
            failures: 0,
            troubled: None,
            again: None,
            stashed: None,
        }
    }

    fn run(mut self) {
        loop {
            // What a panic leaves is dropped by `trouble`: the rows are opened anew, the transaction was rolled back.
            let step = catch_unwind(AssertUnwindSafe(|| self.step()));
            let trouble = match step {
                Ok(Ok(Next::On)) => continue,
                Ok(Ok(Next::End)) => break,
                Ok(Err(error)) => error,
                Err(_) => ErrorKind::Crashed.into(),
            };
            self.trouble(trouble);
        }
        tracing::debug!(target: "dunnock", account = %self.tag, "brain ended");
    }

    /// Waits for one thing to happen and does all that follows from it.
    fn step(&mut self) -> Result<Next> {
        if self.rows.is_none() && self.again.is_none() {
            self.open()?;
        }
        let handle = self.setting.workers.handle().clone();
        let wake = match self.stashed.take() {
            Some(request) => Wake::Request(Some(request)),
            None => handle.block_on(self.wake()),
        };
        if !self.setting.folder.exists() {
            return Ok(self.wiped(wake));
        }
        self.drain_carefully()?;
        match wake {
            Wake::Request(None) => return Ok(self.end(true, None)),
            Wake::Request(Some(Request::End { clean, answer })) => return Ok(self.end(clean, Some(answer))),
            Wake::Request(Some(Request::Resume)) => self.resume()?,
            Wake::Request(Some(Request::Visit { round, answer })) => self.visited(&round, answer)?,
            Wake::Request(Some(Request::Leave { round, answer })) => {
                let _ = answer.send(self.left(&round)?);
            }
            Wake::Request(Some(Request::Inactive(inactive))) => self.set_inactive(inactive)?,
            Wake::Request(Some(Request::NetworkChanged)) => {
                if let Some(link) = &mut self.link {
                    link.network_changed();
                }
            }
            Wake::Request(Some(request)) => self.requested(request)?,
            Wake::Again => self.reopen()?,
            Wake::Lease(lease) => self.leased(lease)?,
            Wake::Rung => self.rung()?,
            Wake::Wire(event) => self.heard(event)?,
            Wake::Room => self.turn(turn::Inputs::default())?,
            Wake::Due => self.turn(turn::Inputs { tick: true, ..Default::default() })?,
        }
        Ok(Next::On)
    }

    async fn wake(&mut self) -> Wake {
        let due = self.deadline.filter(|_| self.lease.is_some() && self.rows.is_some());
        let pause = due.map(|due| Duration::from_millis((due - clock::now().wall).clamp(0, 86_400_000) as u64));
        let again = self.again;
        // Every arm can be cancelled: a channel, a queue or a bell keeps what was not taken.
        tokio::select! {
            biased;
            request = self.requests.recv() => Wake::Request(request),
            () = maybe(again.map(tokio::time::sleep_until)) => Wake::Again,
            event = link::event(&mut self.link) => event,
            lease = self.queue.taken() => Wake::Lease(lease),
            () = async { match &mut self.bell { Some(bell) => bell.rung().await, None => std::future::pending().await } } => Wake::Rung,
            () = maybe(pause.map(tokio::time::sleep)) => Wake::Due,
        }
    }

    /// A command; in trouble it is also the sign to try again at once.
    fn requested(&mut self, request: Request) -> Result<()> {
        let mut ready = if self.rows.is_none() { self.reopen() } else { Ok(()) };
        if let Request::Command { command: Command::Connect | Command::ConnectAgain, .. } = &request {
            ready = ready.and_then(|()| self.take_if_free());
        }
        if let Err(error) = ready {
            refuse(request, &error);
            return Err(error);
        }
        self.turn(turn::Inputs { request: Some(request), ..Default::default() })?;
        if self.wanted || self.link.is_some() { Ok(()) } else { self.release() }
    }

    fn now(&self) -> Now {
        clock::now()
    }
}

/// Answers a request that cannot be carried out.
fn refuse(request: Request, error: &Error) {
    if let Request::Command { answer, .. } = request {
        let _ = answer.send(Err(Error::about(error.kind, error.subject.clone())));
    }
}

async fn maybe(sleep: Option<tokio::time::Sleep>) {
    match sleep {
        Some(sleep) => sleep.await,
        None => std::future::pending().await,
    }
}
