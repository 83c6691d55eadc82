//! AES-256-CBC with a truncated HMAC-SHA-256: seals ratchet messages of both versions and payloads of version 2.

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::kdf::SealKeys;

/// Pads after PKCS#7 and encrypts; the clear bytes are overwritten in place.
pub(crate) fn encrypt(keys: &SealKeys, clear: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; (clear.len() / 16 + 1) * 16];
    buffer[..clear.len()].copy_from_slice(clear);
    cbc::Encryptor::<Aes256>::new_from_slices(keys.encryption(), keys.iv())
        .expect("key and IV have their right sizes")
        .encrypt_padded::<Pkcs7>(&mut buffer, clear.len())
        .expect("the buffer has room for the padding");
    buffer
}

/// Decrypts; to be called only when the tag was right. Wrong padding then still means a broken sender.
pub(crate) fn decrypt(keys: &SealKeys, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let mut buffer = Zeroizing::new(sealed.to_vec());
    let size = cbc::Decryptor::<Aes256>::new_from_slices(keys.encryption(), keys.iv())
        .expect("key and IV have their right sizes")
        .decrypt_padded::<Pkcs7>(&mut buffer)
        .map_err(|_| Error::Malformed)?
        .len();
    buffer.truncate(size);
    Ok(buffer)
}

/// The tag over several parts in a row; the caller cuts it to its version's size.
pub(crate) fn tag(keys: &SealKeys, parts: [&[u8]; 2]) -> [u8; 32] {
    keys.authentication.tag(&parts)
}

/// Compares a received, truncated tag in constant time.
pub(crate) fn check(keys: &SealKeys, parts: [&[u8]; 2], size: usize, received: &[u8]) -> Result<()> {
    let expected = tag(keys, parts);
    if received.len() == size && bool::from(expected[..size].ct_eq(received)) { Ok(()) } else { Err(Error::Forged) }
}
