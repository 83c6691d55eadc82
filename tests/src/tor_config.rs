//! The settings of a private Tor network: what each of its tors is told, and what arti is told of it.
//!
//! Two of them must agree with each other in ways that no manual says: C tor's test networks derive the time periods of
//! onion services from the voting interval (24 of them), arti reads `hsdir_interval`, in minutes.

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;

/// Authorities, which are relays too, but no exits.
pub const AUTHORITIES: usize = 3;
/// Exits.
pub const EXITS: usize = 4;
/// Seconds between two votes.
const INTERVAL: u64 = 300;

/// A relay or an authority.
#[derive(Debug, Clone)]
pub struct Relay {
    /// `auth0` or `exit0`; also its folder.
    pub name: String,
    /// Where it takes circuits.
    pub port: u16,
    /// Where an authority serves its directory.
    pub directory: u16,
    /// RSA fingerprint.
    pub fingerprint: String,
    /// Ed25519 identity, base64.
    pub ed25519: String,
    /// An authority's long-term fingerprint.
    pub v3: String,
}

/// All that the settings are made of.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The network's folder.
    pub folder: &'a Path,
    /// Authorities first.
    pub relays: &'a [Relay],
    /// Where exits resolve names.
    pub names: SocketAddr,
    /// The client's SOCKS and control ports.
    pub client: (u16, u16),
    /// The loopback port behind the onion service, whose own port is 5222.
    pub target: u16,
    /// When the first vote is, in seconds within an interval.
    pub offset: u64,
}

/// Seconds into an interval at which a vote takes place `lead` seconds after this moment.
pub fn offset(now: u64, lead: u64) -> u64 {
    (now + lead) % INTERVAL
}

impl Plan<'_> {
    /// The file `torrc` of this name.
    pub fn torrc(&self, name: &str) -> String {
        let folder = self.folder.join(name);
        let folder = folder.display();
        let mut text = format!(
            "TestingTorNetwork 1\nDataDirectory {folder}\nLog notice file {folder}/log\nRunAsDaemon 0\n\
             ShutdownWaitLength 0\nAssumeReachable 1\nPathsNeededToBuildCircuits 0.67\nServerDNSDetectHijacking 0\n\
             ServerDNSTestAddresses\nClientUseIPv6 0\nGeoIPFile\nGeoIPv6File\n"
        );
        for relay in &self.relays[..AUTHORITIES] {
            let Relay { name, port, directory, fingerprint, v3, .. } = relay;
            text +=
                &format!("DirAuthority {name} orport={port} no-v2 v3ident={v3} 127.0.0.1:{directory} {fingerprint}\n");
        }
        let relay = self.relays.iter().position(|relay| relay.name == name);
        match (relay, name) {
            (Some(number), _) => text += &self.relay(number),
            (None, "service") => {
                let target = self.target;
                text += &format!(
                    "SocksPort 0\nHiddenServiceDir {folder}/onion\nHiddenServicePort 5222 127.0.0.1:{target}\n"
                );
            }
            _ => {
                let (socks, control) = self.client;
                text += &format!(
                    "SocksPort 127.0.0.1:{socks} IsolateSOCKSAuth\nControlPort 127.0.0.1:{control}\n\
                     CookieAuthentication 0\nClientRejectInternalAddresses 0\nClientDNSRejectInternalAddresses 0\n"
                );
            }
        }
        text
    }

    fn relay(&self, number: usize) -> String {
        let Relay { name, port, directory, .. } = &self.relays[number];
        let mut text = format!(
            "SocksPort 0\nNickname {name}\nAddress 127.0.0.1\nORPort 127.0.0.1:{port} IPv4Only\n\
             ContactInfo nobody@verona.test\nExtendAllowPrivateAddresses 1\n"
        );
        if number < AUTHORITIES {
            text += &format!(
                "DirPort 127.0.0.1:{directory} IPv4Only\nAuthoritativeDirectory 1\nV3AuthoritativeDirectory 1\n\
                 ExitPolicy reject *:*\nV3AuthVotingInterval {INTERVAL}\nV3AuthVoteDelay 4\nV3AuthDistDelay 4\n\
                 V3AuthNIntervalsValid 12\nTestingV3AuthInitialVotingInterval {INTERVAL}\n\
                 TestingV3AuthVotingStartOffset {}\nTestingV3AuthInitialVoteDelay 4\nTestingV3AuthInitialDistDelay 4\n\
                 TestingDirAuthVoteGuard *\nTestingDirAuthVoteHSDir *\nTestingMinExitFlagThreshold 0\n\
                 TestingAuthDirTimeToLearnReachability 0\nMinUptimeHidServDirectoryV2 0\nAuthDirMaxServersPerAddr 0\n\
                 ConsensusParams hsdir_interval={}\n",
                self.offset,
                24 * INTERVAL / 60
            );
        } else {
            text += &format!(
                "ExitRelay 1\nExitPolicyRejectPrivate 0\nExitPolicy accept *:*\nServerDNSAllowNonRFC953Hostnames 1\n\
                 ServerDNSAllowBrokenConfig 1\nServerDNSResolvConfFile {}\n",
                self.folder.join("resolv.conf").display()
            );
        }
        text
    }
}

/// What arti is told: who the authorities are, and where to begin.
pub fn for_arti(relays: &[Relay]) -> Value {
    let caches = relays.iter().map(|relay| {
        json!({
            "rsa_identity": relay.fingerprint, "ed_identity": relay.ed25519,
            "orports": [format!("127.0.0.1:{}", relay.port)],
        })
    });
    let v3: Vec<&str> = relays.iter().map(|relay| relay.v3.as_str()).filter(|v3| !v3.is_empty()).collect();
    json!({
        "tor_network": {
            "fallback_caches": caches.collect::<Vec<_>>(),
            "authorities": { "v3idents": v3, "uploads": [], "downloads": [], "votes": [] },
        },
        // All of it lies in one network.
        "path_rules": { "ipv4_subnet_family_prefix": 33, "ipv6_subnet_family_prefix": 129 },
        "address_filter": { "allow_local_addrs": true, "allow_resolving_local_addrs": true },
    })
}

/// A network of which nothing is left: its relays' ports are closed.
pub fn dead() -> Value {
    let relay = |number: u16| Relay {
        name: format!("auth{number}"),
        port: 1,
        directory: 1,
        fingerprint: format!("{number:X}").repeat(40),
        ed25519: "A".repeat(42) + "A",
        v3: format!("{number:X}").repeat(40),
    };
    for_arti(&[relay(10), relay(11), relay(12)])
}
