//! The route `tor`: Tor inside of this process, by the library arti.
//!
//! One Tor for all accounts of a client, started when the first of them dials; streams of different accounts never share a
//! circuit. It tells how it stands on the [`TorBoard`]. A network that is dead makes arti neither fail nor say so, so the
//! patience is ours.

use super::Socket;
use crate::error::{Error, ErrorKind};
use crate::model::{TorState, TorStatus};
use crate::query::TorBoard;
use arti_client::config::TorClientConfigBuilder;
use arti_client::status::{BlockageKind, BootstrapStatus};
use arti_client::{DormantMode, HasKind, IsolationToken, StreamPrefs, TorClient, TorClientConfig};
use futures_core::Stream;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};
use tor_rtcompat::PreferredRuntime;

/// Steps that a start may stand still before it is given up.
const STUCK: u32 = 2;
/// Steps that a stream may take: of an onion service the descriptor is fetched and a meeting arranged first.
const FAR: u32 = 4;

type Client = Arc<TorClient<PreferredRuntime>>;

/// Tor, once it is needed.
pub(super) struct Tor {
    folder: PathBuf,
    board: Arc<TorBoard>,
    client: OnceCell<Client>,
    resting: AtomicBool,
}

/// Keeps one account's circuits apart from those of others.
#[derive(Clone)]
pub(super) struct Token(IsolationToken);

impl Token {
    pub(super) fn new() -> Token {
        Token(IsolationToken::new())
    }
}

impl Tor {
    /// Keeps its files in `folder`.
    pub(super) fn new(folder: PathBuf, board: Arc<TorBoard>) -> Tor {
        Tor { folder, board, client: OnceCell::new(), resting: AtomicBool::new(false) }
    }

    /// Nobody looks: it does nothing by itself until it is used again.
    pub(super) fn rest(&self, rest: bool) {
        self.resting.store(rest, Ordering::SeqCst);
        if let Some(client) = self.client.get() {
            client.set_dormant(if rest { DormantMode::Soft } else { DormantMode::Normal });
        }
    }

    /// Opens a byte stream to a host by its name, which the far end resolves.
    pub(super) async fn dial(&self, host: &str, port: u16, token: &Token, step: Duration) -> Result<Socket, Error> {
        let client = self.client.get_or_try_init(async || self.create(network()?).await).await?;
        self.started(client, step).await?;
        let mut prefs = StreamPrefs::new();
        prefs.set_isolation(token.0);
        let place = |kind| Error::about(kind, format!("{host}:{port}"));
        match timeout(step * FAR, client.connect_with_prefs((host, port), &prefs)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => {
                tracing::info!(target: "dunnock", tor = ?error.kind(), "tor could not connect");
                Err(place(kind(error.kind())))
            }
            Err(_) => Err(place(ErrorKind::TimedOut)),
        }
    }

    /// Makes the client, which touches no network yet.
    async fn create(&self, network: TorClientConfigBuilder) -> Result<Client, Error> {
        // Another part of the process may have chosen one already: then that one it is.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let builder = TorClient::builder().config(self.config(network)?);
        let client = builder.create_unbootstrapped_async().await.map_err(|error| self.own(&error))?;
        if self.resting.load(Ordering::SeqCst) {
            client.set_dormant(DormantMode::Soft);
        }
        let (mut events, board) = (client.bootstrap_events(), self.board.clone());
        tokio::spawn(async move {
            while let Some(status) = poll_fn(|context| Pin::new(&mut events).poll_next(context)).await {
                board.set(shown(&status));
            }
        });
        Ok(client)
    }

    fn config(&self, mut builder: TorClientConfigBuilder) -> Result<TorClientConfig, Error> {
        let own = |_| Error::about(ErrorKind::File, self.folder.display().to_string());
        let storage = builder.storage();
        storage.state_dir(arti_client::config::CfgPath::new_literal(self.folder.join("state")));
        storage.cache_dir(arti_client::config::CfgPath::new_literal(self.folder.join("cache")));
        // The home is ours alone already; who may write to the folders above it is not Tor's to judge.
        if let Some(home) = self.folder.parent() {
            storage.permissions().ignore_prefix(home);
        }
        builder.build().map_err(own)
    }

    /// Waits until it carries streams. While it makes progress it is waited for.
    async fn started(&self, client: &Client, step: Duration) -> Result<(), Error> {
        let mut bootstrap = pin!(client.bootstrap());
        let mut percent = self.board.status().percent;
        loop {
            tokio::select! {
                // Not cancelled: polled again until it is done, or dropped for good.
                done = &mut bootstrap => return done.map_err(|error| self.own(&error)),
                () = sleep(step * STUCK) => {}
            }
            let now = self.board.status();
            if now.percent == percent {
                let blocked = now.blocked.clone().unwrap_or_else(|| "silent".to_owned());
                tracing::info!(target: "dunnock", percent, blocked, "tor does not start");
                self.board.set(TorStatus { blocked: Some(blocked.clone()), ..now });
                return Err(Error::about(ErrorKind::TorUnreachable, format!("Tor ({blocked}, {percent} %)")));
            }
            percent = now.percent;
        }
    }

