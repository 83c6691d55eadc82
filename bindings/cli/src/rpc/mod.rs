//! `rpc`: JSON-RPC 2.0 on standard input and output. The contract is `docs/contract.schema.json`.
//!
//! One thread reads lines, one writes them; each request runs as a task of its own, so answers come in any order. Changes
//! to one account are carried out in the order in which they arrived (`lanes`). All queues are bounded: a host that does
//! not read its answers is not read from either.

mod accounts;
mod chats;
mod events;
mod frame;
mod lanes;
mod methods;
mod people;
mod push;
mod rooms;
mod server;

use crate::args::Global;
use crate::out::Stop;
use crate::session::{self, Begin};
use dunnock_core::{Client, ErrorKind};
use events::Events;
use frame::{Incoming, LONGEST_LINE, Rejected, Request};
use lanes::Lanes;
use std::future::poll_fn;
use std::io::{self, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// How many requests may be under way.
const UNDER_WAY: usize = 256;

/// How long the requests that are under way at the end of the input may still take.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// How long the host may take to read the last lines.
const LAST_LINES: Duration = Duration::from_secs(5);

/// What every request works with.
#[derive(Clone)]
pub(crate) struct Server {
    client: Client,
    events: Events,
}

/// Serves until the input ends, nobody reads the output, or a signal comes.
pub(crate) fn serve(global: &Global) -> Result<(), Stop> {
    let (out, lines) = mpsc::channel(UNDER_WAY);
    let written = write_lines(lines)?;
    session::run(global, Begin::May, async |client| {
        let server = Server { client: client.clone(), events: Events::new(out.clone()) };
        server.events.follow_tor(client);
        for account in client.accounts()? {
            server.events.follow(&account);
        }
        answer_all(server, out).await;
        Ok(())
    })?;
    // All senders are gone, so the writer ends; a host that reads no more must not keep the process.
    let _ = written.recv_timeout(LAST_LINES);
    Ok(())
}

/// Reads and answers to the end.
async fn answer_all(server: Server, out: mpsc::Sender<String>) {
    let mut input = read_lines();
    let slots = Arc::new(Semaphore::new(UNDER_WAY));
    let mut lanes = Lanes::new();
    let mut tasks = JoinSet::new();
    let mut ended = pin!(session::interrupted());
    let finish = loop {
        // Nothing is read without a free slot. All arms are cancel-safe: a line that was not taken stays in the channel.
        let next = async {
            let slot = slots.clone().acquire_owned().await;
            (slot, input.recv().await)
        };
        tokio::select! {
            () = &mut ended => break false,
            () = out.closed() => break false,
            Some(_) = tasks.join_next() => {}
            (slot, line) = next => match line {
                None | Some(Incoming::End) => break true,
                Some(line) => {
                    let request = match read(line) {
                        Ok(None) => continue,
                        Ok(Some(request)) => Ok(request),
                        Err(rejected) => Err(rejected),
                    };
                    let turn = request.as_ref().ok().and_then(methods::lane).map(|lane| lanes.turn(lane));
                    let (server, out) = (server.clone(), out.clone());
                    tasks.spawn(async move {
                        let _slot = slot;
                        if let Some(line) = answer(&server, request, turn).await {
                            // Without a reader there is nobody to answer to.
                            let _ = out.send(line).await;
                        }
                    });
                }
            },
        }
    };
    if finish {
        let all = async { while tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_ANSWERS, all).await;
    }
    tasks.shutdown().await;
    server.events.end().await;
}

fn read(line: Incoming) -> Result<Option<Request>, Rejected> {
    match line {
        Incoming::Line(line) => frame::parse(&line),
        Incoming::TooLong | Incoming::End => Err(frame::too_long()),
    }
}

/// The line that answers; none to a notification.
async fn answer(server: &Server, request: Result<Request, Rejected>, turn: Option<lanes::Turn>) -> Option<String> {
    let Request { id, method, params } = match request {
        Ok(request) => request,
        Err(Rejected { id, fault }) => return Some(frame::answer(&id, Err(fault))),
    };
    let turn = match turn {
        Some(turn) => Some(turn.come().await),
        None => None,
    };
    let result = unwinding(methods::call(server, &method, params)).await;
    drop(turn);
    let result = result.unwrap_or_else(|| Err(ErrorKind::Internal.into()));
    id.map(|id| frame::answer(&id, result))
}

/// The future's outcome; none if it panicked: one request must not take the others with it.
async fn unwinding<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// Reads standard input on a thread of its own: it cannot be woken, so at the end of the process it is left behind.
fn read_lines() -> mpsc::Receiver<Incoming> {
    let (lines, receiver) = mpsc::channel(16);
    let work = move || {
        let mut input = BufReader::with_capacity(64 * 1024, io::stdin().lock());
        loop {
            // An input that cannot be read any more is at its end.
            let line = frame::next_line(&mut input, LONGEST_LINE).unwrap_or(Incoming::End);
            let last = line == Incoming::End;
            if lines.blocking_send(line).is_err() || last {
                return;
            }
        }
    };
    // Without the thread the channel is closed at once, which is the end of the input as well.
    let _ = std::thread::Builder::new().name("rpc-in".into()).spawn(work);
    receiver
}

/// Writes lines on a thread of its own, until there are no more or nobody reads them.
/// The receiver hears when that is so.
fn write_lines(mut lines: mpsc::Receiver<String>) -> Result<std::sync::mpsc::Receiver<()>, ErrorKind> {
    let (done, written) = std::sync::mpsc::channel::<()>();
    let work = move || {
        // Dropped at the end, which is what the receiver hears.
        let _done = done;
        let mut out = io::stdout().lock();
        while let Some(line) = lines.blocking_recv() {
            let wrote = out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
            if wrote.is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("rpc-out".into()).spawn(work).map_err(|_| ErrorKind::Internal)?;
    Ok(written)
}
