//! What a test wants of its Prosody, and the configuration file that says so.

use crate::certs::Leaf;
use std::fmt::Write;
use std::path::Path;

/// The one domain that test servers serve.
pub const DOMAIN: &str = "verona.test";

/// The app server that may connect as a component, and the word by which it is known.
pub const APP_SERVER: &str = "push.verona.test";
/// Where rooms are.
pub const ROOMS: &str = "rooms.verona.test";
/// The component's secret.
pub(crate) const APP_SECRET: &str = "a word between friends";

/// How messages and archives are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archive {
    /// Prosody's own files: the default of most servers, slow with many messages.
    Internal,
    /// SQLite.
    Sqlite,
    /// No archive is offered (XEP-0313 off).
    Off,
}

/// Which SASL mechanisms are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanisms {
    /// SCRAM-SHA-1 with and without channel binding, and PLAIN, as Prosody does unless told otherwise.
    Stock,
    /// SCRAM-SHA-256, with and without channel binding, and PLAIN.
    Sha256,
    /// SCRAM-SHA-1 without channel binding and nothing else.
    ScramSha1Only,
    /// Nothing but PLAIN.
    PlainOnly,
}

/// What a test wants of its server; the default is generous and has everything that a good server offers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The limits that a fresh installation has (10 kB/s per client), and none of the community's modules.
    pub stock: bool,
    /// How messages are stored.
    pub archive: Archive,
    /// Stream management (XEP-0198).
    pub smacks: bool,
    /// SASL2 and Bind2 (XEP-0388, XEP-0386); from the community's modules, version 13 only.
    pub sasl2: bool,
    /// What it offers is confirmed inside of the login (XEP-0474); with SASL2 only.
    pub ssdp: bool,
    /// Logins by token (XEP-0484); with SASL2 only.
    pub fast: bool,
    /// Which SASL mechanisms are offered.
    pub mechanisms: Mechanisms,
    /// No TLS 1.3.
    pub tls12_only: bool,
    /// Accounts can be made by clients (XEP-0077).
    pub registration: bool,
    /// What is right or wrong with the certificate.
    pub leaf: Leaf,
    /// Seconds for which a lost stream can be resumed.
    pub hibernation: u32,
    /// What clients send is recorded ([`crate::tap`]).
    pub tap: bool,
    /// What is sent to clients is recorded as well.
    pub tap_out: bool,
    /// Pushes (XEP-0357), and a door for the app server [`APP_SERVER`] (XEP-0114).
    pub push: bool,
    /// Rooms at [`ROOMS`] (XEP-0045).
    pub rooms: bool,
    /// Its files lie in memory: the server's disk is not waited for.
    pub in_memory: bool,
    /// Lines added to the configuration's global part.
    pub extra: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            stock: false,
            archive: Archive::Sqlite,
            smacks: true,
            sasl2: true,
            ssdp: true,
            fast: true,
            mechanisms: Mechanisms::Sha256,
            tls12_only: false,
            registration: true,
            leaf: Leaf::Good,
            hibernation: 600,
            tap: true,
            tap_out: false,
            push: false,
            rooms: false,
            in_memory: false,
            extra: String::new(),
        }
    }
}

impl Settings {
    /// As a server is after installing it, with the archive switched on: its limits, its files, its mechanisms.
    pub fn stock() -> Settings {
        Settings {
            stock: true,
            archive: Archive::Internal,
            sasl2: false,
            mechanisms: Mechanisms::Stock,
            ..Settings::default()
        }
    }

    /// Modules in the order of their names.
    fn modules(&self, is_13: bool) -> Vec<&'static str> {
        let mut modules = vec![
            "blocklist",
            "bookmarks",
            "carbons",
            "disco",
            "limits",
            "offline",
            "pep",
            "ping",
            "private",
            "register",
            "roster",
            "saslauth",
            "time",
            "tls",
            "uptime",
            "vcard4",
            "vcard_legacy",
            "version",
            "csi_simple",
        ];
        let mut add = |wanted: bool, names: &[&'static str]| {
            if wanted {
                modules.extend(names);
            }
        };
        add(self.archive != Archive::Off, &["mam"]);
        add(self.smacks, &["smacks"]);
        add(self.sasl2 && is_13, &["sasl2", "sasl2_bind2"]);
        add(self.sasl2 && self.fast && is_13, &["sasl2_fast"]);
        add(self.sasl2 && self.ssdp && is_13, &["sasl_ssdp"]);
        // It brings stream management with it.
        add(self.sasl2 && self.smacks && is_13, &["sasl2_sm"]);
        add(self.push, &["cloud_notify"]);
        add(is_13, &["account_activity"]);
        add(self.tap, &["dunnock_tap"]);
        add(self.mechanisms == Mechanisms::ScramSha1Only, &["dunnock_unbound"]);
        modules.sort_unstable();
        modules
    }
}

/// What the configuration file needs to know besides the settings.
pub(crate) struct Place<'a> {
    /// The folder for everything that this server writes.
    pub(crate) folder: &'a Path,
    /// The folder of our own modules.
    pub(crate) modules: &'a Path,
    /// Port for STARTTLS.
    pub(crate) port: u16,
    /// Port for direct TLS.
    pub(crate) tls_port: u16,
    /// Port for components.
    pub(crate) component_port: u16,
    /// Certificate chain.
    pub(crate) chain: &'a Path,
    /// Private key.
    pub(crate) key: &'a Path,
    /// Version 13 or later.
    pub(crate) is_13: bool,
}

