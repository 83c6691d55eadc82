//! TLS 1.2 with extended master secret, or 1.3 (RFC 8446), and the key material that binds a login to it (RFC 9266).

use super::Socket;
use crate::error::{Error, ErrorKind};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, ProtocolVersion, RootCertStore};
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use x509_parser::certificate::X509Certificate;
use x509_parser::signature_algorithm::SignatureAlgorithm;
use zeroize::Zeroizing;

/// Which authorities are trusted, and how TLS is spoken.
#[derive(Clone)]
pub(crate) struct Trust {
    /// For TLS at once, with ALPN (XEP-0368 §3).
    direct: Arc<ClientConfig>,
    /// For TLS after `<starttls/>`.
    upgraded: Arc<ClientConfig>,
}

/// What both ends of a TLS channel know of it: what a login is bound to and checks.
#[derive(Clone)]
pub(crate) struct Channel {
    /// `tls-exporter` (RFC 9266 §2).
    pub exporter: Zeroizing<[u8; 32]>,
    /// `tls-server-end-point` (RFC 5929 §4); none if the certificate's signature names no hash.
    pub end_point: Option<Vec<u8>>,
    /// The version of TLS as XEP-0515 writes it.
    pub version: &'static str,
    /// SHA-256 of the server's public key (SubjectPublicKeyInfo, RFC 5280 §4.1.2.7).
    pub key: [u8; 32],
    /// Who signed the server's certificate, as that says.
    pub issuer: String,
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
    ) -> Result<(Socket, Channel), Error> {
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
        let channel = channel(stream.get_ref().1).ok_or_else(|| about(ErrorKind::TlsRefused))?;
        Ok((Box::new(stream), channel))
    }
}

fn channel(connection: &ClientConnection) -> Option<Channel> {
    let mut exporter = Zeroizing::new([0; 32]);
    connection.export_keying_material(&mut exporter[..], b"EXPORTER-Channel-Binding", Some(b"")).ok()?;
    let version = match connection.protocol_version()? {
        ProtocolVersion::TLSv1_3 => "0304",
        ProtocolVersion::TLSv1_2 => "0303",
        _ => return None,
    };
    let certificate = connection.peer_certificates()?.first()?;
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let key = Sha256::digest(parsed.tbs_certificate.subject_pki.raw).into();
    let issuer = parsed.tbs_certificate.issuer.to_string();
    Some(Channel { exporter, end_point: end_point(certificate, &parsed), version, key, issuer })
}

/// The hash of a certificate by the hash of its own signature, where that is MD5 or SHA-1 by SHA-256 (RFC 5929 §4.1).
fn end_point(certificate: &[u8], parsed: &X509Certificate) -> Option<Vec<u8>> {
    use x509_parser::oid_registry as oid;
    let signature = &parsed.signature_algorithm;
    let hash = match SignatureAlgorithm::try_from(signature).ok()? {
        SignatureAlgorithm::RSASSA_PSS(parameters) => parameters.hash_algorithm_oid().as_bytes().to_vec(),
        _ => signature.algorithm.as_bytes().to_vec(),
    };
    let is = |names: &[oid::Oid]| names.iter().any(|name| name.as_bytes() == hash);
    if is(&[oid::OID_PKCS1_SHA384WITHRSA, oid::OID_SIG_ECDSA_WITH_SHA384, oid::OID_NIST_HASH_SHA384]) {
        Some(Sha384::digest(certificate).to_vec())
    } else if is(&[oid::OID_PKCS1_SHA512WITHRSA, oid::OID_SIG_ECDSA_WITH_SHA512, oid::OID_NIST_HASH_SHA512]) {
        Some(Sha512::digest(certificate).to_vec())
    } else if is(&[
        oid::OID_PKCS1_SHA256WITHRSA,
        oid::OID_SIG_ECDSA_WITH_SHA256,
        oid::OID_NIST_HASH_SHA256,
        oid::OID_PKCS1_SHA1WITHRSA,
        oid::OID_HASH_SHA1,
        oid::OID_PKCS1_MD5WITHRSAENC,
    ]) {
        Some(Sha256::digest(certificate).to_vec())
    } else {
        None
    }
}

