//! The payload that all devices share, and the key material that each device gets through its session.
//!
//! | | 0.3 | 2 |
//! |---|---|---|
//! | cipher | AES-128-GCM, its tag behind the key | AES-256-CBC with HMAC from HKDF "OMEMO Payload" |
//! | beside the payload | `<iv/>` of 12 bytes (16 accepted) | nothing |
//! | key material | 16-byte key, 16-byte tag | 32-byte key, 16-byte tag |
//! | empty message | 16-byte key, `<iv/>`, no payload | 32 zero bytes, no payload |

use aes::Aes128;
use aes_gcm::aead::array::ArraySize;
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{AesGcm, Nonce, Tag};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::Version;
use crate::error::{Error, Result};
use crate::kdf::SealKeys;
use crate::seal;

/// A sealed payload: the same for every device.
pub struct Payload {
    /// The content of `<payload/>` before base64; `None` in an empty message.
    pub data: Option<Vec<u8>>,
    /// The content of `<iv/>` before base64, in version 0.3.
    pub iv: Option<[u8; 12]>,
}

/// Seals `clear` under a fresh key: the payload, and the key material to encrypt for each device.
pub fn encrypt<R: CryptoRng + ?Sized>(version: Version, clear: &[u8], rng: &mut R) -> (Payload, Zeroizing<Vec<u8>>) {
    match version {
        Version::V03 => {
            let mut key = Zeroizing::new(vec![0; 32]);
            rng.fill_bytes(&mut key[..16]);
            let iv = random_iv(rng);
            let mut data = clear.to_vec();
            let tag = gcm::<U12>(&key[..16])
                .encrypt_inout_detached(&Nonce::from(iv), b"", data.as_mut_slice().into())
                .expect("a stanza is far below GCM's 64 GB");
            key[16..].copy_from_slice(&tag);
            (Payload { data: Some(data), iv: Some(iv) }, key)
        }
        Version::V2 => {
            let mut key = Zeroizing::new(vec![0; 48]);
            rng.fill_bytes(&mut key[..32]);
            let keys = SealKeys::for_payload(&key[..32]);
            let data = seal::encrypt(&keys, clear);
            key[32..].copy_from_slice(&seal::tag(&keys, [&data, b""])[..16]);
            (Payload { data: Some(data), iv: None }, key)
        }
    }
}

/// The key material of an empty message, and in version 0.3 the IV that its header must carry all the same.
pub fn empty<R: CryptoRng + ?Sized>(version: Version, rng: &mut R) -> (Payload, Zeroizing<Vec<u8>>) {
    match version {
        Version::V03 => {
            let mut key = Zeroizing::new(vec![0; 16]);
            rng.fill_bytes(&mut key);
            (Payload { data: None, iv: Some(random_iv(rng)) }, key)
        }
        Version::V2 => (Payload { data: None, iv: None }, Zeroizing::new(vec![0; 32])),
    }
}

/// Opens a payload with the key material that a session yielded.
///
/// `iv` is the content of `<iv/>`, empty in version 2. [`Error::Forged`] if the payload or its tag was changed,
/// [`Error::Malformed`] if sizes are wrong. A message without payload is empty and must not come here.
pub fn decrypt(version: Version, key_material: &[u8], iv: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    match version {
        Version::V03 => {
            let (key, tag) = key_material.split_at_checked(16).ok_or(Error::Malformed)?;
            let tag = Tag::try_from(tag).map_err(|_| Error::Malformed)?;
            match iv.len() {
                12 => open_gcm::<U12>(key, iv, data, &tag),
                16 => open_gcm::<U16>(key, iv, data, &tag),
                _ => Err(Error::Malformed),
            }
        }
        Version::V2 => {
            let (key, tag) = key_material.split_at_checked(32).filter(|k| k.1.len() == 16).ok_or(Error::Malformed)?;
            let keys = SealKeys::for_payload(key);
            seal::check(&keys, [data, b""], 16, tag)?;
            seal::decrypt(&keys, data)
        }
    }
}

fn gcm<N: ArraySize>(key: &[u8]) -> AesGcm<Aes128, N> {
    AesGcm::new_from_slice(key).expect("the key has 16 bytes")
}

fn open_gcm<N: ArraySize>(key: &[u8], iv: &[u8], data: &[u8], tag: &Tag) -> Result<Zeroizing<Vec<u8>>> {
    let nonce = Nonce::<N>::try_from(iv).map_err(|_| Error::Malformed)?;
    let mut clear = Zeroizing::new(data.to_vec());
    gcm::<N>(key).decrypt_inout_detached(&nonce, b"", clear.as_mut_slice().into(), tag).map_err(|_| Error::Forged)?;
    Ok(clear)
}

fn random_iv<R: CryptoRng + ?Sized>(rng: &mut R) -> [u8; 12] {
    let mut iv = [0; 12];
    rng.fill_bytes(&mut iv);
    iv
}
