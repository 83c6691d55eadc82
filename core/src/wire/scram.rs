//! SCRAM (RFC 5802, RFC 7677), the client's side, with channel binding over `tls-exporter` (RFC 9266).

use crate::error::{Error, ErrorKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Fewer iterations than RFC 7677 §4 demands make guessing cheap for whoever stole the server's file.
pub(crate) const ITERATIONS_LEAST: u32 = 4096;
/// More would keep this device busy for a server's whim.
pub(crate) const ITERATIONS_MOST: u32 = 10_000_000;

/// The hash of a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
}

/// What the exchange says about the TLS channel (RFC 5802 §6).
#[derive(Clone)]
pub(crate) enum Channel {
    /// `p`: bound, with the exported key material.
    Bound(Zeroizing<[u8; 32]>),
    /// `y`: we could, but the server did not offer it. If it did, somebody took the offer away and it will refuse.
    NotOffered,
    /// `n`: we cannot.
    Unable,
}

/// An exchange before the server's first message.
pub(crate) struct Scram {
    hash: Hash,
    header: &'static str,
    binding: Zeroizing<Vec<u8>>,
    bare: String,
    nonce: String,
    password: Zeroizing<String>,
}

/// What the server must prove in its last message.
pub(crate) struct ServerProof {
    signature: Zeroizing<Vec<u8>>,
}

impl Hash {
    fn digest(self, data: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Hash::Sha1 => Sha1::digest(data).to_vec(),
            Hash::Sha256 => Sha256::digest(data).to_vec(),
        })
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> Zeroizing<Vec<u8>> {
        const ANY: &str = "HMAC takes keys of any length";
        Zeroizing::new(match self {
            Hash::Sha1 => {
                Hmac::<Sha1>::new_from_slice(key).expect(ANY).chain_update(data).finalize().into_bytes().to_vec()
            }
            Hash::Sha256 => {
                Hmac::<Sha256>::new_from_slice(key).expect(ANY).chain_update(data).finalize().into_bytes().to_vec()
            }
        })
    }

    fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
        match self {
            Hash::Sha1 => {
                let mut out = Zeroizing::new(vec![0; 20]);
                pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut out);
                out
            }
            Hash::Sha256 => {
                let mut out = Zeroizing::new(vec![0; 32]);
                pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut out);
                out
            }
        }
    }
}

impl Scram {
    /// `name` is the localpart, `nonce` printable ASCII without a comma.
    pub(crate) fn new(hash: Hash, name: &str, password: &str, channel: Channel, nonce: String) -> Result<Self, Error> {
        let refuse = |_| Error::about(ErrorKind::InvalidInput, "password");
        let password = Zeroizing::new(stringprep::saslprep(password).map_err(refuse)?.into_owned());
        let name = stringprep::saslprep(name).map_err(refuse)?.replace('=', "=3D").replace(',', "=2C");
        let header = match &channel {
            Channel::Bound(_) => "p=tls-exporter,,",
            Channel::NotOffered => "y,,",
            Channel::Unable => "n,,",
        };
        let mut binding = Zeroizing::new(header.as_bytes().to_vec());
        if let Channel::Bound(key) = &channel {
            binding.extend_from_slice(&key[..]);
        }
        Ok(Scram { hash, header, binding, bare: format!("n={name},r={nonce}"), nonce, password })
    }

    /// The client's first message.
    pub(crate) fn first(&self) -> Vec<u8> {
        format!("{}{}", self.header, self.bare).into_bytes()
    }

    /// The answer to the server's first message, and what to expect then. Takes as long as the server's iterations.
    ///
    /// Errors: `ServerProof` if the message is not of this exchange, `NoMechanism` for iterations out of bounds.
    pub(crate) fn answer(self, challenge: &[u8]) -> Result<(Zeroizing<Vec<u8>>, ServerProof), Error> {
        let text = std::str::from_utf8(challenge).map_err(|_| ErrorKind::ServerProof)?;
        let mut fields = text.split(',');
        // A mandatory extension (`m=`) would come first and is refused like anything else that is not the nonce.
        let nonce = field(fields.next(), "r=")?;
        let salt = BASE64.decode(field(fields.next(), "s=")?).map_err(|_| ErrorKind::ServerProof)?;
        let iterations = field(fields.next(), "i=")?;
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(ErrorKind::ServerProof.into());
        }
        let iterations: u32 = iterations.parse().map_err(|_| ErrorKind::NoMechanism)?;
        if !(ITERATIONS_LEAST..=ITERATIONS_MOST).contains(&iterations) {
            return Err(Error::about(ErrorKind::NoMechanism, format!("SCRAM with {iterations} iterations")));
        }
        let without_proof = format!("c={},r={nonce}", BASE64.encode(&self.binding[..]));
        let message = format!("{},{text},{without_proof}", self.bare);
        let salted = self.hash.salted(self.password.as_bytes(), &salt, iterations);
        let client_key = self.hash.hmac(&salted, b"Client Key");
        let client_signature = self.hash.hmac(&self.hash.digest(&client_key), message.as_bytes());
        let proof: Zeroizing<Vec<u8>> =
            Zeroizing::new(client_key.iter().zip(client_signature.iter()).map(|(key, sign)| key ^ sign).collect());
        let signature = self.hash.hmac(&self.hash.hmac(&salted, b"Server Key"), message.as_bytes());
        let answer = format!("{without_proof},p={}", BASE64.encode(&proof[..]));
        Ok((Zeroizing::new(answer.into_bytes()), ServerProof { signature }))
    }
}

