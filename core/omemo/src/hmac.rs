//! HMAC-SHA-256 (RFC 2104) and HKDF (RFC 5869) on the compression function itself.
//!
//! A ratchet message costs some twenty compressions of single blocks, nearly all of its time. Here the two halves of
//! a key, and the two tags of a chain step, stand next to each other without buffering in between, so that a
//! processor works on both at once. Blocks on the stack are not wiped: a volatile store for each of their bytes would
//! cost a tenth of the time, and the compiler leaves copies of its own anyway. The tests hold it against RFC vectors and against RustCrypto's own crates.

use std::slice::from_ref;
use std::sync::LazyLock;

use sha2::block_api::compress256;
use zeroize::Zeroizing;

/// SHA-256's state before any input (FIPS 180-4, section 5.3.3).
const START: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// A key as the two hash states that every tag starts from.
pub(crate) struct Key {
    inner: Zeroizing<[u32; 8]>,
    outer: Zeroizing<[u32; 8]>,
}

/// HKDF's extraction without a salt has always the same key: 32 zero bytes.
static NO_SALT: LazyLock<Key> = LazyLock::new(|| Key::new(&[0; 32]));

impl Key {
    /// From 32 bytes, as all keys of OMEMO are.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let (mut inner, mut outer) = (Zeroizing::new(START), Zeroizing::new(START));
        let (mut inner_block, mut outer_block) = ([0x36; 64], [0x5c; 64]);
        for (index, byte) in key.iter().enumerate() {
            inner_block[index] ^= byte;
            outer_block[index] ^= byte;
        }
        compress256(&mut inner, from_ref(&inner_block));
        compress256(&mut outer, from_ref(&outer_block));
        Self { inner, outer }
    }

    /// The tag over several parts in a row.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut state = *self.inner;
        let mut block = [0; 64];
        let (mut used, mut size) = (0, 64);
        for part in parts {
            size += part.len();
            let mut rest = *part;
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(64 - used));
                block[used..used + now.len()].copy_from_slice(now);
                used += now.len();
                rest = later;
                if used == 64 {
                    compress256(&mut state, from_ref(&block));
                    used = 0;
                }
            }
        }
        block[used] = 0x80;
        block[used + 1..].fill(0);
        if used + 1 > 56 {
            compress256(&mut state, from_ref(&block));
            block.fill(0);
        }
        block[56..].copy_from_slice(&(size as u64 * 8).to_be_bytes());
        compress256(&mut state, from_ref(&block));
        self.finish(&state)
    }

    /// The tags over two single bytes, for one step of a chain.
    pub(crate) fn two_tags(&self, first: u8, second: u8) -> ([u8; 32], [u8; 32]) {
        let (mut one, mut two) = (*self.inner, *self.inner);
        let mut block = [0; 64];
        block[1] = 0x80;
        block[62..].copy_from_slice(&(65u16 * 8).to_be_bytes());
        let mut other = block;
        block[0] = first;
        other[0] = second;
        compress256(&mut one, from_ref(&block));
        compress256(&mut two, from_ref(&other));
        (self.finish(&one), self.finish(&two))
    }

    /// The outer hash over the inner one.
    fn finish(&self, inner: &[u32; 8]) -> [u8; 32] {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&bytes(inner));
        block[32] = 0x80;
        block[62..].copy_from_slice(&(96u16 * 8).to_be_bytes());
        let mut state = *self.outer;
        compress256(&mut state, from_ref(&block));
        bytes(&state)
    }
}

/// HKDF-SHA-256; no salt means 32 zero bytes. At most 255 times 32 bytes.
pub(crate) fn hkdf(salt: Option<&[u8; 32]>, input: &[u8], info: &[u8], out: &mut [u8]) {
    let pseudorandom = match salt {
        Some(salt) => Key::new(salt).tag(&[input]),
        None => NO_SALT.tag(&[input]),
    };
    let key = Key::new(&pseudorandom);
    let mut last = [0; 32];
    for (number, chunk) in (1..=255).zip(out.chunks_mut(32)) {
        let before: &[u8] = if number == 1 { &[] } else { &last };
        last = key.tag(&[before, info, &[number]]);
        chunk.copy_from_slice(&last[..chunk.len()]);
    }
}

fn bytes(state: &[u32; 8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (chunk, word) in out.chunks_exact_mut(4).zip(state) {
        chunk.copy_from_slice(&word.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use hkdf::Hkdf;
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;

    fn theirs(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    #[test]
    fn test_cases_of_rfc_4231_and_5869() {
        // RFC 4231, case 1, its key padded with zeros to 32 bytes, which gives the same block.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let tag = Key::new(&key).tag(&[b"Hi", b" There"]);
        assert_eq!(tag[..8], [0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53]);
        assert_eq!(tag[28..], [0x2e, 0x32, 0xcf, 0xf7]);
        // RFC 5869, case 3: no salt, no info.
        let mut out = [0; 42];
        hkdf(None, &[0x0b; 22], b"", &mut out);
        assert_eq!(out[..8], [0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f]);
        assert_eq!(out[34..], [0x13, 0x95, 0xfa, 0xa4, 0xb6, 0x1a, 0x96, 0xc8]);
    }

    #[test]
    fn every_size_around_the_block_borders_equals_the_crates_tag() {
        let (key, input) = ([9; 32], [7; 300]);
        for size in 0..300 {
            assert_eq!(Key::new(&key).tag(&[&input[..size]]), theirs(&key, &[&input[..size]]), "{size}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn tags_and_expansions_equal_those_of_the_crates(
            key in any::<[u8; 32]>(),
            parts in vec(vec(any::<u8>(), 0..150), 0..4),
            info in vec(any::<u8>(), 0..70),
            size in 0..200usize,
            salted in any::<bool>(),
        ) {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(Key::new(&key).tag(&parts), theirs(&key, &parts));
            let tags = Key::new(&key).two_tags(1, 2);
            prop_assert_eq!(tags, (theirs(&key, &[&[1]]), theirs(&key, &[&[2]])));

            let input = parts.concat();
            let (mut ours, mut crates) = (vec![0; size], vec![0; size]);
            hkdf(salted.then_some(&key), &input, &info, &mut ours);
            Hkdf::<Sha256>::new(salted.then_some(&key[..]), &input).expand(&info, &mut crates).unwrap();
            prop_assert_eq!(ours, crates);
        }
    }
}
