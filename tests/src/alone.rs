//! A network of one's own, in which every packet of one user that leaves outside of the allowed ports is counted.
//!
//! A test runs itself once more in there. The network has nothing but loopback, and everything else is routed into it as
//! well: a packet to anywhere passes the counters, instead of dying uncounted for lack of a way.

use crate::environment;
use crate::process::Process;
use crate::scratch::Scratch;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The user whose packets are counted; nobody.
pub const USER: u32 = 65534;
/// Set in the environment of the inner run.
const INSIDE: &str = "DUNNOCK_ALONE";
/// Bytes of an IPv4 packet with TCP's time stamps and a selective acknowledgement, and nothing in it.
const BARE: u32 = 64;
/// How long the inner run may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Whether this is the inner run.
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs the test of this name once more in a network of its own, where it finds [`is_inside`]; fails if that fails.
pub fn run_inside(test: &str) {
    let scratch = Scratch::new("alone");
    let resolver = scratch.write("resolv.conf", "nameserver 127.0.0.1\n");
    let ip = environment::tor().join("ip");
    let script = format!(
        "mount --bind '{resolver}' /etc/resolv.conf && '{ip}' link set lo up && '{ip}' route add local default dev lo\n\
         '{ip}' -6 route add local default dev lo && export {INSIDE}=4and6 || export {INSIDE}=4\n\
         exec \"$0\" --exact {test} --nocapture --test-threads 1",
        resolver = resolver.display(),
        ip = ip.display(),
    );
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--propagation", "private", "sh", "-c", &script]);
    command.arg(std::env::current_exe().expect("a test knows its program")).stdin(Stdio::null());
    let status = Process::start(test, &mut command).wait(LIMIT);
    assert!(status.success(), "in a network of its own {test} fails: {status}");
}

/// Whether IPv6 is routed as well.
pub fn has_v6() -> bool {
    std::env::var(INSIDE).is_ok_and(|value| value == "4and6")
}

/// Counts and drops what [`USER`] sends to other ports than these.
pub fn count_all_but(ports: &[u16]) {
    let ports = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    nft(&format!(
        "table inet alone {{\ncounter way {{ }}\ncounter names {{ }}\ncounter other {{ }}\nchain out {{\n\
         type filter hook output priority 0; policy accept;\n\
         meta skuid {USER} ip daddr 127.0.0.1 tcp dport {{ {ports} }} counter name way accept\n\
         meta skuid {USER} meta l4proto {{ tcp, udp }} th dport {{ 53, 853 }} counter name names drop\n\
         meta skuid {USER} counter name other drop\n}}\n}}\n"
    ));
}

/// Lets packets to this port of loopback through, whoever's: a kernel sends for a socket that nobody owns any more, too. They are
/// counted by what they are: `ends` and `resets` of a stream, `words` if they carry anything, and `bare` acknowledgements.
pub fn let_through(port: u16) {
    let counters = ["ends", "resets", "words", "bare"].map(|name| format!("counter {name} {{ }}\n")).concat();
    nft(&format!(
        "table inet alone {{\n{counters}chain straight {{\n\
         tcp flags & rst == rst counter name resets accept\n\
         tcp flags & fin == fin counter name ends accept\n\
         meta length > {BARE} counter name words accept\n\
         counter name bare accept\n}}\n}}\n\
         insert rule inet alone out ip daddr 127.0.0.1 tcp dport {port} jump straight\n"
    ));
}

/// What was counted since the last call: `way`, the allowed ones; `names`, questions to name servers; `other`.
pub fn counted() -> BTreeMap<String, u64> {
    let listed = nft("reset counters table inet alone");
    // "counter names {", then "packets 3 bytes 180".
    let words: Vec<&str> = listed.split_whitespace().collect();
    let named = words.windows(5).filter(|five| five[0] == "counter" && five[3] == "packets");
    named.filter_map(|five| Some((five[1].to_owned(), five[4].parse().ok()?))).collect()
}

fn nft(rules: &str) -> String {
    let output = Command::new(environment::tor().join("nft")).arg(rules).output().expect("nft starts");
    assert!(output.status.success(), "nft: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