    /// A failure of Tor's own, with no place far away in it.
    fn own(&self, error: &arti_client::Error) -> Error {
        tracing::info!(target: "dunnock", tor = ?error.kind(), "tor failed");
        match kind(error.kind()) {
            ErrorKind::File => Error::about(ErrorKind::File, self.folder.display().to_string()),
            _ => Error::about(ErrorKind::TorUnreachable, "Tor"),
        }
    }
}

/// The real network.
#[cfg(not(feature = "testnet"))]
fn network() -> Result<TorClientConfigBuilder, Error> {
    Ok(TorClientConfigBuilder::default())
}

/// The network that the file named by `DUNNOCK_TOR_NETWORK` describes, as JSON of arti's settings. No test goes to the real
/// one by mistake: where none is named there is no Tor.
#[cfg(feature = "testnet")]
fn network() -> Result<TorClientConfigBuilder, Error> {
    let Some(path) = std::env::var_os("DUNNOCK_TOR_NETWORK") else { return Err(ErrorKind::NoTor.into()) };
    let about = || Error::about(ErrorKind::InvalidInput, "DUNNOCK_TOR_NETWORK");
    let text = std::fs::read_to_string(path).map_err(|_| about())?;
    serde_json::from_str(&text).map_err(|_| about())
}

fn shown(status: &BootstrapStatus) -> TorStatus {
    let ready = status.ready_for_traffic();
    // What is not quite there is never shown as all of it.
    let percent = if ready { 100 } else { (status.as_frac() * 100.0).clamp(0.0, 99.0) as u8 };
    let blocked = status.blocked().map(|blockage| match blockage.kind() {
        BlockageKind::Offline => "offline",
        BlockageKind::Filtering => "filtered",
        BlockageKind::ClockSkewed => "clock",
        BlockageKind::CantBootstrap => "directory",
        _ => "unknown",
    });
    TorStatus {
        state: if ready { TorState::Ready } else { TorState::Starting },
        percent,
        blocked: blocked.map(str::to_owned).filter(|_| !ready),
    }
}

/// Our kind for one of arti's.
fn kind(kind: arti_client::ErrorKind) -> ErrorKind {
    use arti_client::ErrorKind as Tor;
    match kind {
        Tor::RemoteHostNotFound | Tor::RemoteHostResolutionFailed => ErrorKind::UnknownHost,
        Tor::ExitTimeout | Tor::RemoteNetworkTimeout => ErrorKind::TimedOut,
        Tor::OnionServiceNotFound
        | Tor::OnionServiceNotRunning
        | Tor::OnionServiceProtocolViolation
        | Tor::OnionServiceConnectionFailed
        | Tor::OnionServiceMissingClientAuth
        | Tor::OnionServiceWrongClientAuth
        | Tor::OnionServiceAddressInvalid => ErrorKind::OnionUnreachable,
        Tor::ForbiddenStreamTarget | Tor::InvalidStreamTarget | Tor::ExitPolicyRejected | Tor::NoExit => {
            ErrorKind::RouteRefused
        }
        Tor::TorAccessFailed
        | Tor::BootstrapRequired
        | Tor::DirectoryExpired
        | Tor::TorDirectoryUnusable
        | Tor::LocalNetworkError
        | Tor::NoPath
        | Tor::ClockSkew => ErrorKind::TorUnreachable,
        Tor::PersistentStateAccessFailed
        | Tor::PersistentStateCorrupted
        | Tor::CacheAccessFailed
        | Tor::CacheCorrupted
        | Tor::FsPermissions => ErrorKind::File,
        _ => ErrorKind::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Folder;

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_named_and_no_network_is_touched() {
        let home = Folder::new();
        let folder = home.path().join("file/tor");
        std::fs::write(home.path().join("file"), "").unwrap();
        let board = Arc::new(TorBoard::default());
        let tor = Tor::new(folder.clone(), board.clone());
        let error = tor.create(TorClientConfigBuilder::default()).await.err().unwrap();
        assert_eq!((error.kind, error.subject), (ErrorKind::File, folder.display().to_string()));
        assert_eq!(board.status().percent, 0);
    }

    #[tokio::test]
    async fn what_is_made_and_not_started_shows_nothing_of_its_way() {
        let home = Folder::new();
        let tor = Tor::new(home.path().join("tor"), Arc::default());
        tor.rest(true);
        let client = tor.create(TorClientConfigBuilder::default()).await.unwrap();
        let status = shown(&client.bootstrap_status());
        assert_eq!((status.state, status.percent), (TorState::Starting, 0));
    }

    #[test]
    fn a_failure_of_the_place_is_none_of_tor_and_the_other_way_round() {
        use arti_client::ErrorKind as Tor;
        assert_eq!(kind(Tor::RemoteHostNotFound), ErrorKind::UnknownHost);
        assert_eq!(kind(Tor::RemoteConnectionRefused), ErrorKind::Unreachable);
        assert_eq!(kind(Tor::OnionServiceNotFound), ErrorKind::OnionUnreachable);
        assert_eq!(kind(Tor::TorAccessFailed), ErrorKind::TorUnreachable);
        assert_eq!(kind(Tor::FsPermissions), ErrorKind::File);
    }
}
