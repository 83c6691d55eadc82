//! A home under bad conditions: what is said, and that nothing is lost or overwritten.

use super::account::NewRow;
use super::message::NewMessage;
use super::{AccountFolder, Home, Reader, Store, StoreKey, export};
use crate::ErrorKind;
use crate::command::Tls;
use crate::error::Result;
use crate::model::Sealing;
use crate::scratch::{Folder, in_a_small_world};
use std::fs;
use std::path::Path;

fn key() -> StoreKey {
    StoreKey::from_bytes([7; 32])
}

fn fill(store: &mut Store, messages: usize) -> Result<()> {
    let tx = store.tx()?;
    tx.create_account(&NewRow {
        jid: "juliet@capulet.example",
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
    })?;
    for number in 0..messages {
        say(&tx, &format!("message {number} {}", "x".repeat(300)))?;
    }
    tx.commit().map(drop)
}

fn say(tx: &super::Tx, body: &str) -> Result<i64> {
    tx.insert_message(&NewMessage {
        chat: "romeo@montague.example",
        own: false,
        sender: "romeo@montague.example",
        origin_id: None,
        stanza_id: None,
        body: Some(body),
        sealed: Sealing::Full,
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
}

/// A home with one account of so many messages.
fn home(folder: &Folder, messages: usize) -> (Home, AccountFolder) {
    let home = Home::open(folder.path(), &key()).unwrap();
    let account = home.build(&key(), |store| fill(store, messages)).unwrap();
    (home, account)
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    result.err().map(|error| error.kind).unwrap()
}

/// All files below, with their bytes.
fn files(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push((entry.path().display().to_string(), fs::read(entry.path()).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn the_home_is_private_and_names_nobody() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let (_, account) = home(&folder, 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.path()), 0o700);
    assert_eq!(mode(&folder.path().join("accounts")), 0o700);
    assert_eq!(mode(&folder.path().join("key.check")), 0o600);
    assert_eq!(mode(&account.database()), 0o600);
    assert_eq!(account.name.len(), 16);
    let names: Vec<_> = files(folder.path()).into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| !name.contains("juliet")), "{names:?}");
    assert_eq!(names.len(), 3, "{names:?}");
    for (_, bytes) in files(folder.path()) {
        for canary in ["juliet", "hidden password", "message 0"] {
            assert!(!bytes.windows(canary.len()).any(|window| window == canary.as_bytes()));
        }
    }
}

#[test]
fn a_wrong_key_is_told_before_anything_is_touched() {
    let folder = Folder::new();
    home(&folder, 1);
    let before = files(folder.path());
    assert_eq!(kind(Home::open(folder.path(), &StoreKey::from_bytes([8; 32]))), ErrorKind::WrongKey);
    assert!(before == files(folder.path()));
    Home::open(folder.path(), &key()).unwrap();
}

#[test]
fn accounts_without_a_key_check_are_not_tied_to_a_new_key() {
    let folder = Folder::new();
    home(&folder, 1);
    fs::remove_file(folder.path().join("key.check")).unwrap();
    let before = files(folder.path());
    assert_eq!(kind(Home::open(folder.path(), &StoreKey::from_bytes([8; 32]))), ErrorKind::DamagedStore);
    assert!(before == files(folder.path()));
}

#[test]
fn a_damaged_key_check_is_not_taken_for_a_wrong_key() {
    let folder = Folder::new();
    home(&folder, 1);
    fs::write(folder.path().join("key.check"), b"short").unwrap();
    assert_eq!(kind(Home::open(folder.path(), &StoreKey::from_bytes([8; 32]))), ErrorKind::DamagedStore);
}

#[test]
fn several_at_once_may_open_a_home_that_is_not_there_yet() {
    for _ in 0..20 {
        let folder = Folder::new();
        let begin = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            let open = || {
                begin.wait();
                Home::open(&folder.path().join("home"), &key()).map(drop).unwrap();
            };
            let all = [0; 4].map(|_| scope.spawn(open));
            all.into_iter().for_each(|one| one.join().unwrap());
        });
    }
}

