//! Randomness that was prepared, for tests that must give the same bytes again.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

/// Hands out prepared bytes, and panics when they run out.
pub(crate) struct Script(pub(crate) Vec<u8>);

impl Script {
    pub(crate) fn end(self) {
        assert!(self.0.is_empty(), "{} random bytes left over", self.0.len());
    }
}

impl TryRng for Script {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        assert!(self.0.len() >= out.len(), "more randomness is drawn than was prepared");
        out.copy_from_slice(&self.0[..out.len()]);
        self.0.drain(..out.len());
        Ok(())
    }
}

impl TryCryptoRng for Script {}
