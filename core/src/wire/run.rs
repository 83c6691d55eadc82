//! The task: try, be online, end, pause, try again; and when not to.

use super::connect::{Connect, Network};
use super::leave::Leave;
use super::login::{Begun, Resume, Session, login, shown};
use super::session::{Ended, Pump};
use super::state::{BackOff, State};
use super::{Bound, FromWire, Resumable, Settings, ToWire};
use crate::error::{Error, ErrorKind};
use crate::net::{Door, Pace};
use crate::pin::{self, Evidence, Venture, Word};
use crate::route::Route;
use rand::CryptoRng;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

/// Runs the wire of an account until it is told to stop or may not try again.
pub(crate) async fn run<R: CryptoRng + Send>(
    settings: Settings,
    door: Door,
    events: mpsc::Sender<FromWire>,
    commands: mpsc::Receiver<ToWire>,
    rng: R,
) {
    let mut settings = settings;
    let state = State::left(settings.left.take());
    let pace = door.pace();
    let network = Network::new(settings.clone(), door);
    Wire { settings, events, commands, rng, network, state, pace, local: None, objections: 0, doubted: None }
        .run()
        .await;
}

/// So often the server may do that until it is taken for what it has against.
const OBJECTIONS: u32 = 3;

/// The task's parts; `C` makes secured streams.
pub(super) struct Wire<C, R> {
    pub settings: Settings,
    pub events: mpsc::Sender<FromWire>,
    pub commands: mpsc::Receiver<ToWire>,
    pub rng: R,
    pub network: C,
    pub state: State,
    /// How often it may connect.
    pub pace: Arc<Pace>,
    /// Our own end of the last connection.
    pub local: Option<IpAddr>,
    /// How often in a row the server ended a stream that was to be resumed before it was.
    pub objections: u32,
    /// What the last try had against the server.
    pub doubted: Option<Evidence>,
}

/// Whether a failure of this kind may be met again without a person. What stops is what a server said about the account
/// or the login itself; whatever may be the network's doing is tried again, and nothing is sent before TLS is right.
fn retries(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::WrongPassword
            | ErrorKind::NoMechanism
            | ErrorKind::Iterations
            | ErrorKind::LoginDowngraded
            | ErrorKind::PasswordNeeded
            | ErrorKind::ServerProof
            | ErrorKind::OfferAltered
            | ErrorKind::BindingRefused
            | ErrorKind::Contradiction
            | ErrorKind::LoginRefused
            | ErrorKind::LoginCut
            | ErrorKind::Conflict
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidJid
            | ErrorKind::NoTor
            | ErrorKind::OnionNeedsTor
    )
}

impl<C: Connect, R: CryptoRng + Send> Wire<C, R> {
    pub(super) async fn run(mut self) {
        let mut back_off = BackOff::new(self.settings.limits.back_off);
        loop {
            while let Err(free) = self.pace.take() {
                self.pause(free, true).await;
                if self.state.stop.is_some() {
                    return self.end().await;
                }
            }
            (self.state.hurry, self.state.changed) = (false, false);
            if !self.tell(FromWire::Connecting).await {
                return;
            }
            let (mut ended, online) = self.once().await;
            if std::mem::take(&mut self.state.renewed) {
                back_off.renew();
            }
            if !ended.resume && self.state.sm.resumable.take().is_some() && !self.tell(FromWire::Over).await {
                return;
            }
            let stop = self.state.stop.is_some();
            let retry = match &mut ended.error {
                Some(error) if !stop && retries(error.kind) => {
                    let pause = back_off.pause(online, &mut self.rng);
                    let elsewhere = error.kind == ErrorKind::SeeOtherHost && self.network.elsewhere(&error.subject);
                    // What is told is when it will really be: however short the pause, there is a bound.
                    let free = self.pace.free().saturating_duration_since(Instant::now());
                    Some(if elsewhere { free } else { pause.max(free) })
                }
                _ => None,
            };
            let kind = ended.error.as_ref().map(|error| error.kind.code()).unwrap_or("stopped");
            tracing::info!(target: "dunnock", kind, online_s = online.as_secs(), again = retry.is_some(), "stream ended");
            let error = if stop { None } else { ended.error };
            if let Some(evidence) = self.doubted.take()
                && !self.tell(FromWire::Server(Word::Doubted(evidence))).await
            {
                return;
            }
            if !self.tell(FromWire::Offline { error, retry }).await {
                return;
            }
            let Some(pause) = retry else { return };
            self.pause(Instant::now() + pause, false).await;
            if self.state.stop.is_some() {
                return self.end().await;
            }
            if std::mem::take(&mut self.state.renewed) {
                back_off.renew();
            }
        }
    }

    /// It was told to end between two tries.
    async fn end(self) {
        let _ = self.events.send(FromWire::Offline { error: None, retry: None }).await;
    }

