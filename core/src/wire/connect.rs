//! From an account to an encrypted byte stream: where, which address, STARTTLS or TLS at once.

use super::patience::{Patience, Turns};
use super::redirect::Redirect;
use super::stream_error::in_clear;
use super::talk::Talk;
use super::xml::ns;
use super::{Settings, domain};
use crate::error::{Error, ErrorKind};
use crate::net::tls::{Channel, Trust};
use crate::net::{Dialled, Door, Endpoint, Socket, Target};
use crate::route::Route;
use rand::CryptoRng;
use std::collections::VecDeque;
use std::net::IpAddr;
use tokio::time::Instant;

/// An encrypted byte stream to the account's server.
pub(crate) struct Secured {
    pub socket: Socket,
    /// What a login can be bound to, if anything.
    pub channel: Option<Channel>,
    /// Our own end of it, where the network sees that.
    pub local: Option<IpAddr>,
}

/// Makes secured streams: of the network, or in memory for tests.
pub(crate) trait Connect: Send {
    /// A new one.
    fn connect<R: CryptoRng + Send>(&mut self, rng: &mut R) -> impl Future<Output = Result<Secured, Error>> + Send;

    /// The server would have its stream resumed at this place (XEP-0198 §4): the next try goes there first.
    fn prefer(&mut self, place: &str);

    /// The server sends us to this place. Whether the next try goes there.
    fn elsewhere(&mut self, place: &str) -> bool;
}

/// Over the network.
pub(crate) struct Network {
    settings: Settings,
    /// The only way out.
    door: Door,
    /// Read at the first try and kept: the platform's authorities are a file of many certificates.
    trust: Option<Trust>,
    redirect: Redirect,
}

impl Network {
    pub(crate) fn new(settings: Settings, door: Door) -> Self {
        Network { settings, door, trust: None, redirect: Redirect::default() }
    }

    async fn trust(&mut self) -> Result<Trust, Error> {
        if let Some(trust) = &self.trust {
            return Ok(trust.clone());
        }
        let ca = self.settings.ca.clone();
        let load = tokio::task::spawn_blocking(move || Trust::load(ca.as_deref()));
        let trust = load.await.map_err(|_| ErrorKind::Internal)??;
        self.trust = Some(trust.clone());
        Ok(trust)
    }

    /// Where a person said where to go, nobody else does: that place may be the end of a tunnel, or chosen so that no name
    /// is looked up.
    fn is_fixed(&self) -> bool {
        self.settings.host.is_some() || self.settings.port.is_some()
    }
}

impl Connect for Network {
    async fn connect<R: CryptoRng + Send>(&mut self, rng: &mut R) -> Result<Secured, Error> {
        let trust = self.trust().await?;
        let settings = &self.settings;
        let domain = domain(&settings.jid)?;
        let target = Target { domain: &domain, host: settings.host.as_deref(), port: settings.port, tls: settings.tls };
        let patience = settings.patience();
        let mut last = Error::about(ErrorKind::Unreachable, domain.as_str());
        // However many places DNS names, a try ends.
        let until = Instant::now() + patience.places;
        let mut endpoints: VecDeque<Endpoint> = self.redirect.take().into_iter().collect();
        let (mut looked, mut first) = (false, true);
        loop {
            let Some(endpoint) = endpoints.pop_front() else {
                // A place that we were sent to, if any, was of no use.
                if std::mem::replace(&mut looked, true) {
                    break;
                }
                endpoints.extend(self.door.endpoints(&target, patience.dial, rng).await?);
                continue;
            };
            // The first was paid for by whoever began this try.
            if !std::mem::take(&mut first) && self.door.pace().take().is_err() {
                break;
            }
            match link(&self.door, &endpoint, settings.jid.domain().as_str(), &domain, &trust, &patience).await {
                Ok(link) => {
                    self.redirect.reached(endpoint);
                    return Ok(link);
                }
                // A certificate that is not theirs is what an interceptor shows: no other place is asked then.
                Err(error) if is_certificate(error.kind) => return Err(error),
                Err(error) => last = error,
            }
            if Instant::now() >= until {
                break;
            }
        }
        Err(last)
    }

    fn prefer(&mut self, place: &str) {
        let settings = &self.settings;
        if !self.is_fixed()
            && let Ok(domain) = domain(&settings.jid)
        {
            let direct = settings.tls == crate::command::Tls::Direct;
            let begun = Endpoint { host: domain, port: 0, direct };
            self.redirect.prefer(place, begun, settings.route != Route::Direct);
        }
    }

    fn elsewhere(&mut self, place: &str) -> bool {
        !self.is_fixed() && self.redirect.to(place, self.settings.route != Route::Direct)
    }
}

fn is_certificate(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::CertificateName | ErrorKind::CertificateExpired | ErrorKind::CertificateUntrusted)
}

async fn link(
    door: &Door,
    endpoint: &Endpoint,
    to: &str,
    domain: &str,
    trust: &Trust,
    patience: &Patience,
) -> Result<Secured, Error> {
    let Dialled { mut socket, local } = door.dial(endpoint, patience.dial).await?;
    if !endpoint.direct {
        let asked = starttls(socket, to, patience.negotiate).await;
        socket = asked.map_err(|error| named(in_clear(error), endpoint))?;
    }
    let (socket, channel) = trust.secure(socket, domain, endpoint.direct, patience.tls).await?;
    Ok(Secured { socket, channel: Some(channel), local })
}

