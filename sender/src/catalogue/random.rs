//! Draws from a seed that give the same values in every release.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A source of draws. ChaCha is value-stable, and so is the arithmetic here.
#[derive(Debug)]
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    /// From a seed and a purpose, so that one purpose's draws never shift another's.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&purpose.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number from `low` to `high`, both included. The bias of the remainder is below 2^-32.
    pub(crate) fn number(&mut self, low: u32, high: u32) -> u32 {
        let span = u64::from(high.saturating_sub(low)) + 1;
        let offset = self.0.next_u64() % span;
        low.saturating_add(u32::try_from(offset).unwrap_or(0))
    }

    /// Bytes, such as a key's.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// One of these; the default of nothing.
    pub(crate) fn one<T: Copy + Default>(&mut self, of: &[T]) -> T {
        let last = u32::try_from(of.len().saturating_sub(1)).unwrap_or(u32::MAX);
        of.get(self.number(0, last) as usize).copied().unwrap_or_default()
    }

    /// A code of this length of `A-Z` and `0-9`.
    pub(crate) fn code(&mut self, chars: usize) -> String {
        const ALPHABET: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        (0..chars).map(|_| char::from(ALPHABET[self.number(0, 35) as usize])).collect()
    }
}
