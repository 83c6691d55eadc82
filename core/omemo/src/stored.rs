//! The byte form of stored state: fixed order, big-endian numbers, one spelling for one value.

use zeroize::Zeroizing;

use crate::curve::Secret;
use crate::error::{Error, Result};

/// Writes into one buffer that is wiped when dropped; it must be big enough from the start, for growing it would
/// leave copies behind.
pub(crate) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    pub(crate) fn with_capacity(size: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(size)))
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        debug_assert!(self.0.len() + bytes.len() <= self.0.capacity(), "secrets would be copied");
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn finish(self) -> Zeroizing<Vec<u8>> {
        debug_assert_eq!(self.0.len(), self.0.capacity(), "the size was miscounted");
        self.0
    }
}

/// Reads what [`Writer`] wrote; everything else is [`Error::Corrupt`].
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk().ok_or(Error::Corrupt)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn secret(&mut self) -> Result<Secret> {
        Ok(Zeroizing::new(self.array()?))
    }

    pub(crate) fn expect(&mut self, byte: u8) -> Result<()> {
        if self.u8()? == byte { Ok(()) } else { Err(Error::Corrupt) }
    }

    pub(crate) fn end(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Corrupt) }
    }
}
