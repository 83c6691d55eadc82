//! A man in the middle with a certificate that the client trusts: it speaks TLS to both sides and alters what the server says.

pub mod attack;
pub mod matrix;
pub mod socks;

use crate::certs::{Authority, Leaf, LeafFiles};
use crate::scratch::Scratch;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// What becomes of a piece that a client said.
#[derive(Debug)]
pub enum Up {
    /// It goes on to the server, like this.
    On(String),
    /// The server never hears of it; the client is told this.
    Back(String),
    /// Both connections are cut.
    Cut,
}

/// What he does with what passes.
#[derive(Clone)]
pub struct Manner {
    /// His certificate; none: one of an authority of his own.
    pub leaf: Option<LeafFiles>,
    /// Clients get no TLS 1.3.
    pub old_tls: bool,
    /// To what the server says, piece by piece.
    pub down: Arc<dyn Fn(&str) -> String + Send + Sync>,
    /// To what the client says, piece by piece.
    pub up: Arc<dyn Fn(&str) -> Up + Send + Sync>,
}

impl Manner {
    /// Everything passes as it is, with a key of his own.
    pub fn listening() -> Manner {
        let (down, up) = (Arc::new(str::to_owned), Arc::new(|text: &str| Up::On(text.to_owned())));
        Manner { leaf: None, old_tls: false, down, up }
    }
}

/// Listens on a free loopback port for direct TLS, for as long as it lives.
#[derive(Debug)]
pub struct Middle {
    port: u16,
    authority: Authority,
    said: Arc<Mutex<String>>,
    // Ends with it.
    _runtime: tokio::runtime::Runtime,
    _scratch: Scratch,
}

impl Middle {
    /// Between clients and the direct TLS port of the server of `domain`, whose authority is in the file `ca`. Everything
    /// that the server says goes through `alter`, piece by piece.
    pub fn before(
        target: u16,
        ca: &Path,
        domain: &str,
        alter: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Middle {
        Middle::with(target, ca, domain, Manner { down: Arc::new(alter), ..Manner::listening() })
    }

    /// The same in this manner.
    pub fn with(target: u16, ca: &Path, domain: &str, manner: Manner) -> Middle {
        let scratch = Scratch::new("middle");
        let authority = Authority::new(&scratch);
        let leaf = manner.leaf.clone().unwrap_or_else(|| authority.leaf(&scratch, domain, Leaf::Good));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a thread can be had");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (acceptor, connector) = (acceptor(&leaf, manner.old_tls), connector(ca));
        let name = ServerName::try_from(domain.to_owned()).expect("it is a domain");
        let said = Arc::new(Mutex::new(String::new()));
        let kept = said.clone();
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let sides = (acceptor.clone(), connector.clone(), name.clone());
                tokio::spawn(between(socket, target, sides, manner.clone(), kept.clone()));
            }
        });
        Middle { port, authority, said, _runtime: runtime, _scratch: scratch }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The authority that made its certificate.
    pub fn ca(&self) -> PathBuf {
        self.authority.file.clone()
    }

    /// Everything that clients said to it.
    pub fn heard(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn acceptor(leaf: &LeafFiles, old_tls: bool) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(&leaf.chain).expect("it was written").flatten().collect();
    let key = PrivateKeyDer::from_pem_file(&leaf.key).expect("it was written");
    let versions = if old_tls { &[&rustls::version::TLS12] } else { rustls::ALL_VERSIONS };
    let config = ServerConfig::builder_with_protocol_versions(versions).with_no_client_auth();
    let config = config.with_single_cert(chain, key);
    TlsAcceptor::from(Arc::new(config.expect("they belong together")))
}

fn connector(ca: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_file_iter(ca).expect("the server wrote it").flatten());
    TlsConnector::from(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

/// One connection, until either side ends it.
async fn between(
    socket: TcpStream,
    target: u16,
    (acceptor, connector, name): (TlsAcceptor, TlsConnector, ServerName<'static>),
    manner: Manner,
    said: Arc<Mutex<String>>,
) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = tokio::io::split(acceptor.accept(socket).await?);
    let server = TcpStream::connect(("127.0.0.1", target)).await?;
    let (mut from_server, mut to_server) = tokio::io::split(connector.connect(name, server).await?);
    let (mut up, mut down) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    loop {
        tokio::select! {
            read = from_client.read(&mut up) => {
                let bytes = &up[..read?];
                said.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(bytes));
                if bytes.is_empty() {
                    return to_server.shutdown().await;
                }
                match (manner.up)(&String::from_utf8_lossy(bytes)) {
                    Up::On(text) => {
                        to_server.write_all(text.as_bytes()).await?;
                        to_server.flush().await?;
                    }
                    Up::Back(text) => {
                        to_client.write_all(text.as_bytes()).await?;
                        to_client.flush().await?;
                    }
                    Up::Cut => return Ok(()),
                }
            }
            read = from_server.read(&mut down) => {
                let bytes = &down[..read?];
                if bytes.is_empty() {
                    return to_client.shutdown().await;
                }
                to_client.write_all((manner.down)(&String::from_utf8_lossy(bytes)).as_bytes()).await?;
                to_client.flush().await?;
            }
        }
    }
}
