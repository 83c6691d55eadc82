//! SCRAM (RFC 5802, RFC 7677), the client's side, with channel binding over `tls-exporter` (RFC 9266) or
//! `tls-server-end-point` (RFC 5929), and the checks of XEP-0474 and XEP-0515 against downgrades.

use super::secret::{Keys, Secret};
use crate::error::{Error, ErrorKind};
use crate::pin::Binding;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use std::sync::Arc;
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
    Sha512,
}

/// What the exchange says about the TLS channel (RFC 5802 §6).
#[derive(Clone)]
pub(crate) enum Flag {
    /// `p`: bound, with the data of this binding.
    Bound(Binding, Zeroizing<Vec<u8>>),
    /// `y`: we could, but the server did not offer it. If it did, somebody took the offer away and it will refuse.
    NotOffered,
    /// `n`: we cannot.
    Unable,
}

/// What the server offered, as we heard it, for the server to confirm inside the exchange.
#[derive(Clone, Default)]
pub(crate) struct Heard {
    /// Mechanisms and bindings in the form that XEP-0474 §5.1 hashes.
    pub offer: String,
    /// The version of our TLS channel in the form of XEP-0515; none if there is no TLS.
    pub tls: Option<&'static str>,
}

/// What the server confirmed inside the exchange. It counts only once its proof was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Confirmed {
    /// The offer was not altered on the way (XEP-0474).
    pub offer: bool,
    /// The version of TLS is the same on both ends (XEP-0515).
    pub tls: bool,
}

/// An exchange before the server's first message.
pub(crate) struct Scram {
    hash: Hash,
    header: String,
    heard: Heard,
    /// Without the server's word for its offer the exchange ends.
    doubtful: bool,
    binding: Zeroizing<Vec<u8>>,
    bare: String,
    nonce: String,
    password: Option<Zeroizing<String>>,
    keys: Option<Arc<Keys>>,
}

/// What the server must prove in its last message.
pub(crate) struct ServerProof {
    signature: Zeroizing<Vec<u8>>,
    confirmed: Confirmed,
    keys: Arc<Keys>,
}

impl Hash {
    fn digest(self, data: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Hash::Sha1 => Sha1::digest(data).to_vec(),
            Hash::Sha256 => Sha256::digest(data).to_vec(),
            Hash::Sha512 => Sha512::digest(data).to_vec(),
        })
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> Zeroizing<Vec<u8>> {
        fn with<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
            let mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
            mac.chain_update(data).finalize().into_bytes().to_vec()
        }
        Zeroizing::new(match self {
            Hash::Sha1 => with::<Hmac<Sha1>>(key, data),
            Hash::Sha256 => with::<Hmac<Sha256>>(key, data),
            Hash::Sha512 => with::<Hmac<Sha512>>(key, data),
        })
    }

    fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(vec![0; self.digest(b"").len()]);
        match self {
            Hash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut out),
            Hash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut out),
            Hash::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut out),
        }
        out
    }

    /// The name of the mechanism, without what says whether it is bound.
    pub(crate) fn mechanism(self) -> &'static str {
        match self {
            Hash::Sha1 => "SCRAM-SHA-1",
            Hash::Sha256 => "SCRAM-SHA-256",
            Hash::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// The hash of this mechanism.
    pub(crate) fn of_mechanism(name: &str) -> Option<Hash> {
        [Hash::Sha1, Hash::Sha256, Hash::Sha512].into_iter().find(|hash| hash.mechanism() == name)
    }
}

impl Keys {
    /// Takes as long as there are iterations.
    fn of(hash: Hash, password: &str, salt: Vec<u8>, iterations: u32) -> Keys {
        let salted = hash.salted(password.as_bytes(), &salt, iterations);
        let (client, server) = (hash.hmac(&salted, b"Client Key"), hash.hmac(&salted, b"Server Key"));
        Keys { hash, salt, iterations, client, server }
    }

    /// The client's proof and the server's signature over these messages (RFC 5802 §3).
    fn sign(&self, messages: &[u8]) -> (Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>) {
        let signature = self.hash.hmac(&self.hash.digest(&self.client), messages);
        let proof = self.client.iter().zip(signature.iter()).map(|(key, sign)| key ^ sign).collect();
        (Zeroizing::new(proof), self.hash.hmac(&self.server, messages))
    }
}

