//! Stories over a private Tor network, and over what pretends to be a way to one.

mod bad_input;
mod closed;
mod talks;

use dunnock_tests::dunnock::{Device, Rpc};
use dunnock_tests::names::HOST;
use dunnock_tests::prosody::Prosody;
use dunnock_tests::proxy::Proxy;
use dunnock_tests::tornet::TorNet;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A Tor network, a server that is reached through it, and its accounts.
struct World {
    net: TorNet,
    server: Prosody,
    /// Behind the onion service.
    _gate: Proxy,
}

/// The world that the stories of this program share, as long as one of them runs.
static SHARED: Mutex<Weak<World>> = Mutex::new(Weak::new());

impl World {
    fn shared() -> Arc<World> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let world = Arc::new(World::new());
            *shared = Arc::downgrade(&world);
            world
        })
    }

    fn new() -> World {
        let server = Prosody::with_accounts(&[]);
        let gate = Proxy::before(server.port());
        World { net: TorNet::start(gate.port()), server, _gate: gate }
    }

    /// Makes these accounts.
    fn accounts(&self, users: &[&str]) {
        users.iter().for_each(|user| self.server.account(user, Prosody::PASSWORD));
    }

    /// A device whose Tor is this network.
    fn device(&self, name: &str) -> Device {
        let mut device = Device::new(name);
        device.set("DUNNOCK_TOR_NETWORK", &self.net.for_arti().to_string_lossy());
        device
    }

    /// The route over the C tor's SOCKS port.
    fn socks(&self) -> String {
        format!("socks5://127.0.0.1:{}", self.net.socks)
    }

    /// A test's own way in to the server: it knows from where each connection came.
    fn gate(&self) -> Proxy {
        Proxy::before(self.server.port())
    }

    /// The parameters of `account.add` for an account that is reached by this route: by an exit through a gate, or else by
    /// the onion service.
    fn account(&self, user: &str, route: &str, gate: Option<&Proxy>) -> Value {
        let (host, port) = gate.map_or((self.net.onion.as_str(), 5222), |gate| (HOST, gate.port()));
        json!({
            "jid": self.server.jid(user), "password": Prosody::PASSWORD, "host": host, "port": port,
            "tls": "starttls", "ca": self.server.ca(), "route": route,
        })
    }

    /// This user, online by this route.
    fn online(&self, device: &Device, user: &str, route: &str, gate: Option<&Proxy>) -> Rpc {
        let mut rpc = device.rpc();
        rpc.ok("account.add", self.account(user, route, gate));
        rpc.connect(&self.server.jid(user));
        self.server.wait_until_reachable(user);
        rpc
    }
}
