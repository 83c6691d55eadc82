//! TLS 1.2 with extended master secret, or 1.3 (RFC 8446), and the key material that binds a login to it (RFC 9266).

use super::Socket;
use crate::error::{Error, ErrorKind};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ProtocolVersion, RootCertStore};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

/// Which authorities are trusted, and how TLS is spoken.
#[derive(Clone)]
pub(crate) struct Trust {
    /// For TLS at once, with ALPN (XEP-0368 §3).
    direct: Arc<ClientConfig>,
    /// For TLS after `<starttls/>`.
    upgraded: Arc<ClientConfig>,
}

/// What a login can be bound to.
#[derive(Clone)]
pub(crate) struct Exporter {
    /// `tls-exporter` (RFC 9266 §2).
    pub key: Zeroizing<[u8; 32]>,
    /// TLS 1.3, where `tls-exporter` is what a server means that names no binding.
    pub tls13: bool,
}

impl Trust {
    /// Trusts only the authorities in `ca` (PEM), or the platform's if there is none. Reads files: not for async code.
    ///
    /// Errors: `InvalidInput` about `ca` if it holds no certificate.
    pub(crate) fn load(ca: Option<&str>) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        match ca {
            Some(pem) => {
                let refuse = || Error::about(ErrorKind::InvalidInput, "ca");
                for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                    roots.add(certificate.map_err(|_| refuse())?).map_err(|_| refuse())?;
                }
                if roots.is_empty() {
                    return Err(refuse());
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let mut upgraded = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Without it the exporter of TLS 1.2 is not bound to the handshake (RFC 9266 §4.2).
        upgraded.require_ems = true;
        // A ticket would let an observer link connections, and 1.3 has no round trip to save without early data.
        upgraded.resumption = Resumption::disabled();
        let mut direct = upgraded.clone();
        direct.alpn_protocols = vec![b"xmpp-client".to_vec()];
        Ok(Trust { direct: Arc::new(direct), upgraded: Arc::new(upgraded) })
    }

    /// Puts TLS around a byte stream. The certificate must be for `domain` (ASCII form).
    ///
    /// Errors: the certificate kinds, `TlsRefused`, `NotXmpp` if TLS is not what is spoken there, `TimedOut`,
    /// `Disconnected`.
    pub(crate) async fn secure(
        &self,
        socket: Socket,
        domain: &str,
        direct: bool,
        step: Duration,
    ) -> Result<(Socket, Exporter), Error> {
        let about = |kind| Error::about(kind, domain);
        let literal = domain.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(literal).map_err(|_| about(ErrorKind::InvalidJid))?;
        let config = if direct { &self.direct } else { &self.upgraded };
        let handshake = TlsConnector::from(config.clone()).connect(name, socket);
        let stream = match timeout(step, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(about(kind(&error))),
            Err(_) => return Err(about(ErrorKind::TimedOut)),
        };
        let (_, connection) = stream.get_ref();
        let mut key = Zeroizing::new([0; 32]);
        connection
            .export_keying_material(&mut key[..], b"EXPORTER-Channel-Binding", Some(b""))
            .map_err(|_| about(ErrorKind::TlsRefused))?;
        let tls13 = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        Ok((Box::new(stream), Exporter { key, tls13 }))
    }
}

/// The kind of failure of a handshake.
fn kind(error: &io::Error) -> ErrorKind {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return ErrorKind::Disconnected;
    };
    match tls {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                ErrorKind::CertificateName
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => ErrorKind::CertificateExpired,
            _ => ErrorKind::CertificateUntrusted,
        },
        rustls::Error::NoCertificatesPresented => ErrorKind::CertificateUntrusted,
        rustls::Error::InvalidMessage(_) => ErrorKind::NotXmpp,
        _ => ErrorKind::TlsRefused,
    }
}