/// Draws the first random bytes of this process, which takes the library 20 ms or more of measuring the processor's
/// jitter: done beside what comes before a handshake, it does not hold up the handshake. Not for async code.
pub(crate) fn warm_up() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut [0; 1]);
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

#[cfg(test)]
mod tests {
    use super::super::flights::Counted;
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::{ServerConfig, SupportedProtocolVersion};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio_rustls::TlsAcceptor;

    const STEP: Duration = Duration::from_secs(5);

    /// A private authority.
    struct Authority {
        pem: String,
        issuer: Issuer<'static, KeyPair>,
    }

    fn authority() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    /// A server's certificate, by this authority or by itself.
    fn identity(
        by: Option<&Authority>,
        params: CertificateParams,
    ) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let certificate = match by {
            Some(authority) => params.signed_by(&key, &authority.issuer),
            None => params.self_signed(&key),
        };
        (certificate.unwrap().into(), PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }

    fn named(name: &str) -> CertificateParams {
        CertificateParams::new(vec![name.to_owned()]).unwrap()
    }

    fn acceptor(
        (certificate, key): (CertificateDer<'static>, PrivateKeyDer<'static>),
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[u8],
    ) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        config.alpn_protocols = vec![alpn.to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// What a handshake with this server comes to, for the account domain `x.test`.
    async fn meets(server: TlsAcceptor, ca: Option<&str>) -> Result<(Socket, Channel, Option<Vec<u8>>), ErrorKind> {
        let (ours, theirs) = duplex(64 << 10);
        let accepted = tokio::spawn(async move {
            let mut stream = server.accept(theirs).await.ok()?;
            let mut key = vec![0; 32];
            stream.get_ref().1.export_keying_material(&mut key[..], b"EXPORTER-Channel-Binding", Some(b"")).ok()?;
            stream.write_all(b"hello").await.ok()?;
            stream.flush().await.ok()?;
            // Kept open until the other side has read.
            let _ = stream.read_u8().await;
            Some(key)
        });
        let trust = Trust::load(ca).map_err(|error| error.kind)?;
        let (mut socket, channel) =
            trust.secure(Box::new(ours), "x.test", true, STEP).await.map_err(|error| error.kind)?;
        let mut hello = [0; 5];
        socket.read_exact(&mut hello).await.unwrap();
        assert_eq!(&hello, b"hello");
        let _ = socket.write_all(b".").await;
        let _ = socket.flush().await;
        Ok((socket, channel, accepted.await.unwrap()))
    }

    fn error<T>(result: Result<T, ErrorKind>) -> Option<ErrorKind> {
        result.err()
    }

    #[tokio::test]
    async fn a_handshake_costs_one_flight_and_what_follows_goes_with_its_end() {
        let ca = authority();
        let server = acceptor(identity(Some(&ca), named("x.test")), &[&rustls::version::TLS13], b"xmpp-client");
        let (ours, theirs) = duplex(64 << 10);
        let flights = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Counted::new(ours, flights.clone());
        let accepted = tokio::spawn(async move {
            let mut stream = server.accept(theirs).await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), b'<');
            stream.write_all(b">").await.unwrap();
            stream.flush().await.unwrap();
            stream
        });
        let trust = Trust::load(Some(&ca.pem)).ok().unwrap();
        let (mut socket, _) = trust.secure(Box::new(counted), "x.test", true, STEP).await.ok().unwrap();
        socket.write_all(b"<").await.unwrap();
        socket.flush().await.unwrap();
        assert_eq!(socket.read_u8().await.unwrap(), b'>');
        // The second holds the end of the handshake and the first words of XMPP.
        assert_eq!(flights.load(std::sync::atomic::Ordering::SeqCst), 2);
        drop(accepted.await);
    }

    #[tokio::test]
    async fn both_versions_export_the_same_key_on_both_ends() {
        for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
            let ca = authority();
            let server = acceptor(identity(Some(&ca), named("x.test")), &[version], b"xmpp-client");
            let (_, channel, theirs) = meets(server, Some(&ca.pem)).await.ok().unwrap();
            assert_eq!(channel.exporter[..], theirs.unwrap()[..]);
            assert_eq!(channel.issuer, "CN=rcgen self signed cert");
            assert_eq!(channel.version, if version.version == ProtocolVersion::TLSv1_3 { "0304" } else { "0303" });
        }
    }

    #[test]
    fn a_certificate_stands_for_its_end_by_the_hash_of_its_own_signature() {
        let by = |algorithm| {
            let key = KeyPair::generate_for(algorithm).unwrap();
            let certificate = named("x.test").self_signed(&key).unwrap();
            let parsed = x509_parser::parse_x509_certificate(certificate.der()).unwrap().1;
            (end_point(certificate.der(), &parsed), certificate.der().to_vec())
        };
        let (hash, certificate) = by(&rcgen::PKCS_ECDSA_P256_SHA256);
        assert_eq!(hash.unwrap(), Sha256::digest(&certificate).to_vec());
        let (hash, certificate) = by(&rcgen::PKCS_ECDSA_P384_SHA384);
        assert_eq!(hash.unwrap(), Sha384::digest(&certificate).to_vec());
        assert_eq!(by(&rcgen::PKCS_ED25519).0, None);
    }

    #[tokio::test]
    async fn a_certificate_of_another_name_is_named() {
        let ca = authority();
        let server = acceptor(identity(Some(&ca), named("y.test")), rustls::ALL_VERSIONS, b"xmpp-client");
        assert_eq!(error(meets(server, Some(&ca.pem)).await), Some(ErrorKind::CertificateName));
    }

    #[tokio::test]
    async fn a_certificate_out_of_its_time_is_named() {
        for (from, to) in [(2001, 2002), (2190, 2191)] {
            let ca = authority();
            let mut params = named("x.test");
            (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
            let server = acceptor(identity(Some(&ca), params), rustls::ALL_VERSIONS, b"xmpp-client");
            assert_eq!(error(meets(server, Some(&ca.pem)).await), Some(ErrorKind::CertificateExpired), "{from}");
        }
    }

    #[tokio::test]
    async fn only_the_given_authority_is_trusted() {
        let (ca, other) = (authority(), authority());
        let by_other = || acceptor(identity(Some(&other), named("x.test")), rustls::ALL_VERSIONS, b"xmpp-client");
        assert_eq!(error(meets(by_other(), Some(&ca.pem)).await), Some(ErrorKind::CertificateUntrusted));
        assert_eq!(error(meets(by_other(), None).await), Some(ErrorKind::CertificateUntrusted));
        let by_itself = acceptor(identity(None, named("x.test")), rustls::ALL_VERSIONS, b"xmpp-client");
        assert_eq!(error(meets(by_itself, Some(&ca.pem)).await), Some(ErrorKind::CertificateUntrusted));
    }

    #[tokio::test]
    async fn a_server_of_another_protocol_is_refused() {
        let ca = authority();
        let server = acceptor(identity(Some(&ca), named("x.test")), rustls::ALL_VERSIONS, b"h2");
        assert_eq!(error(meets(server, Some(&ca.pem)).await), Some(ErrorKind::TlsRefused));
    }

    /// What a handshake comes to with somebody who says this and waits.
    async fn hears(words: &'static [u8]) -> Option<ErrorKind> {
        let (ours, mut theirs): (DuplexStream, DuplexStream) = duplex(4096);
        let trust = Trust::load(Some(&authority().pem)).ok().unwrap();
        let (result, ()) = tokio::join!(trust.secure(Box::new(ours), "x.test", true, STEP), async {
            theirs.write_all(words).await.unwrap();
            if words.is_empty() {
                theirs.shutdown().await.unwrap();
            }
        });
        result.err().map(|error| error.kind)
    }

    #[tokio::test]
    async fn who_does_not_speak_tls_is_told_apart() {
        assert_eq!(hears(b"<stream:stream xmlns='jabber:client'>").await, Some(ErrorKind::NotXmpp));
        assert_eq!(hears(b"HTTP/1.1 400 Bad Request\r\n\r\n").await, Some(ErrorKind::NotXmpp));
        assert_eq!(hears(b"").await, Some(ErrorKind::Disconnected));
    }

    #[test]
    fn authorities_that_are_none_are_refused() {
        for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert_eq!(Trust::load(Some(pem)).err().map(|error| error.kind), Some(ErrorKind::InvalidInput), "{pem}");
        }
        assert!(Trust::load(None).is_ok());
    }
}