impl ServerProof {
    /// Whether the server's last message proves that it knows the password's keys.
    pub(crate) fn check(&self, last: &[u8]) -> Result<(), Error> {
        let verifier = std::str::from_utf8(last).ok().and_then(|text| text.split(',').next()?.strip_prefix("v="));
        let given = verifier.and_then(|v| BASE64.decode(v).ok()).ok_or(ErrorKind::ServerProof)?;
        if bool::from(given.ct_eq(&self.signature[..])) { Ok(()) } else { Err(ErrorKind::ServerProof.into()) }
    }
}

fn field<'a>(part: Option<&'a str>, name: &str) -> Result<&'a str, Error> {
    part.and_then(|part| part.strip_prefix(name)).ok_or_else(|| ErrorKind::ServerProof.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC5802: &[u8] = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";

    fn scram(hash: Hash, nonce: &str, channel: Channel) -> Scram {
        Scram::new(hash, "user", "pencil", channel, nonce.into()).unwrap()
    }

    fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
        result.err().map(|error| error.kind)
    }

    #[test]
    fn the_example_of_rfc_5802_section_5_comes_out() {
        let scram = scram(Hash::Sha1, "fyko+d2lbbFgONRv9qkxdawL", Channel::Unable);
        assert_eq!(scram.first(), b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        let (answer, proof) = scram.answer(RFC5802).unwrap();
        let expected = b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
        assert_eq!(&answer[..], expected);
        proof.check(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=").unwrap();
    }

    #[test]
    fn the_example_of_rfc_7677_section_3_comes_out() {
        let scram = scram(Hash::Sha256, "rOprNGfwEbeRWgbNEkqO", Channel::Unable);
        let challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (answer, proof) = scram.answer(challenge).unwrap();
        let expected: &[u8] = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(&answer[..], expected);
        proof.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
    }

    #[test]
    fn a_wrong_server_signature_is_refused() {
        let (_, proof) = scram(Hash::Sha1, "fyko+d2lbbFgONRv9qkxdawL", Channel::Unable).answer(RFC5802).unwrap();
        for last in ["v=rmF9pqV8S7suAoZWja4dJRkFsKA=", "v=", "", "e=other-error", "v=rmF9pqV8S7suAoZWja4dJRkFsA=="] {
            assert_eq!(kind(proof.check(last.as_bytes())), Some(ErrorKind::ServerProof), "{last}");
        }
    }

    #[test]
    fn the_channel_is_part_of_what_is_signed() {
        let key = |byte| Channel::Bound(Zeroizing::new([byte; 32]));
        let answer = |channel| scram(Hash::Sha1, "fyko+d2lbbFgONRv9qkxdawL", channel).answer(RFC5802).unwrap().0;
        assert!(scram(Hash::Sha1, "n", key(1)).first().starts_with(b"p=tls-exporter,,n=user"));
        assert!(scram(Hash::Sha1, "n", Channel::NotOffered).first().starts_with(b"y,,n=user"));
        assert_ne!(answer(key(1)), answer(key(2)));
        let bound = String::from_utf8(answer(key(1)).to_vec()).unwrap();
        let header = BASE64.decode(bound.split(',').next().unwrap().strip_prefix("c=").unwrap()).unwrap();
        assert_eq!(header, [b"p=tls-exporter,,".as_slice(), &[1; 32]].concat());
    }

    #[test]
    fn too_few_and_too_many_iterations_are_refused() {
        for iterations in ["0", "1", "4095", "10000001", "4294967296", "-1", "x"] {
            let challenge = format!("r=abcdef,s=QSXCR+Q6sek8bf92,i={iterations}");
            let result = scram(Hash::Sha1, "abc", Channel::Unable).answer(challenge.as_bytes());
            assert_eq!(kind(result), Some(ErrorKind::NoMechanism), "{iterations}");
        }
    }

    #[test]
    fn a_challenge_of_another_exchange_is_refused() {
        let challenges = [
            "r=abc,s=QSXCR+Q6sek8bf92,i=4096",
            "r=xyzabcdef,s=QSXCR+Q6sek8bf92,i=4096",
            "m=ext,r=abcdef,s=QSXCR+Q6sek8bf92,i=4096",
            "r=abcdef,s=*,i=4096",
            "r=abcdef",
            "",
        ];
        for challenge in challenges {
            let result = scram(Hash::Sha1, "abc", Channel::Unable).answer(challenge.as_bytes());
            assert_eq!(kind(result), Some(ErrorKind::ServerProof), "{challenge}");
        }
    }

    #[test]
    fn names_are_escaped_and_prepared() {
        let scram = Scram::new(Hash::Sha1, "a=b,c", "I\u{ad}X", Channel::Unable, "n".into()).unwrap();
        assert_eq!(scram.first(), b"n,,n=a=3Db=2Cc,r=n");
        assert_eq!(scram.password.as_str(), "IX");
    }
}