#[test]
fn a_lost_key_check_comes_back_with_the_key_that_opens_an_account() {
    let folder = Folder::new();
    home(&folder, 1);
    let check = folder.path().join("key.check");
    let before = fs::read(&check).unwrap();
    fs::remove_file(&check).unwrap();
    Home::open(folder.path(), &key()).unwrap();
    assert_eq!(fs::read(&check).unwrap(), before);
    fs::write(&check, b"short").unwrap();
    Home::open(folder.path(), &key()).unwrap();
    assert_eq!(fs::read(&check).unwrap(), before);
}

/// Opens as a brain does and reads all that a person may ask for.
fn use_all(account: &AccountFolder) -> Result<()> {
    Store::open(&account.database(), &key())?;
    let reader = Reader::open(&account.database(), &key())?;
    let sum = "SELECT sum(length(body)) FROM message";
    reader.sql().query_row(sum, [], |row| row.get::<_, Option<i64>>(0))?;
    Ok(())
}

#[test]
fn every_damage_is_told_as_such_and_nothing_is_overwritten() {
    let flip = |at: usize| move |bytes: &mut Vec<u8>| bytes[at] ^= 1;
    type Damage = Box<dyn Fn(&mut Vec<u8>)>;
    let damages: Vec<(&str, Damage)> = vec![
        ("flipped salt", Box::new(flip(3))),
        ("flipped first page", Box::new(flip(200))),
        ("flipped later page", Box::new(|bytes| (5..bytes.len() / 4096).for_each(|page| bytes[page * 4096 + 99] ^= 1))),
        ("truncated to half", Box::new(|bytes| bytes.truncate(bytes.len() / 2 / 4096 * 4096))),
        ("truncated within a page", Box::new(|bytes| bytes.truncate(bytes.len() / 2 + 100))),
        ("truncated to less than a page", Box::new(|bytes| bytes.truncate(1000))),
        ("empty", Box::new(Vec::clear)),
        ("zeroed", Box::new(|bytes| bytes.fill(0))),
        ("zeroed first page", Box::new(|bytes| bytes[..4096].fill(0))),
        ("foreign text", Box::new(|bytes| *bytes = b"Two households, both alike in dignity\n".repeat(999))),
        ("foreign database", Box::new(|bytes| *bytes = plain_database())),
        ("another key's database", Box::new(|bytes| *bytes = another_database())),
    ];
    for (name, damage) in damages {
        let folder = Folder::new();
        let (home, account) = home(&folder, 100);
        let mut bytes = fs::read(account.database()).unwrap();
        damage(&mut bytes);
        fs::write(account.database(), &bytes).unwrap();
        assert_eq!(kind(use_all(&account)), ErrorKind::DamagedStore, "{name}");
        assert!(fs::read(account.database()).unwrap() == bytes, "{name}: overwritten");
        assert!(Home::has_accounts(folder.path()).unwrap(), "{name}");
        // Another account in the same home is none the worse.
        let other = home.build(&key(), |store| fill(store, 3)).unwrap();
        use_all(&other).unwrap();
    }
}

#[test]
fn a_missing_database_is_never_made_anew() {
    let folder = Folder::new();
    let (_, account) = home(&folder, 1);
    fs::remove_file(account.database()).unwrap();
    assert_eq!(kind(use_all(&account)), ErrorKind::DamagedStore);
    assert!(!account.database().exists());
}

fn plain_database() -> Vec<u8> {
    let folder = Folder::new();
    let path = folder.path().join("plain");
    let plain = rusqlite::Connection::open(&path).unwrap();
    plain.execute_batch("CREATE TABLE account (jid TEXT, created INTEGER); PRAGMA user_version = 1;").unwrap();
    drop(plain);
    fs::read(path).unwrap()
}

fn another_database() -> Vec<u8> {
    let folder = Folder::new();
    let other = StoreKey::from_bytes([1; 32]);
    let path = folder.path().join("other");
    let mut store = Store::create(&path, &other).unwrap();
    fill(&mut store, 1).unwrap();
    store.checkpoint().unwrap();
    drop(store);
    fs::read(path).unwrap()
}

