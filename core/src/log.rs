//! The log file, made only when a person asks for one. Only our own targets pass; they say kinds, counts and row ids.

use crate::error::{Error, ErrorKind, Result};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Once;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter, SubscriberExt};

/// The only target that is written down. Dependencies say whole stanzas and names in theirs.
const TARGET: &str = "dunnock";

/// The allow-list, as a filter of its own: nothing that a variable of the environment says can widen it.
struct Ours;

impl<S: Subscriber> Filter<S> for Ours {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        metadata.target() == TARGET
    }
}

/// Writes what the core says about itself to the end of `path`, made with mode 0600. The first call in a process counts;
/// a later one fails with `InvalidInput`. `File` if the file cannot be written.
pub fn to_file(path: &Path) -> Result<()> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let file = file.map_err(|_| Error::about(ErrorKind::File, path.display().to_string()))?;
    tracing::subscriber::set_global_default(writer(file)).map_err(|_| ErrorKind::InvalidInput.into())
}

/// Names of our own threads.
const THREADS: &[&str] = &["brain", "dunnock", "lease"];

/// What a defect says of itself may quote what it stumbled over, and Rust writes that to standard error. Of our own threads
/// only the place in the source is told, and only to the log. Other threads are the program's.
pub(crate) fn hush_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !std::thread::current().name().is_some_and(|name| THREADS.contains(&name)) {
                return before(panic);
            }
            if let Some(place) = panic.location() {
                tracing::error!(target: "dunnock", file = place.file(), line = place.line(), "defect");
            }
        }));
    });
}

fn writer(file: File) -> impl Subscriber + Send + Sync {
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(file).with_filter(Ours);
    tracing_subscriber::registry().with(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_in_our_threads_quotes_nothing() {
        const NAME: &str = "log::tests::a_defect_in_our_threads_quotes_nothing";
        if std::env::var_os("DUNNOCK_TEST_HOME").is_some() {
            hush_panics();
            let ours = std::thread::Builder::new().name("brain".into()).spawn(|| panic!("body of a message")).unwrap();
            assert!(ours.join().is_err());
            let other = std::thread::Builder::new().name("other".into()).spawn(|| panic!("the program's own")).unwrap();
            assert!(other.join().is_err());
            return;
        }
        let folder = crate::scratch::Folder::new();
        let said = crate::scratch::in_a_small_world(NAME, folder.path(), 1000);
        assert!(said.contains("the program's own") && !said.contains("body of a message"), "{said}");
    }

    #[test]
    fn only_our_own_target_reaches_the_log() {
        let folder = crate::scratch::Folder::new();
        let path = folder.path().join("log");
        tracing::subscriber::with_default(writer(File::create(&path).unwrap()), || {
            tracing::info!(target: "dunnock", count = 3, "taken");
            tracing::error!(target: "tokio_xmpp", "<message from='juliet@example.org'/>");
            tracing::error!("without a target of its own");
        });
        let log = std::fs::read_to_string(&path).unwrap();
        assert!(log.contains("taken") && log.contains("count=3"));
        assert_eq!(log.lines().count(), 1);
    }
}
