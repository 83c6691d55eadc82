//! OMEMO (XEP-0384) in both deployed versions, written from the specifications and without any input or output.
//!
//! The crate knows neither XMPP nor SQL, async, clocks or files; randomness is handed in. It is made for a caller
//! that keeps everything in database rows: every operation takes its state by reference, and returns its output
//! together with what is to be stored. A failed operation changes nothing.
//!
//! | row | type |
//! |---|---|
//! | the device's identity, one for both versions | [`Identity`], as its [`seed`](Identity::seed) |
//! | one-time pre-keys, per version | [`PreKeyPair`] |
//! | signed pre-keys, per version: the current one and the one before | [`SignedPreKeyPair`] |
//! | sessions, several for each device and version | [`Session`] |
//! | skipped keys, of each session | [`SkippedKey`] |
//!
//! # Two devices
//! ```
//! use dunnock_omemo::{Bundle, Error, Identity, Incoming, Session, Version};
//! use dunnock_omemo::{generate_pre_keys, payload, sign_pre_key};
//!
//! # fn main() -> Result<(), Error> {
//! # let mut rng = rand::rng();
//! let version = Version::V2;
//! // Romeo publishes a bundle.
//! let romeo = Identity::generate(&mut rng);
//! let signed = sign_pre_key(version, &romeo, 1, &mut rng);
//! let pre_keys = generate_pre_keys(&mut rng, 1, 100);
//! let bundle = Bundle::new(&romeo, &signed, &pre_keys);
//!
//! // Juliet fetches it, begins a session, and stores the change before she sends.
//! let juliet = Identity::generate(&mut rng);
//! let session = Session::initiate(version, &juliet, &bundle, &mut rng)?;
//! let (sealed, key_material) = payload::encrypt(version, b"Wherefore art thou?", &mut rng);
//! let (key, change) = session.encrypt(&key_material, &mut rng)?;
//! let juliet_row = change.session.to_bytes();
//! assert!(key.key_exchange);
//!
//! // Romeo parses first: that tells which rows he needs. Here it is a key exchange of an unknown session.
//! let message = Incoming::parse(version, key.key_exchange, &key.data)?;
//! let exchange = message.key_exchange().ok_or(Error::Malformed)?;
//! let pre_key = pre_keys.iter().find(|pair| pair.id() == exchange.pre_key_id);
//! let (decrypted, change) = Session::accept(&romeo, Some(&signed), pre_key, &message)?;
//! let text = payload::decrypt(version, &decrypted.key_material, b"", &sealed.data.unwrap_or_default())?;
//! assert_eq!(text.as_slice(), b"Wherefore art thou?");
//! // He stores the session and deletes the pre-key, then answers with an empty message.
//! assert_eq!(change.used_pre_key, Some(exchange.pre_key_id));
//! let (_, key_material) = payload::empty(version, &mut rng);
//! let (key, change) = change.session.encrypt(&key_material, &mut rng)?;
//! let romeo_row = change.session.to_bytes();
//! assert!(!key.key_exchange);
//!
//! // Juliet finds no skipped key for this ratchet key and counter. Her session is confirmed now.
//! let session = Session::from_bytes(&juliet_row)?;
//! let message = Incoming::parse(version, key.key_exchange, &key.data)?;
//! let (decrypted, change) = session.decrypt(&message, None)?;
//! assert_eq!(decrypted.key_material.as_slice(), &[0; 32]);
//! assert!(change.session.is_confirmed());
//!
//! // The same message again is no forgery but a repetition.
//! assert_eq!(change.session.decrypt(&message, None).err(), Some(Error::AlreadyRead));
//! # let _ = romeo_row;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

#[cfg(test)]
mod bounds;
mod curve;
mod error;
mod hmac;
mod identity;
mod kdf;
mod keys;
pub mod payload;
mod ratchet;
mod seal;
mod session;
mod state;
mod stored;
#[cfg(test)]
mod test_random;
#[cfg(test)]
mod vectors;
mod version;
mod wire;
mod x3dh;
mod xeddsa;

pub use error::{Error, Result};
pub use identity::{Identity, IdentityKey};
pub use keys::{Bundle, PreKeyPair, SignedPreKeyPair, generate_pre_keys, sign_pre_key};
pub use ratchet::{HEARTBEAT_COUNTER, MAX_SKIP, MAX_SKIPPED_STORED, SkippedKey};
pub use session::{Change, Decrypted, Encrypted, Session};
pub use version::Version;
pub use wire::{Incoming, KeyExchange};