/// An error that names no thing yet is about the place.
fn named(error: Error, endpoint: &Endpoint) -> Error {
    if error.subject.is_empty() {
        Error::about(error.kind, format!("{}:{}", endpoint.host, endpoint.port))
    } else {
        error
    }
}

/// Asks for TLS (RFC 6120 §5). Nothing about the account is said before.
pub(crate) async fn starttls(socket: Socket, to: &str, turns: Turns) -> Result<Socket, Error> {
    let mut talk = Talk::new(socket, turns);
    let features = talk.open(to, None).await?;
    if !features.starttls {
        return Err(ErrorKind::TlsRefused.into());
    }
    talk.say(&format!("<starttls xmlns='{}'/>", ns::TLS)).await?;
    if !talk.hear().await?.is("proceed", ns::TLS) {
        return Err(ErrorKind::TlsRefused.into());
    }
    // What came in clear with `<proceed/>` was put there by somebody on the way, to be taken for encrypted later.
    talk.into_socket().ok_or_else(|| ErrorKind::TlsRefused.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Tls;
    use crate::net::Net;
    use crate::wire::tests::fake::settings;
    use rand::{SeedableRng, rngs::StdRng};
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    /// The way out of an account like this, which was at a place where TLS begins like this.
    fn network(change: impl FnOnce(&mut Settings), direct: bool) -> Network {
        let mut settings = settings();
        change(&mut settings);
        let door = Arc::new(Net::new("/nonexistent".into(), Arc::default())).door(settings.route.clone(), "x");
        let mut network = Network::new(settings, door);
        network.redirect.reached(Endpoint { host: "x.test".into(), port: 1, direct });
        network
    }

    #[tokio::test]
    async fn a_place_that_a_person_named_is_not_left_and_tls_stays_as_it_began() {
        for direct in [true, false] {
            for tls in [Tls::Auto, Tls::Direct, Tls::StartTls] {
                let mut free = network(|settings| settings.tls = tls, direct);
                assert!(free.elsewhere("b.test"));
                let next = free.redirect.take().unwrap();
                assert_eq!((next.direct, next.port), (direct, if direct { 5223 } else { 5222 }));
            }
            for (host, port) in [(Some("x.test"), None), (None, Some(5222)), (Some("127.0.0.1"), Some(1))] {
                let mut fixed =
                    network(|settings| (settings.host, settings.port) = (host.map(str::to_owned), port), direct);
                assert!(!fixed.elsewhere("b.test"), "{host:?} {port:?}");
                fixed.prefer("b.test");
                assert_eq!(fixed.redirect.take(), None);
            }
        }
    }

    /// What comes of being sent to a place whose certificate is for this name, and how often that is met.
    async fn sent_to(name: &str) -> (Option<ErrorKind>, usize) {
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let (pem, ca) = {
            let key = KeyPair::generate().unwrap();
            (ca.self_signed(&key).unwrap().pem(), Issuer::new(ca, key))
        };
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key.into())
                .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let met = Arc::new(AtomicUsize::new(0));
        let counted = met.clone();
        let server = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                if let Ok(mut stream) = acceptor.accept(socket).await {
                    let _ = stream.read(&mut [0; 64]).await;
                }
            }
        });
        let mut network = network(|settings| settings.ca = Some(pem), true);
        assert!(network.elsewhere(&format!("127.0.0.1:{port}")));
        let mut rng = StdRng::seed_from_u64(1);
        let kind = network.connect(&mut rng).await.err().map(|error| error.kind);
        server.abort();
        (kind, met.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn the_place_that_we_are_sent_to_must_be_the_accounts_server_by_its_certificate() {
        assert_eq!(sent_to("x.test").await, (None, 1));
        assert_eq!(sent_to("b.test").await, (Some(ErrorKind::CertificateName), 1), "and no other place is asked");
        assert_eq!(sent_to("127.0.0.1").await, (Some(ErrorKind::CertificateName), 1));
    }

    #[tokio::test]
    async fn a_place_that_we_are_sent_to_cannot_do_without_tls() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let offer =
                "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>";
            let header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
            let words = format!("{header}<stream:features>{offer}</stream:features>");
            socket.write_all(words.as_bytes()).await.unwrap();
            let mut heard = String::new();
            let _ = socket.read_to_string(&mut heard).await;
            heard
        });
        let mut network = network(|_| (), false);
        assert!(network.elsewhere(&format!("127.0.0.1:{port}")));
        // Without the places that DNS would name after it.
        let next = network.redirect.take().unwrap();
        let (trust, patience) = (network.trust().await.unwrap(), network.settings.patience());
        let refused = link(&network.door, &next, "x.test", "x.test", &trust, &patience).await;
        assert_eq!(refused.err().map(|error| error.kind), Some(ErrorKind::TlsRefused));
        let heard = server.await.unwrap();
        assert!(heard.contains("to='x.test'") && !heard.contains("juliet") && !heard.contains("<auth"), "{heard}");
    }
}