/// The signature of a server that knows the password, over these messages: for what is fuzzed.
#[cfg(any(test, feature = "fuzz"))]
pub(super) fn server_signature(
    hash: Hash,
    (password, salt, iterations): (&str, &[u8], u32),
    messages: &[u8],
) -> Zeroizing<Vec<u8>> {
    Keys::of(hash, password, salt.to_vec(), iterations).sign(messages).1
}

impl Scram {
    /// `name` is the localpart, `nonce` printable ASCII without a comma.
    pub(crate) fn new(
        hash: Hash,
        name: &str,
        secret: &Secret,
        flag: &Flag,
        heard: Heard,
        nonce: String,
    ) -> Result<Self, Error> {
        let refuse = |_| Error::about(ErrorKind::InvalidInput, "password");
        let password = match &secret.password {
            Some(password) => Some(Zeroizing::new(stringprep::saslprep(password).map_err(refuse)?.into_owned())),
            None => None,
        };
        let keys = secret.keys.clone().filter(|keys| keys.hash == hash);
        let name = stringprep::saslprep(name).map_err(refuse)?.replace('=', "=3D").replace(',', "=2C");
        let header = match flag {
            Flag::Bound(binding, _) => format!("p={},,", binding.name()),
            Flag::NotOffered => "y,,".to_owned(),
            Flag::Unable => "n,,".to_owned(),
        };
        let mut binding = Zeroizing::new(header.as_bytes().to_vec());
        if let Flag::Bound(_, data) = flag {
            binding.extend_from_slice(data);
        }
        Ok(Scram {
            hash,
            header,
            heard,
            doubtful: false,
            binding,
            bare: format!("n={name},r={nonce}"),
            nonce,
            password,
            keys,
        })
    }

    /// If asked for, the exchange ends unless the server confirms its offer.
    pub(crate) fn doubting(self, doubtful: bool) -> Self {
        Scram { doubtful, ..self }
    }

    /// The client's first message.
    pub(crate) fn first(&self) -> Vec<u8> {
        format!("{}{}", self.header, self.bare).into_bytes()
    }

    /// The answer to the server's first message, and what to expect then. Takes as long as the server's iterations.
    ///
    /// Errors: `ServerProof` if the message is not of this exchange, `Iterations` for a number of them out of bounds, which it names,
    /// `PasswordNeeded` if there are only keys, and they are for another salt or another number of iterations,
    /// `OfferAltered` if somebody on the way changed what the server offered, or the version of TLS.
    pub(crate) fn answer(self, challenge: &[u8]) -> Result<(Zeroizing<Vec<u8>>, ServerProof), Error> {
        let text = std::str::from_utf8(challenge).map_err(|_| ErrorKind::ServerProof)?;
        let mut fields = text.split(',');
        // A mandatory extension (`m=`) would come first and is refused like anything else that is not the nonce.
        let nonce = field(fields.next(), "r=")?;
        let salt = field(fields.next(), "s=")?;
        let salt = BASE64.decode(salt).ok().filter(|salt| !salt.is_empty()).ok_or(ErrorKind::ServerProof)?;
        let iterations = field(fields.next(), "i=")?;
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(ErrorKind::ServerProof.into());
        }
        let asked = iterations.parse().ok().filter(|number| (ITERATIONS_LEAST..=ITERATIONS_MOST).contains(number));
        let Some(iterations) = asked else {
            let subject = format!("{} with {iterations:.20} iterations", self.hash.mechanism());
            return Err(Error::about(ErrorKind::Iterations, subject));
        };
        // Nothing made from the password is shown to somebody who altered the offer.
        let confirmed = self.confirmed(fields)?;
        let without_proof = format!("c={},r={nonce}", BASE64.encode(&self.binding[..]));
        let messages = format!("{},{text},{without_proof}", self.bare);
        let keys = match (self.keys, &self.password) {
            (Some(keys), _) if keys.salt == salt && keys.iterations == iterations => keys,
            (_, Some(password)) => Arc::new(Keys::of(self.hash, password, salt, iterations)),
            (_, None) => return Err(ErrorKind::PasswordNeeded.into()),
        };
        let (proof, signature) = keys.sign(messages.as_bytes());
        let answer = format!("{without_proof},p={}", BASE64.encode(&proof[..]));
        Ok((Zeroizing::new(answer.into_bytes()), ServerProof { signature, confirmed, keys }))
    }

    /// Compares what the server says that it offered with what we heard. Unknown attributes mean nothing (RFC 5802 §5.1).
    fn confirmed<'a>(&self, extensions: impl Iterator<Item = &'a str>) -> Result<Confirmed, Error> {
        let mut confirmed = Confirmed::default();
        for extension in extensions {
            let same = if let Some(hash) = extension.strip_prefix("h=") {
                confirmed.offer = true;
                // A server without any binding may count its empty list as one (seen with Prosody).
                let offer = self.heard.offer.trim_end_matches('\u{1f}');
                let hashed = |offer: &str| BASE64.encode(self.hash.digest(offer.as_bytes()));
                hash == hashed(offer) || hash == hashed(&format!("{offer}\u{1f}"))
            } else if let (Some(version), Some(ours)) = (extension.strip_prefix("t="), self.heard.tls) {
                confirmed.tls = true;
                version == ours
            } else {
                true
            };
            if !same {
                return Err(ErrorKind::OfferAltered.into());
            }
        }
        if self.doubtful && !confirmed.offer { Err(ErrorKind::OfferAltered.into()) } else { Ok(confirmed) }
    }
}

