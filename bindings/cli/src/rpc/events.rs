//! Events to notifications: one task an account, all into the one bounded output.

use crate::rpc::frame;
use dunnock_core::model::{TorState, TorStatus};
use dunnock_core::{Account, Client};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::sync::watch;

/// How Tor stands, as an event.
#[derive(Serialize)]
struct Told {
    kind: &'static str,
    #[serde(flatten)]
    status: TorStatus,
}

/// Follows accounts. Clones are handles of the same one.
#[derive(Clone)]
pub(crate) struct Events {
    out: mpsc::Sender<String>,
    end: Arc<watch::Sender<bool>>,
}

impl Events {
    /// Notifications go to `out`.
    pub(crate) fn new(out: mpsc::Sender<String>) -> Self {
        Events { out, end: Arc::new(watch::Sender::new(false)) }
    }

    /// Tells every event of this account from now on, until it is removed. Must be called within the runtime.
    pub(crate) fn follow(&self, account: &Account) {
        let mut events = account.events();
        let mut end = self.end.subscribe();
        let out = self.out.clone();
        tokio::spawn(async move {
            loop {
                // Cancel-safe: what was not taken is given up only at the very end.
                let batch = tokio::select! {
                    batch = events.next() => batch,
                    _ = end.wait_for(|ended| *ended) => None,
                };
                let Some(batch) = batch else { return };
                for event in &batch {
                    let sent = tokio::select! {
                        sent = out.send(frame::event(event)) => sent.is_ok(),
                        _ = end.wait_for(|ended| *ended) => false,
                    };
                    if !sent {
                        return;
                    }
                }
            }
        });
    }

    /// Tells how Tor stands whenever that changes, once it was needed. Must be called within the runtime.
    pub(crate) fn follow_tor(&self, client: &Client) {
        let (mut tor, mut end, out) = (client.watch_tor(), self.end.subscribe(), self.out.clone());
        tokio::spawn(async move {
            loop {
                // Cancel-safe: what was not taken is given up only at the very end.
                let status = tokio::select! {
                    status = tor.next() => status,
                    _ = end.wait_for(|ended| *ended) => None,
                };
                let Some(status) = status else { return };
                if status.state == TorState::Off {
                    continue;
                }
                let told = Told { kind: "tor", status };
                let sent = tokio::select! {
                    sent = out.send(frame::event(&told)) => sent.is_ok(),
                    _ = end.wait_for(|ended| *ended) => false,
                };
                if !sent {
                    return;
                }
            }
        });
    }

    /// Ends all following; returns when that is done, so that the output can come to its end.
    pub(crate) async fn end(self) {
        self.end.send_replace(true);
        self.end.closed().await;
    }
}
