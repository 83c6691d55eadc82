//! A certificate authority for one test, with good leaves and deliberately bad ones.

use crate::scratch::Scratch;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use std::path::PathBuf;

/// What is to be right or wrong with a server's certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Leaf {
    /// Signed by the authority, for the right name, in its time.
    #[default]
    Good,
    /// For another name.
    OtherName,
    /// Its time is over.
    Expired,
    /// Signed by itself, not by the authority.
    SelfSigned,
}

/// The authority; trusted by handing its file to `--ca`.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Its certificate, PEM.
    pub file: PathBuf,
}

/// A server's certificate with its chain, and its key, both PEM.
#[derive(Debug, Clone)]
pub struct LeafFiles {
    /// Leaf first, then the authority.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Long after every test. ejabberd sets a timer for it, and Erlang has none that reaches to the library's year 4096.
const LAST_YEAR: i32 = 2080;

impl Authority {
    /// A new authority whose certificate lies in `scratch`.
    pub fn new(scratch: &Scratch) -> Authority {
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(LAST_YEAR, 1, 1);
        params.distinguished_name = named("Dunnock's test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("these parameters are valid");
        let file = scratch.write("ca.pem", issuer.pem());
        Authority { issuer, file }
    }

    /// A leaf for this domain and all hosts below it, written to `scratch`.
    pub fn leaf(&self, scratch: &Scratch, domain: &str, kind: Leaf) -> LeafFiles {
        let name = if kind == Leaf::OtherName { "other.example" } else { domain };
        let names = vec![name.to_owned(), format!("*.{name}")];
        let mut params = CertificateParams::new(names).expect("these are DNS names");
        params.distinguished_name = named(name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_after = date_time_ymd(LAST_YEAR, 1, 1);
        if kind == Leaf::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 2, 1);
        }
        let key = key();
        let leaf = match kind {
            Leaf::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.issuer),
        };
        let leaf = leaf.expect("these parameters are valid");
        let chain = scratch.write("chain.pem", format!("{}{}", leaf.pem(), self.issuer.pem()));
        LeafFiles { chain, key: scratch.write("leaf.key", key.serialize_pem()) }
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the system has randomness")
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_comes_with_its_chain() {
        let scratch = Scratch::new("certs");
        let authority = Authority::new(&scratch);
        let files = authority.leaf(&scratch, "verona.test", Leaf::Good);
        let chain = std::fs::read_to_string(files.chain).unwrap();
        assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 2);
        assert!(chain.ends_with(&std::fs::read_to_string(&authority.file).unwrap()));
    }
}
