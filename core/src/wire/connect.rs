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
        // Where a person said where to go, nobody else does.
        if settings.host.is_none()
            && settings.port.is_none()
            && let Ok(domain) = domain(&settings.jid)
        {
            let direct = settings.tls == crate::command::Tls::Direct;
            let begun = Endpoint { host: domain, port: 0, direct };
            self.redirect.prefer(place, begun, settings.route != Route::Direct);
        }
    }

    fn elsewhere(&mut self, place: &str) -> bool {
        self.redirect.to(place, self.settings.route != Route::Direct)
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