/// The configuration file, whole.
pub(crate) fn render(settings: &Settings, place: &Place<'_>) -> String {
    let mut text =
        String::from("-- Made for one test; everything lies in its own folder and listens on loopback only.\n");
    let folder = place.folder.display();
    let mut line = |rest: std::fmt::Arguments<'_>| writeln!(text, "{rest}").expect("a string takes what is written");
    line(format_args!("run_as_root = true"));
    line(format_args!("pidfile = '{folder}/prosody.pid'"));
    line(format_args!("data_path = '{folder}/data'"));
    line(format_args!("plugin_paths = {{ '{}' }}", place.modules.display()));
    line(format_args!("interfaces = {{ '127.0.0.1' }}"));
    line(format_args!("c2s_ports = {{ {} }}", place.port));
    line(format_args!("c2s_direct_tls_ports = {{ {} }}", place.tls_port));
    line(format_args!("s2s_ports = {{}}\ns2s_direct_tls_ports = {{}}\nhttp_ports = {{}}\nhttps_ports = {{}}"));
    line(format_args!("modules_disabled = {{ 's2s', 'admin_socket', 'admin_shell', 'posix' }}"));
    let protocol = if settings.tls12_only { " protocol = 'tlsv1_2';" } else { "" };
    let ssl = format!("{{ certificate = '{}'; key = '{}';{protocol} }}", place.chain.display(), place.key.display());
    line(format_args!("ssl = {ssl}\nc2s_ssl = {ssl}\nc2s_direct_tls_ssl = {ssl}"));
    line(format_args!("certificates = '{folder}'"));
    line(format_args!("c2s_require_encryption = true"));
    line(format_args!("tls_server_end_point_hash = 'auto'"));
    line(format_args!("allow_registration = {}", settings.registration));
    line(format_args!("{}", authentication(settings.mechanisms)));
    line(format_args!("{}", storage(settings.archive, place.folder)));
    line(format_args!("archive_expires_after = 'never'"));
    line(format_args!("smacks_hibernation_time = {}", settings.hibernation));
    line(format_args!("{}", limits(settings.stock)));
    line(format_args!("dunnock_tap_file = '{folder}/tap'\ndunnock_tap_out = {}", settings.tap_out));
    line(format_args!("log = {{ {{ levels = {{ min = 'info' }}, to = 'file', filename = '/dev/stdout' }} }}"));
    let modules = settings.modules(place.is_13).iter().map(|name| format!("'{name}'; ")).collect::<String>();
    line(format_args!("modules_enabled = {{ {modules}}}"));
    line(format_args!("{}", settings.extra));
    if settings.push {
        line(format_args!("component_ports = {{ {} }}", place.component_port));
    }
    line(format_args!("VirtualHost '{DOMAIN}'"));
    if settings.push {
        line(format_args!("Component '{APP_SERVER}'\n  component_secret = '{APP_SECRET}'"));
    }
    if settings.rooms {
        let archive = if settings.archive == Archive::Off { "" } else { "'muc_mam'; " };
        line(format_args!("Component '{ROOMS}' 'muc'\n  modules_enabled = {{ {archive}}}"));
        line(format_args!("  muc_log_expires_after = 'never'\n  muc_tombstones = false"));
    }
    text
}

fn authentication(mechanisms: Mechanisms) -> String {
    let hashed = |hash: &str| format!("authentication = 'internal_hashed'\npassword_hash = '{hash}'");
    let without = |names: &str| format!("disable_sasl_mechanisms = {{ 'DIGEST-MD5', {names} }}");
    let scram = "'SCRAM-SHA-1', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'";
    match mechanisms {
        Mechanisms::Stock => "authentication = 'internal_hashed'".to_owned(),
        Mechanisms::Sha256 => hashed("SHA-256"),
        Mechanisms::ScramSha1Only => format!("{}\n{}", hashed("SHA-1"), without("'PLAIN', 'SCRAM-SHA-1-PLUS'")),
        Mechanisms::PlainOnly => format!("{}\n{}", hashed("SHA-1"), without(scram)),
    }
}

fn storage(archive: Archive, folder: &Path) -> String {
    match archive {
        // Archives in Prosody's own files slow down with every page; SQLite's do not.
        Archive::Sqlite => format!(
            "default_storage = 'internal'\nstorage = {{ archive = 'sql'; offline = 'sql' }}\n\
             sql = {{ driver = 'SQLite3'; database = '{}/archive.sqlite' }}",
            folder.display()
        ),
        Archive::Internal | Archive::Off => "default_storage = 'internal'".to_owned(),
    }
}

fn limits(stock: bool) -> &'static str {
    if stock {
        "limits = { c2s = { rate = '10kb/s' }; s2sin = { rate = '30kb/s' } }"
    } else {
        "limits = { c2s = { rate = '100mb/s'; burst = '30s' } }\nsmacks_max_queue_size = 5000\n\
         registration_throttle_max = nil\nc2s_stanza_size_limit = 10*1024*1024\nmax_archive_query_results = 250"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(settings: &Settings, is_13: bool) -> String {
        let path = Path::new("/s");
        render(
            settings,
            &Place {
                folder: path,
                modules: path,
                port: 1,
                tls_port: 2,
                component_port: 3,
                chain: path,
                key: path,
                is_13,
            },
        )
    }

    #[test]
    fn what_is_switched_off_is_not_loaded() {
        let settings = Settings { smacks: false, archive: Archive::Off, ..Settings::default() };
        let text = rendered(&settings, true);
        assert!(
            !text.contains("'smacks'")
                && !text.contains("sasl2_sm")
                && !text.contains("'mam'")
                && text.contains("'carbons'")
        );
    }

    #[test]
    fn sasl2_is_left_out_of_the_old_version() {
        assert!(rendered(&Settings::default(), true).contains("'sasl2'"));
        assert!(!rendered(&Settings::default(), false).contains("'sasl2'"));
        assert!(!rendered(&Settings::stock(), true).contains("'sasl2'"));
    }
}