    /// One try, to its end; and how long it was online.
    async fn once(&mut self) -> (Ended, Duration) {
        let never = Duration::ZERO;
        self.settle().await;
        let told = self.state.sm.h();
        let resume = self.state.sm.resumable.clone().map(|stream| Resume { stream, h: told });
        let resuming = resume.is_some();
        if let Some(place) = self.state.sm.resumable.as_ref().and_then(|stream| stream.location.as_deref()) {
            self.network.prefer(place);
        }
        let session = match self.enter(resume).await {
            Ok(session) => session,
            // The old stream, if any, is still there to be resumed by a later try.
            Err(mut ended) => {
                let kind = ended.error.as_ref().map(|error| error.kind);
                // Whatever it was, the next try asks nobody but the domain.
                if let Some(stream) = &mut self.state.sm.resumable {
                    stream.location = None;
                }
                self.objections +=
                    u32::from(resuming && matches!(kind, Some(ErrorKind::StreamRefused | ErrorKind::OutOfTurn)));
                ended.resume &= self.objections < OBJECTIONS;
                return (ended, never);
            }
        };
        self.objections = 0;
        let online = Instant::now();
        let ended = self.online(session, told).await;
        (ended, online.elapsed())
    }

    /// Connects and logs in, while the brain's commands are taken in.
    async fn enter(&mut self, resume: Option<Resume>) -> Result<Session, Ended> {
        let Wire { settings, events, commands, rng, network, state, doubted, local, .. } = self;
        let (events, noted) = (events.clone(), state.noted.clone());
        let patience = settings.patience();
        let near = settings.route == Route::Direct;
        let asking = AtomicBool::new(false);
        let mut entering = pin!(async {
            let begun = Instant::now();
            let link = network.connect(rng).await?;
            *local = link.local;
            asking.store(true, Ordering::Relaxed);
            let connect_ms = begun.elapsed().as_millis() as u64;
            let server = link.channel.as_ref().map(shown);
            let key = server.as_ref().map(|server| server.key);
            let mut leave = Leave::new(events, noted, (key, settings.pin.as_ref()), settings.venture.clone());
            settings.uses = settings.uses.saturating_add(1);
            let session = match login(link, settings, resume, &mut leave, rng).await {
                Ok(session) => session,
                Err(error) => {
                    let error = pin::at_known(settings.pin.as_ref(), error, false);
                    let against = |server| pin::contradiction(settings.pin.as_ref(), server, error.kind);
                    // Who has proved itself to be the server may be a poor one.
                    let poor = leave.proved() && matches!(error.kind, ErrorKind::OutOfTurn | ErrorKind::LoginRefused);
                    *doubted = server.clone().filter(|_| !poor).and_then(against);
                    let kind = match (doubted.is_some(), leave.made()) {
                        (true, _) => ErrorKind::Contradiction,
                        // Whoever it was may have cut it to be shown another proof.
                        (false, Some(_)) if retries(error.kind) => ErrorKind::LoginCut,
                        _ => error.kind,
                    };
                    if kind == ErrorKind::LoginCut
                        && let (Some(pin), Some(shown)) = (&settings.pin, server)
                    {
                        let remembered = pin.shown.clone();
                        *doubted = Some(Evidence { remembered, shown, because: kind });
                    }
                    if let Some(key) = leave.made() {
                        settings.venture = Some(Venture { key, ended: Some(kind) });
                    }
                    return Err(Error::about(kind, error.subject));
                }
            };
            let login_ms = begun.elapsed().as_millis() as u64 - connect_ms;
            let resumed = matches!(session.begun, Begun::Resumed { .. });
            let mechanism = session.learned.pin.as_ref().map(|pin| pin.mechanism.as_str()).unwrap_or_default();
            tracing::info!(target: "dunnock", connect_ms, login_ms, resumed, mechanism, "online");
            Ok(session)
        });
        let mut until = None;
        loop {
            if state.stop.is_some() {
                return Err(Ended { error: None, resume: true });
            }
            if std::mem::take(&mut state.changed) {
                // This try may hang on the network that was left; Tor finds its own way. A login is not left in its midst:
                // whoever is there may have been shown a proof, and that is written down at its end.
                state.hurry = true;
                until = until.or(near.then(|| Instant::now() + patience.probe));
            }
            tokio::select! {
                // Not cancelled: polled again until it is done, or dropped for good.
                session = &mut entering => return session.map_err(Ended::cut),
                // Cancel-safe: the end of the patience is a point in time.
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() && !asking.load(Ordering::Relaxed) => {
                    return Err(Ended::cut(ErrorKind::TimedOut.into()));
                }
                // Cancel-safe: a command that is not returned stays in the channel.
                command = commands.recv() => { state.absorb(command); }
            }
        }
    }

