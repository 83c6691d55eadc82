//! Debian 13's Swift, and its Rust with the standard library's source, in a root folder of their own, entered by `chroot`
//! in namespaces of its own.
//!
//! The namespaces are what cleans up: mounts and processes live in them and go with them, also when this program is
//! interrupted or killed. Where the system lets users make namespaces, root's rights are not needed.

use crate::Result;
use crate::cargo;
use crate::debs::{Suite, are_possible};
use crate::needs::{has_program, make_folder, output_of, private_copy, target, tree};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where the source tree is seen inside, read-only.
pub(super) const TREE: &str = "/tree";
/// Where cargo's target folder is seen inside.
pub(super) const TARGET: &str = "/target";
/// Where the packages that cargo fetched are seen inside, read-only.
pub(super) const REGISTRY: &str = "/registry";

/// What is asked for; dependencies follow. The last lines are what scripts and programs expect of any machine.
const PACKAGES: &[&str] = &[
    "swiftlang",
    "swiftlang-dev",
    "libstdc++-14-dev",
    "libc6-dev",
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "base-files",
    "bash",
    "coreutils",
    "dash",
    "findutils",
    "grep",
    "libc-bin",
    "sed",
];

/// The toolchain.
pub(super) struct Root {
    folder: PathBuf,
    /// Words for `unshare` where this program is not run by root.
    user: &'static [&'static str],
}

impl Root {
    /// The toolchain, fetched if need be; the error says why this machine cannot have it.
    pub(super) fn find() -> Result<Root> {
        let user = namespaces().ok_or("neither root's rights nor namespaces of a user's own are to be had here")?;
        if !are_possible() {
            return Err("Swift comes as Debian's packages, which cannot be unpacked here".to_owned());
        }
        let what = "Swift 6.0, Rust's source and all that they stand on (a private Debian 13: 690 MB, unpacked 3.5 GB)";
        let folder = private_copy("swift-1", what, |folder| {
            let root = folder.join("root");
            make_folder(&root)?;
            let suite = Suite::trixie()?;
            suite.unpack(&suite.closure(PACKAGES)?, &root)?;
            // The packages' scripts are not run, and this is all that is missed of them.
            symlink("gcc", root.join("usr/bin/cc")).map_err(|error| format!("cc: {error}"))?;
            [TREE, TARGET, REGISTRY].iter().try_for_each(|place| make_folder(&root.join(&place[1..])))
        })?;
        Ok(Root { folder: folder.join("root"), user })
    }

    /// A program of the root folder, in an environment that holds only what is given here and by the caller.
    ///
    /// It ends with this process: the first of a namespace is killed when its parent is gone, and the rest with it.
    pub(super) fn command(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"]);
        command.args(self.user).args(["sh", "-euc", include_str!("enter.sh"), "sh"]);
        command.arg(&self.folder).arg(tree()).arg(target()).arg(cargo::home().join("registry"));
        command.arg(program).args(words).env_clear().stdin(Stdio::null()).envs([
            ("PATH", "/usr/libexec/swift/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", "/target/swift/home"),
            ("LC_ALL", "C.UTF-8"),
        ]);
        command
    }

    /// A place of the root folder as it is seen from outside.
    pub(super) fn outside(&self, place: &str) -> PathBuf {
        self.folder.join(place.trim_start_matches('/'))
    }
}

/// How namespaces for mounts and processes can be made here: words for `unshare`, none at all for root.
fn namespaces() -> Option<&'static [&'static str]> {
    if !["setpriv", "unshare", "mount", "chroot"].iter().all(|name| has_program(name)) {
        return None;
    }
    let ways: [&[&str]; 2] = [&[], &["--user", "--map-root-user"]];
    ways.into_iter().find(|words| {
        let mut probe = Command::new("unshare");
        probe.args(["--mount", "--pid", "--fork"]).args(*words);
        // Some containers let namespaces be made and no mounts in them.
        output_of(probe.args(["sh", "-c", "mount -t tmpfs tmpfs /tmp"])).is_ok()
    })
}
