//! What tests need: folders that are gone when dropped, homes, and a wire whose other end the test holds.

use crate::account::{Account, Inner, Shared};
use crate::brain::StartWire;
use crate::command::Tls;
use crate::model::Proof;
use crate::store::account::NewRow;
use crate::store::message::NewMessage;
use crate::store::{AccountFolder, Home, Store, StoreKey, Tx};
use crate::wire::{Arrived, Bound, EVENTS, FromWire, Fuse, Limits, Link, ORDERS, Settings, ToWire};
use crate::workers::Workers;
use minidom::Element;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

pub(crate) const JULIET: &str = "juliet@capulet.example";
pub(crate) const ROMEO: &str = "romeo@montague.example";

/// Stands for a defect of the engine: a stanza whose id is `id` crashes it.
pub(crate) fn crash_if_asked(stanza: &Element, id: &str) {
    if stanza.attr("id") == Some(id) {
        panic!("a defect, for a test");
    }
}

pub(crate) struct Folder(PathBuf);

/// How many there are.
static FOLDERS: AtomicU32 = AtomicU32::new(0);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("dunnock-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        match std::fs::create_dir(&path) {
            // A process of the same number was killed before it could remove its own.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Folder::new(),
            made => {
                made.expect("the temporary folder can be written");
                FOLDERS.fetch_add(1, Ordering::SeqCst);
                Folder(path)
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// What of it this process has open.
    pub(crate) fn open_files(&self) -> Vec<String> {
        let open = std::fs::read_dir("/proc/self/fd").expect("a process sees its own files");
        let paths = open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        let mut ours: Vec<_> = paths.filter(|path| path.starts_with(&self.0)).collect();
        ours.sort();
        ours.iter().map(|path| path.display().to_string()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if FOLDERS.fetch_sub(1, Ordering::SeqCst) == 1 {
            wait_for_threads();
        }
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Waits until no thread of an account is left, as long as no other test has a folder: then the process may end, and what
/// its libraries do at their end crashes a thread that closes a database, or ends, at the same time.
fn wait_for_threads() {
    let ours = |task: std::fs::DirEntry| {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        matches!(name.trim_end(), "brain" | "dunnock")
    };
    let tasks = || std::fs::read_dir("/proc/self/task").expect("a process sees its own threads").flatten();
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while FOLDERS.load(Ordering::SeqCst) == 0 && tasks().any(ours) && std::time::Instant::now() < end {
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

pub(crate) fn key() -> StoreKey {
    StoreKey::from_bytes([7; 32])
}

/// Juliet's account in a home at `path`; made if it is not there.
pub(crate) fn juliet(path: &Path) -> AccountFolder {
    let home = Home::open(path, &key()).unwrap();
    if let Some(folder) = home.folders().unwrap().pop() {
        return folder;
    }
    let row = NewRow {
        jid: JULIET,
        password: "hidden password",
        keep_password: false,
        host: None,
        port: None,
        tls: Tls::Auto,
        ca: None,
        route: &crate::Route::Direct,
        user_agent: "u",
        device: 1,
        identity: &[9; 32],
        now: 0,
    };
    let fill = |store: &mut Store| {
        let tx = store.tx()?;
        tx.create_account(&row)?;
        // Else the first stream would wait for a server's answers.
        tx.set_published()?;
        tx.commit().map(drop)
    };
    home.build(&key(), fill).unwrap()
}

/// A message of Romeo's.
pub(crate) fn says(tx: &Tx, body: &str) -> i64 {
    tx.insert_message(&NewMessage {
        chat: ROMEO,
        own: false,
        sender: ROMEO,
        origin_id: None,
        stanza_id: None,
        body: Some(body),
        sealed: crate::model::Sealing::Full,
        device: None,
        identity: None,
        trust: None,
        sent: 0,
        arrived: 0,
        state: None,
        reason: None,
        digest: b"",
        reply_to: None,
        waiting: false,
    })
    .unwrap()
}

/// The ends of the wires that an account started, one after the other.
pub(crate) struct Wires(mpsc::UnboundedReceiver<Wire>);

impl Wires {
    /// The next wire that is started.
    pub(crate) async fn next(&mut self) -> Wire {
        soon(self.0.recv()).await.expect("the account can start wires")
    }

    /// Whether no wire was started that was not taken yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The other end of a wire.
pub(crate) struct Wire {
    /// What it was started with.
    pub(crate) settings: Settings,
    /// Whether it may still send.
    pub(crate) fuse: Fuse,
    events: mpsc::Sender<FromWire>,
    orders: mpsc::Receiver<ToWire>,
}

impl Wire {
    pub(crate) async fn tell(&self, event: FromWire) {
        assert!(soon(self.events.send(event)).await.is_ok(), "the brain listens");
    }

    /// A fresh stream.
    pub(crate) async fn online(&self) {
        let jid = format!("{JULIET}/r").parse().unwrap();
        self.tell(FromWire::Connecting).await;
        let proof = Proof::Proved;
        self.tell(FromWire::Online(Bound { jid, resumed: false, resumable: None, carbons: true, proof })).await;
    }

    pub(crate) async fn stanza(&self, xml: &str) {
        self.tell(FromWire::Stanza(Arrived::Whole(xml.parse().unwrap()), None)).await;
    }

    /// Both at once, as far as the channel has room.
    pub(crate) async fn tell_together(&self, stanzas: &[&str]) {
        let Ok(mut room) = soon(self.events.reserve_many(stanzas.len())).await else { panic!("the brain is gone") };
        for (xml, place) in stanzas.iter().zip(&mut room) {
            place.send(FromWire::Stanza(Arrived::Whole(xml.parse().unwrap()), None));
        }
    }

    /// Waits until the brain has taken all that it was told.
    pub(crate) async fn taken(&self) {
        let all_taken = async {
            while self.events.capacity() < self.events.max_capacity() {
                tokio::task::yield_now().await;
            }
        };
        soon(all_taken).await;
    }

    /// The next order; none if the brain let go of the wire.
    pub(crate) async fn order(&mut self) -> Option<ToWire> {
        soon(self.orders.recv()).await
    }

    /// An order that is there already.
    pub(crate) fn waiting(&mut self) -> Option<ToWire> {
        self.orders.try_recv().ok()
    }

    /// Takes orders until so many more stanzas are acknowledged.
    pub(crate) async fn handled(&mut self, mut stanzas: u32) {
        while stanzas > 0 {
            match self.order().await {
                Some(ToWire::Handled { stanzas: some }) => stanzas -= some,
                Some(_) => {}
                None => panic!("the brain let go of the wire"),
            }
        }
    }

    /// Takes orders until it is told to stop: whether with a goodbye; none if the brain let go of it without a word.
    pub(crate) async fn stopped(&mut self) -> Option<bool> {
        loop {
            match self.order().await {
                Some(ToWire::Stop { clean }) => return Some(clean),
                Some(_) => {}
                None => return None,
            }
        }
    }
}

/// An account on this folder as another process would open it, and the wires that it starts.
pub(crate) fn open(folder: AccountFolder) -> (Account, Wires) {
    open_on(folder, Workers::start().unwrap())
}

pub(crate) fn open_on(folder: AccountFolder, workers: Workers) -> (Account, Wires) {
    let (started, wires) = mpsc::unbounded_channel();
    let start_wire: StartWire = Arc::new(move |settings| {
        let (to, orders) = mpsc::channel(ORDERS);
        let (events, from) = mpsc::channel(EVENTS);
        let fuse = Fuse::default();
        let _ = started.send(Wire { settings, fuse: fuse.clone(), events, orders });
        Link { to, from, fuse }
    });
    let limits = Limits { back_off: Duration::from_millis(1), step: Duration::from_millis(200), ..Limits::default() };
    let shared =
        Shared { key: Arc::new(key()), workers: Arc::new(workers), limits, start_wire, inactive: Arc::default() };
    (Account { inner: Inner::new(JULIET.into(), folder, shared) }, Wires(wires))
}

/// Ends an account and all threads that used its database, before the end of its process: the database's library cleans up
/// then, and a thread that ends meanwhile would do so once more.
pub(crate) async fn leave(account: Account) {
    account.inner.rest(true, true).await;
    let workers = account.inner.workers.clone();
    let last = move || {
        drop(account);
        workers.join();
    };
    std::thread::spawn(last).join().unwrap();
}

/// Runs one test of this binary again in a process of its own, where no file may grow past `blocks` of 512 bytes, until the
/// process itself lifts the limit. What it says.
pub(crate) fn in_a_small_world(test: &str, home: &Path, blocks: u32) -> String {
    let script =
        format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$0\" --exact {test} --nocapture --test-threads 1");
    let mut child = std::process::Command::new("sh");
    child.arg("-c").arg(script).arg(std::env::current_exe().unwrap()).env("DUNNOCK_TEST_HOME", home);
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text
}

/// Fails a test instead of hanging it.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("this does not take a minute")
}