impl ServerProof {
    /// Whether the server's last message proves that it knows the password's keys; what it confirmed before then counts, and
    /// the keys are good.
    pub(crate) fn check(&self, last: &[u8]) -> Result<(Confirmed, Arc<Keys>), Error> {
        let verifier = std::str::from_utf8(last).ok().and_then(|text| text.split(',').next()?.strip_prefix("v="));
        let given = verifier.and_then(|v| BASE64.decode(v).ok()).ok_or(ErrorKind::ServerProof)?;
        if bool::from(given.ct_eq(&self.signature[..])) {
            Ok((self.confirmed, self.keys.clone()))
        } else {
            Err(ErrorKind::ServerProof.into())
        }
    }
}

fn field<'a>(part: Option<&'a str>, name: &str) -> Result<&'a str, Error> {
    part.and_then(|part| part.strip_prefix(name)).ok_or_else(|| ErrorKind::ServerProof.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC5802: &[u8] = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";

    /// By Python's hashlib and hmac.
    const SHA512_ANSWER: &str =
        "c=biws,r=abcdef,p=0f+lKDiX32Ve21nKVcMKxpi0+uwTE8rRYhHRqa9D15NJ31nAa7vfOdRI0xRbjUTJuj5URw7/cfO0FqXbXz74+g==";
    const SHA512_LAST: &str =
        "v=AGdz+jl8c2oDZU9Mr50F2OW7rZGGyUhtYh5SlCUHQcEQZxhc3buVqyDqf83UKzyFDcrw8Okp3JfpxJ9twxXPJQ==";

    fn scram(hash: Hash, nonce: &str, flag: Flag) -> Scram {
        Scram::new(hash, "user", &pencil(), &flag, Heard::default(), nonce.into()).unwrap()
    }

    fn pencil() -> Secret {
        Secret::password("pencil")
    }

    #[test]
    fn keys_do_without_the_password_while_salt_and_iterations_are_theirs() {
        let first = scram(Hash::Sha1, "fyko+d2lbbFgONRv9qkxdawL", Flag::Unable).answer(RFC5802).unwrap();
        let keys = first.1.check(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=").unwrap().1;
        let without = Secret { keys: Some(keys), ..Secret::default() };
        assert_eq!(without.only(), Some(Hash::Sha1));
        let again = |hash, challenge: &[u8]| {
            let nonce = "fyko+d2lbbFgONRv9qkxdawL".to_owned();
            let scram = Scram::new(hash, "user", &without, &Flag::Unable, Heard::default(), nonce).unwrap();
            scram.answer(challenge)
        };
        let second = again(Hash::Sha1, RFC5802).unwrap();
        assert_eq!(first.0, second.0);
        assert!(second.1.check(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=").is_ok());
        let text = String::from_utf8(RFC5802.to_vec()).unwrap();
        for other in [text.replace("i=4096", "i=4097"), text.replace("s=Q", "s=R")] {
            assert_eq!(kind(again(Hash::Sha1, other.as_bytes())), Some(ErrorKind::PasswordNeeded), "{other}");
        }
        assert_eq!(kind(again(Hash::Sha256, RFC5802)), Some(ErrorKind::PasswordNeeded));
    }

    fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
        result.err().map(|error| error.kind)
    }

    #[test]
    fn the_example_of_rfc_5802_section_5_comes_out() {
        let scram = scram(Hash::Sha1, "fyko+d2lbbFgONRv9qkxdawL", Flag::Unable);
        assert_eq!(scram.first(), b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        let (answer, proof) = scram.answer(RFC5802).unwrap();
        let expected = b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
        assert_eq!(&answer[..], expected);
        proof.check(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=").unwrap();
    }

    #[test]
    fn the_example_of_rfc_7677_section_3_comes_out() {
        let scram = scram(Hash::Sha256, "rOprNGfwEbeRWgbNEkqO", Flag::Unable);
        let challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (answer, proof) = scram.answer(challenge).unwrap();
        let expected: &[u8] = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(&answer[..], expected);
        proof.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
    }

    /// The exchange that the examples of both XEPs show, with their stand-in for channel binding data.
    const NONCE: &str = "12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6";
    const OFFER: &str = "SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS\x1ftls-exporter\x1etls-server-end-point";

    fn example(offer: &str, tls: &'static str) -> Scram {
        let flag = Flag::Bound(Binding::Exporter, Zeroizing::new(b"THIS IS FAKE CB DATA".to_vec()));
        let heard = Heard { offer: offer.to_owned(), tls: Some(tls) };
        Scram::new(Hash::Sha1, "user", &pencil(), &flag, heard, NONCE.into()).unwrap()
    }

    fn challenge(more: &str) -> String {
        format!("r={NONCE}a09117a6-ac50-4f2f-93f1-93799c2bddf6,s=QSXCR+Q6sek8bf92,i=4096{more}")
    }

    #[test]
    fn the_example_of_xep_0515_comes_out() {
        let challenge = challenge(",h=G6k/rBLDqgOhRRaCuuatSDFkJ08=,t=0304");
        let (answer, proof) = example(OFFER, "0304").answer(challenge.as_bytes()).unwrap();
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        assert!(answer.ends_with(",p=KHUfN8dSy1K95crT4D5y1ItLJfs="), "{answer}");
        assert_eq!(proof.check(b"v=3w34ZIMVRkx2f2Ozb3/ecRPVdv4=").unwrap().0, Confirmed { offer: true, tls: true });
    }

    #[test]
    fn the_example_of_xep_0474_comes_out() {
        let challenge = challenge(",h=G6k/rBLDqgOhRRaCuuatSDFkJ08=");
        assert!(example(OFFER, "0304").answer(challenge.as_bytes()).unwrap().1.confirmed.offer);
        // Its client sends an attribute of its own, so that only the signing can be shown.
        let message = format!(
            "n=user,r={NONCE},{challenge},c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,\
             r={NONCE}a09117a6-ac50-4f2f-93f1-93799c2bddf6,x=19C6532F-1CF4-4A27-A18D-DC9CEA41BBB3"
        );
        let keys = Keys::of(Hash::Sha1, "pencil", BASE64.decode("QSXCR+Q6sek8bf92").unwrap(), 4096);
        let (proof, signature) = keys.sign(message.as_bytes());
        assert_eq!(BASE64.encode(&proof[..]), "M/SIDjT+dfcxUh89jZEypRvFxB4=");
        assert_eq!(BASE64.encode(&signature[..]), "MQrMPvv7yv4x4Cq4W4Ih25EqS2c=");
    }

    #[test]
    fn an_altered_offer_or_version_ends_the_exchange_before_anything_of_the_password_is_shown() {
        let shorter = "SCRAM-SHA-1\x1ftls-exporter\x1etls-server-end-point";
        for (offer, tls, more) in [
            (shorter, "0304", ",h=G6k/rBLDqgOhRRaCuuatSDFkJ08="),
            (OFFER, "0304", ",h=G6k/rBLDqgOhRRaCuuatSDFkJ09="),
            (OFFER, "0304", ",h="),
            (OFFER, "0304", ",t=0303"),
            (OFFER, "0303", ",h=G6k/rBLDqgOhRRaCuuatSDFkJ08=,t=0304"),
        ] {
            let result = example(offer, tls).answer(challenge(more).as_bytes());
            assert_eq!(kind(result), Some(ErrorKind::OfferAltered), "{more}");
        }
        let (_, proof) = example(OFFER, "0304").answer(challenge(",d=whatever,z=1").as_bytes()).unwrap();
        assert_eq!(proof.confirmed, Confirmed::default());
    }

    #[test]
    fn scram_with_sha_512_agrees_with_another_implementation() {
        let scram = Scram::new(Hash::Sha512, "user", &pencil(), &Flag::Unable, Heard::default(), "abc".into()).unwrap();
        let (answer, proof) = scram.answer(b"r=abcdef,s=QSXCR+Q6sek8bf92,i=4096").unwrap();
        assert_eq!(String::from_utf8(answer.to_vec()).unwrap(), SHA512_ANSWER);
        proof.check(SHA512_LAST.as_bytes()).unwrap();
    }

    #[test]
    fn a_wrong_server_signature_is_refused() {
        let (_, proof) = scram(Hash::Sha1, "fyko+d2lbbFgONRv9qkxdawL", Flag::Unable).answer(RFC5802).unwrap();
        for last in ["v=rmF9pqV8S7suAoZWja4dJRkFsKA=", "v=", "", "e=other-error", "v=rmF9pqV8S7suAoZWja4dJRkFsA=="] {
            assert_eq!(kind(proof.check(last.as_bytes())), Some(ErrorKind::ServerProof), "{last}");
        }
    }

    #[test]
    fn the_channel_is_part_of_what_is_signed() {
        let key = |byte| Flag::Bound(Binding::Exporter, Zeroizing::new(vec![byte; 32]));
        let answer = |flag| scram(Hash::Sha1, "fyko+d2lbbFgONRv9qkxdawL", flag).answer(RFC5802).unwrap().0;
        assert!(scram(Hash::Sha1, "n", key(1)).first().starts_with(b"p=tls-exporter,,n=user"));
        assert!(scram(Hash::Sha1, "n", Flag::NotOffered).first().starts_with(b"y,,n=user"));
        assert_ne!(answer(key(1)), answer(key(2)));
        let bound = String::from_utf8(answer(key(1)).to_vec()).unwrap();
        let header = BASE64.decode(bound.split(',').next().unwrap().strip_prefix("c=").unwrap()).unwrap();
        assert_eq!(header, [b"p=tls-exporter,,".as_slice(), &[1; 32]].concat());
    }

    #[test]
    fn too_few_and_too_many_iterations_are_refused() {
        for iterations in ["0", "1", "4095", "10000001", "4294967296", "-1", "x"] {
            let challenge = format!("r=abcdef,s=QSXCR+Q6sek8bf92,i={iterations}");
            let result = scram(Hash::Sha1, "abc", Flag::Unable).answer(challenge.as_bytes());
            let error = result.err().expect("it is refused");
            assert_eq!(
                (error.kind, error.subject),
                (ErrorKind::Iterations, format!("SCRAM-SHA-1 with {iterations} iterations"))
            );
        }
        for bound in [ITERATIONS_LEAST, ITERATIONS_MOST] {
            assert!(ErrorKind::Iterations.remedy().contains(&bound.to_string()));
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
            let result = scram(Hash::Sha1, "abc", Flag::Unable).answer(challenge.as_bytes());
            assert_eq!(kind(result), Some(ErrorKind::ServerProof), "{challenge}");
        }
    }

    #[test]
    fn names_are_escaped_and_prepared() {
        let heard = Heard::default();
        let scram =
            Scram::new(Hash::Sha1, "a=b,c", &Secret::password("I\u{ad}X"), &Flag::Unable, heard, "n".into()).unwrap();
        assert_eq!(scram.first(), b"n,,n=a=3Db=2Cc,r=n");
        assert_eq!(scram.password.unwrap().as_str(), "IX");
    }
}
