//! A sync in the background: woken by a push or by the system, for a moment.
//!
//! Each account that a person wants online is visited: somebody is online, this process or another, until a round is over
//! (`engine/ping.rs`). Then it is answered what a person is to be told.
//!
//! A message and the row that says that nobody was told of it are one commit, and the row goes once the message was shown.
//! That is known when the program goes on: by [`Client::notified`], by its next sync, when it is closed or suspended, or when
//! it lived on for a while. Until then a lock says that this process is telling, so no other tells the same; a process that is
//! killed before lets go of the lock, and the rows come again, under the same numbers.

use crate::account::{Account, Inner};
use crate::brain::Request;
use crate::error::{Error, ErrorKind, Result};
use crate::lease::{self, Lease, LeaseQueue};
use crate::model::{Notification, State, SyncReport};
use crate::store::Touched;
use crate::{Client, killpoint, query};
use rand::Rng;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// Who lives on for so long has shown what it was given.
const SHOWN: Duration = Duration::from_secs(10);
/// The longest time that a sync may take.
const LONGEST: Duration = Duration::from_secs(3600);

/// What a process gave out to be shown, and its right to do so.
#[derive(Default)]
pub(crate) struct Telling {
    lock: Option<Lease>,
    given: Vec<i64>,
    /// Grows with each time that something is given out.
    turn: u64,
    /// Syncs of one process are given what there is one after the other.
    order: Arc<tokio::sync::Mutex<()>>,
}

impl Client {
    /// Connects all accounts that a person wants online, catches up, commits, and lets go again without a goodbye, so that
    /// the servers go on pushing. What was online already stays so. Answers within `deadline`, and a few seconds more if a
    /// stream does not end; with 0 it connects nothing and answers what is here.
    ///
    /// Dropping it lets go as well; nothing is lost. Several may run, in several processes.
    /// Errors: `NoAccount` if the home holds none.
    pub async fn background_sync(&self, deadline: Duration) -> Result<SyncReport> {
        let accounts = self.accounts()?;
        if accounts.is_empty() {
            return Err(self.damaged().first().map_or(ErrorKind::NoAccount.into(), |damaged| damaged.error()));
        }
        self.sync(accounts, deadline, false).await
    }

    /// The same for one account. Errors: `NoAccount`; `Offline` if a person disconnected it; why its server refused it.
    pub async fn background_sync_of(&self, account: &str, deadline: Duration) -> Result<SyncReport> {
        self.sync(vec![self.account(account)?], deadline, true).await
    }

    /// The account that the app server means by this node. `NoAccount` if it was removed here, or never was.
    pub fn account_of_push(&self, node: &str) -> Result<Account> {
        let meant = |account: &Account| account.inner.read(|reader| query::is_node(reader, node)).unwrap_or(false);
        self.accounts()?.into_iter().find(meant).ok_or_else(|| Error::about(ErrorKind::NoAccount, node))
    }

    /// All that was answered by syncs so far has been shown.
    pub async fn notified(&self) -> Result<()> {
        for account in self.accounts()? {
            account.inner.told().await?;
        }
        Ok(())
    }

    async fn sync(&self, accounts: Vec<Account>, deadline: Duration, one: bool) -> Result<SyncReport> {
        let end = Instant::now() + deadline.min(LONGEST);
        let mut tasks = JoinSet::new();
        for account in accounts.clone() {
            tasks.spawn_on(sync(account, end, deadline, one), self.handle());
        }
        let mut report = SyncReport { caught_up: true, notifications: Vec::new(), alarms: 0 };
        // Dropped, the set ends its tasks, and each lets go of what it took.
        while let Some(done) = tasks.join_next().await {
            let (caught_up, notifications) = done.map_err(|_| ErrorKind::Crashed)?;
            match caught_up {
                Err(error) if one => return Err(error),
                // Nobody wants it online: there is nothing to catch up with.
                Err(error) if error.kind == ErrorKind::Offline => {}
                caught_up => report.caught_up &= caught_up.unwrap_or(false),
            }
            report.notifications.extend(notifications);
        }
        for account in accounts {
            report.alarms +=
                account.alarms().unwrap_or_default().iter().filter(|alarm| alarm.answer.is_none()).count() as u32;
        }
        Ok(report)
    }
}

/// One account: whether all is here, and what is to be told. If one is asked for alone and cannot be visited, nobody hears
/// what it has to tell: that stays for later.
async fn sync(account: Account, end: Instant, deadline: Duration, one: bool) -> (Result<bool>, Vec<Notification>) {
    let began = account.inner.turn();
    let caught_up = match deadline.is_zero() {
        true => Ok(false),
        false => visit(&account, end).await,
    };
    killpoint::reach("round");
    if one && caught_up.is_err() {
        return (caught_up, Vec::new());
    }
    match account.inner.news(began, end).await {
        Ok(notifications) => (caught_up, notifications),
        Err(error) => (caught_up.and(Err(error)), Vec::new()),
    }
}

async fn visit(account: &Account, end: Instant) -> Result<bool> {
    let about = |error: Error| Error::about(error.kind, account.jid());
    let visit = Visit::begin(account.clone()).await.map_err(about)?;
    let caught_up = visit.over(end).await;
    visit.end().await;
    Ok(caught_up)
}