#[test]
fn export_saves_all_but_what_lies_on_the_damaged_page() {
    let folder = Folder::new();
    let (_, account) = home(&folder, 500);
    let mut whole = Vec::new();
    let all = export(&account.database(), &key(), &mut whole).unwrap();
    assert_eq!((all.rows, all.gaps), (502, 0));
    let text = String::from_utf8(whole).unwrap();
    assert!(text.contains("message 499") && !text.contains("hidden password") && !text.contains("identity\":\"09"));

    let mut lost_most = 0;
    let bytes = fs::read(account.database()).unwrap();
    for page in (0..bytes.len() / 4096).filter(|page| *page < 8 || page % 5 == 0) {
        let mut damaged = bytes.clone();
        damaged[page * 4096 + 1000] ^= 0x40;
        fs::write(account.database(), &damaged).unwrap();
        let mut out = Vec::new();
        let saved = export(&account.database(), &key(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap().lines().count() as u64, saved.rows);
        lost_most = lost_most.max(all.rows - saved.rows);
        assert!(saved.rows == all.rows || saved.gaps > 0, "page {page}: a silent loss");
        assert!(fs::read(account.database()).unwrap() == damaged, "overwritten");
    }
    // A page of the table holds about eleven rows; the one above all of them takes them all along.
    assert!((11..=500).contains(&lost_most), "lost {lost_most}");
}

#[test]
fn a_lost_beginning_costs_no_message() {
    type Damage = fn(&mut [u8]);
    let beginnings: [(&str, Damage); 3] = [
        ("flipped salt", |bytes| bytes[3] ^= 1),
        ("flipped first page", |bytes| bytes[200] ^= 1),
        ("zeroed first page but for its salt", |bytes| bytes[16..4096].fill(0)),
    ];
    for (name, damage) in beginnings {
        let folder = Folder::new();
        let (_, account) = home(&folder, 300);
        // What is still in the log counts too.
        let mut store = Store::open(&account.database(), &key()).unwrap();
        let tx = store.tx().unwrap();
        say(&tx, "the last one").unwrap();
        tx.commit().unwrap();
        let copy = Folder::new();
        for file in ["store.db", "store.db-wal"] {
            fs::copy(account.database().with_file_name(file), copy.path().join(file)).unwrap();
        }
        let path = copy.path().join("store.db");
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        let mut out = Vec::new();
        let saved = export(&path, &key(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(saved.rows, 303, "{name}");
        assert!(
            text.contains("juliet@capulet.example") && text.contains("message 0 ") && text.contains("the last one"),
            "{name}"
        );
        assert!(fs::read(&path).unwrap() == bytes, "{name}: overwritten");
    }
}

#[test]
fn of_a_foreign_or_empty_file_nothing_is_saved() {
    for bytes in [Vec::new(), vec![0; 40960], plain_database(), another_database()] {
        let folder = Folder::new();
        let (_, account) = home(&folder, 1);
        fs::write(account.database(), &bytes).unwrap();
        let mut out = Vec::new();
        assert_eq!(kind(export(&account.database(), &key(), &mut out)), ErrorKind::DamagedStore);
        assert!(out.is_empty());
    }
}

#[test]
fn a_failed_add_leaves_no_trace() {
    let folder = Folder::new();
    let home = Home::open(folder.path(), &key()).unwrap();
    let before = files(folder.path());
    assert_eq!(kind(home.build(&key(), |_| Err(ErrorKind::DiskFull.into()))), ErrorKind::DiskFull);
    assert!(before == files(folder.path()) && home.folders().unwrap().is_empty());
}

#[test]
fn what_a_crash_left_half_built_is_no_account_and_is_swept() {
    let folder = Folder::new();
    let home = Home::open(folder.path(), &key()).unwrap();
    let left = folder.path().join("accounts/.partial-0123456789abcdef");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("store.db"), b"half").unwrap();
    assert!(home.folders().unwrap().is_empty() && !Home::has_accounts(folder.path()).unwrap());
    home.build(&key(), |store| fill(store, 1)).unwrap();
    assert!(!left.exists());
}

#[test]
fn wiping_takes_all_of_an_account_and_nothing_of_another() {
    let folder = Folder::new();
    let (home, account) = home(&folder, 1);
    let other = home.build(&key(), |store| fill(store, 1)).unwrap();
    home.wipe(&account).unwrap();
    assert!(!account.exists());
    use_all(&other).unwrap();
    assert!(files(folder.path()).iter().all(|(name, _)| name.ends_with("key.check") || name.contains(&other.name)));
}

#[test]
fn a_home_that_cannot_be_written_says_so() {
    let folder = Folder::new();
    let file = folder.path().join("file");
    fs::write(&file, b"not a folder").unwrap();
    // Holds for root as well, whom permissions do not stop.
    assert_eq!(kind(Home::open(&file, &key())), ErrorKind::ReadOnlyHome);
    assert_eq!(kind(Home::open(&file.join("home"), &key())), ErrorKind::ReadOnlyHome);
    assert_eq!(fs::read(&file).unwrap(), b"not a folder");
}

#[test]
fn a_log_that_cannot_be_written_says_so_and_costs_nothing() {
    let folder = Folder::new();
    let (_, account) = home(&folder, 5);
    let before = fs::read(account.database()).unwrap();
    // A folder where SQLite's log should be: not even root can write it.
    let log = account.database().with_file_name("store.db-wal");
    fs::create_dir(&log).unwrap();
    assert_eq!(kind(use_all(&account)), ErrorKind::ReadOnlyHome);
    fs::remove_dir(&log).unwrap();
    assert!(fs::read(account.database()).unwrap() == before);
    use_all(&account).unwrap();
}

#[test]
fn a_full_disk_is_told_and_costs_nothing_that_was_committed() {
    const NAME: &str = "store::tests::a_full_disk_is_told_and_costs_nothing_that_was_committed";
    if let Some(home) = std::env::var_os("DUNNOCK_TEST_HOME") {
        return fill_the_disk(Path::new(&home));
    }
    let folder = Folder::new();
    let (home, account) = home(&folder, 5);
    let said = in_a_small_world(NAME, folder.path(), 900);
    let committed: i64 = said.lines().find_map(|line| line.strip_prefix("committed ")?.parse().ok()).unwrap();
    assert!(committed > 5, "{said}");
    let mut store = Store::open(&account.database(), &key()).unwrap();
    let count = |store: &Store| -> i64 {
        store.read().query_row("SELECT count(*) FROM message", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(&store), committed);
    let tx = store.tx().unwrap();
    say(&tx, "there is room again").unwrap();
    tx.commit().unwrap();
    assert_eq!(count(&store), committed + 1);
    home.build(&key(), |store| fill(store, 1)).unwrap();
}

/// In the small world: writes until there is no room.
fn fill_the_disk(path: &Path) {
    let home = Home::open(path, &key()).unwrap();
    let account = home.folders().unwrap().remove(0);
    let mut store = Store::open(&account.database(), &key()).unwrap();
    let mut committed = 5;
    let full = loop {
        let tx = store.tx().unwrap();
        let done = (0..20).try_for_each(|_| say(&tx, &"much ado ".repeat(200)).map(drop)).and_then(|()| tx.commit());
        match done {
            Ok(_) => committed += 20,
            Err(error) => break error.kind,
        }
        assert!(committed < 10_000, "the world is not small");
    };
    println!("\ncommitted {committed}");
    assert_eq!(full, ErrorKind::DiskFull);
    // A new account finds no room either and leaves nothing behind.
    let big = |store: &mut Store| fill(store, 5_000);
    assert_eq!(kind(home.build(&key(), big)), ErrorKind::DiskFull);
    assert_eq!(home.folders().unwrap().len(), 1);
}

/// What SQLCipher has to say about a page it says to standard error, unless told not to.
#[test]
fn damage_is_not_written_to_standard_error() {
    const NAME: &str = "store::tests::damage_is_not_written_to_standard_error";
    if let Some(path) = std::env::var_os("DUNNOCK_TEST_HOME") {
        let account = Home::open(Path::new(&path), &key()).unwrap().folders().unwrap().remove(0);
        assert_eq!(kind(use_all(&account)), ErrorKind::DamagedStore);
        return;
    }
    let folder = Folder::new();
    let (_, account) = home(&folder, 50);
    let whole = fs::read(account.database()).unwrap();
    for page in [0, 4] {
        let mut bytes = whole.clone();
        (page..bytes.len() / 4096).for_each(|page| bytes[page * 4096 + 99] ^= 1);
        fs::write(account.database(), &bytes).unwrap();
        let said = in_a_small_world(NAME, folder.path(), 100_000);
        assert!(!said.to_lowercase().contains("sqlcipher") && !said.contains("hmac"), "{said}");
    }
}