    /// Before a resumption the brain finishes what it has of the old stream, as far as it does so soon: else the server
    /// would say it a second time.
    async fn settle(&mut self) {
        let Wire { commands, state, settings, .. } = self;
        if state.sm.resumable.is_none() {
            return;
        }
        let _ = timeout(settings.limits.answer, async {
            while state.sm.behind() > 0 && state.stop.is_none() {
                let command = commands.recv().await;
                state.absorb(command);
            }
        })
        .await;
    }

    /// From a login to the end of its stream.
    async fn online(&mut self, session: Session, told: u32) -> Ended {
        let (mut acked, mut count) = (None, None);
        if let Some(Some(h)) = session.refused {
            // A number that makes no sense is as good as none: the old stream is over either way.
            acked = self.state.sm.acknowledged(h).unwrap_or(None);
            // Rows go with their count, else a process that is killed now would count them twice.
            count = self.state.sm.acked();
        }
        let (resumed, resumable) = match session.begun {
            // A count that is missing or makes no sense does not say what to send again: a fresh stream is needed.
            Begun::Resumed { h } => match h.map(|h| self.state.sm.resumed(told, h)) {
                Some(Ok(token)) => {
                    (acked, count) = (token, self.state.sm.acked());
                    (true, self.state.sm.resumable.clone())
                }
                Some(Err(_)) | None => return Ended::over(ErrorKind::StreamRefused.into()),
            },
            Begun::Counted { id, location } => {
                let resumable = id.map(|id| Resumable { id, jid: session.jid.clone(), location });
                self.state.sm.begin(true, resumable.clone());
                (false, resumable)
            }
            Begun::Plain => {
                self.state.sm.begin(false, None);
                (false, None)
            }
        };
        if !resumed {
            self.state.unbegun += 1;
            // These name rows of the old stream.
            self.state.too_large.clear();
        }
        if let Some(limits) = session.talk.limits {
            self.state.limits = limits;
        }
        let ventured = self.settings.venture.take().is_some();
        let word = session.learned.pin.filter(|pin| ventured || self.settings.pin.as_ref() != Some(pin));
        if let Some(pin) = &word {
            self.settings.pin = Some(pin.clone());
        }
        let bound =
            Bound { jid: session.jid, resumed, resumable, carbons: session.carbons, proof: session.learned.proof };
        let gone = Ended { error: None, resume: true };
        if let Some(token) = acked
            && !self.tell(FromWire::Acked { token, h: count }).await
        {
            return gone;
        }
        if let Some(secret) = session.learned.secret {
            self.settings.secret = secret.clone();
            if !self.tell(FromWire::Learned(secret)).await {
                return gone;
            }
        }
        if let Some(pin) = word
            && !self.tell(FromWire::Server(Word::Met(pin))).await
        {
            return gone;
        }
        if !self.tell(FromWire::Online(bound)).await {
            return gone;
        }
        for arrived in session.talk.early {
            self.state.sm.handed_uncounted();
            if !self.tell(FromWire::Stanza(arrived, None)).await {
                return gone;
            }
        }
        let Wire { settings, events, commands, rng, state, local, .. } = self;
        // What was wished for meanwhile is done.
        state.hurry = false;
        let halves = (session.talk.reader, session.talk.writer);
        let domain = settings.jid.domain().as_str().to_owned();
        let mut pump = Pump::new(halves, state, (events, commands), (settings.limits, domain), rng);
        pump.csi = session.csi;
        (pump.local, pump.probe) = (*local, settings.patience().probe);
        if resumed {
            pump.again();
        }
        let ended = pump.run().await;
        for event in pump.rest() {
            if !self.tell(event).await {
                return gone;
            }
        }
        ended
    }

    /// Tells the brain, in its time; false if it is gone. Its commands are taken in meanwhile, so that it is never
    /// waited for by a wire that it waits for.
    async fn tell(&mut self, event: FromWire) -> bool {
        let Wire { events, commands, state, .. } = self;
        loop {
            tokio::select! {
                // Cancel-safe: a permit that is not taken gives its place back, and the event is not inside.
                permit = events.reserve() => {
                    return permit.map(|permit| permit.send(event)).is_ok();
                }
                // Cancel-safe: a command that is not returned stays in the channel.
                command = commands.recv(), if state.stop.is_none() => { state.absorb(command); }
            }
        }
    }

    /// Waits before the next try; a wish to stop ends it, and unless it `must` be one to hurry or another network.
    async fn pause(&mut self, until: Instant, must: bool) {
        while self.state.stop.is_none() && (must || !(self.state.hurry || self.state.changed)) {
            tokio::select! {
                // Cancel-safe: the end of the pause is a point in time.
                () = sleep_until(until) => return,
                // Cancel-safe: a command that is not returned stays in the channel.
                command = self.commands.recv() => { self.state.absorb(command); }
            }
        }
    }
}