/// Somebody is online for the account's sake; let go of when dropped.
struct Visit {
    account: Account,
    round: String,
    /// The brain was started for this visit.
    woke: bool,
    over: bool,
}

impl Visit {
    async fn begin(account: Account) -> Result<Visit> {
        let round = format!("{:016x}", rand::make_rng::<rand::rngs::StdRng>().next_u64());
        let woke = !account.inner.is_running();
        let visit = Visit { account, round, woke, over: false };
        let (answer, begun) = oneshot::channel();
        let request = Request::Visit { round: visit.round.clone(), answer };
        let inner = &visit.account.inner;
        if inner.brain()?.send(request).await.is_err() {
            return Err(inner.unanswered());
        }
        begun.await.unwrap_or_else(|_| Err(inner.unanswered()))?;
        Ok(visit)
    }

    /// Waits until the round is over. False if the time was up before, or if the server cannot be had.
    async fn over(&self, end: Instant) -> bool {
        let left = end.saturating_duration_since(Instant::now());
        let (matter, round) = (|touched: &Touched| *touched == Touched::Connection, self.round.clone());
        let done = self.account.until(left, matter, move |inner| {
            let (open, wanted) = inner.read(|reader| query::round(reader, &round))?;
            let connection = inner.connection()?;
            Ok(match connection.state {
                _ if !open => Some(connection.caught_up || connection.archive == Some(false)),
                State::Refused | State::Contradiction => Some(false),
                _ if !wanted => Some(false),
                // Suspended meanwhile.
                _ if !inner.is_running() => Some(false),
                _ => None,
            })
        });
        done.await.unwrap_or(false)
    }

    async fn end(mut self) {
        self.over = true;
        leave(self.account.clone(), self.round.clone(), self.woke).await;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if !self.over {
            let leaving = leave(self.account.clone(), self.round.clone(), self.woke);
            self.account.inner.handle.spawn(leaving);
        }
    }
}

async fn leave(account: Account, round: String, woke: bool) {
    let inner = &account.inner;
    if !inner.is_running() {
        return;
    }
    let Ok(brain) = inner.brain() else { return };
    let (answer, left) = oneshot::channel();
    let idle = brain.send(Request::Leave { round, answer }).await.is_ok() && left.await.unwrap_or(false);
    if idle && woke {
        inner.rest(false, false).await;
    }
}

impl Inner {
    /// How often something was given out.
    fn turn(&self) -> u64 {
        self.telling().turn
    }

    /// What a person is to be told; counts as told by this process from now on. Nothing while another process is telling
    /// until the end of the time: if that one dies, it comes with the next sync.
    ///
    /// A sync that began after something was given out shows that the program went on with it. What another sync was given
    /// meanwhile may still be on its way to the program, and is left out.
    async fn news(self: &Arc<Self>, began: u64, end: Instant) -> Result<Vec<Notification>> {
        let order = self.telling().order.clone();
        let Ok(_turn) = timeout_at(end, order.lock()).await else { return Ok(Vec::new()) };
        if self.turn() == began {
            self.write_given().await?;
        }
        if !self.may_tell(end).await? {
            return Ok(Vec::new());
        }
        let inner = self.clone();
        let read = move || inner.read(|reader| query::notifications(reader, &inner.jid));
        let mut rows = self.handle.spawn_blocking(read).await.map_err(|_| ErrorKind::Crashed)??;
        let turn = {
            let mut telling = self.telling();
            rows.retain(|(id, _)| !telling.given.contains(id));
            telling.given.extend(rows.iter().map(|(id, _)| *id));
            telling.turn += u64::from(!rows.is_empty());
            if telling.given.is_empty() {
                telling.lock = None;
            }
            telling.turn
        };
        if !rows.is_empty() {
            let inner = Arc::downgrade(self);
            self.handle.spawn(async move {
                tokio::time::sleep(SHOWN).await;
                // A program that has ended has told so by itself.
                let Some(inner) = inner.upgrade() else { return };
                let same = inner.turn() == turn;
                if same {
                    let _ = inner.told().await;
                }
            });
        }
        killpoint::reach("told");
        Ok(rows.into_iter().map(|(_, notification)| notification).collect())
    }

    /// What was given out was shown; others may tell now.
    pub(crate) async fn told(self: &Inner) -> Result<()> {
        let written = self.write_given().await;
        self.telling().lock = None;
        written
    }

    async fn write_given(&self) -> Result<()> {
        let given = std::mem::take(&mut self.telling().given);
        // An account wiped meanwhile has nothing to be told any more.
        if given.is_empty() || !self.folder.exists() {
            return Ok(());
        }
        self.write_told(&given)
    }

    /// Whether this process may tell.
    async fn may_tell(&self, end: Instant) -> Result<bool> {
        if self.telling().lock.is_some() {
            return Ok(true);
        }
        let path = self.folder.telling();
        lease::prepare(&path)?;
        let queue = LeaseQueue::new(path);
        queue.want()?;
        let Ok(lock) = timeout_at(end, queue.taken()).await else {
            queue.leave();
            return Ok(false);
        };
        self.telling().lock = Some(lock);
        Ok(true)
    }

    fn telling(&self) -> MutexGuard<'_, Telling> {
        self.telling.lock().expect("no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests;
