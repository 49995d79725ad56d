//! Randomness, handed in. Nonces and keys come from here: a repeated nonce would reveal plaintext, so the system's
//! generator is asked every time and its failure ends the process rather than weakens a seal.

/// A source of cryptographically secure random bytes.
pub trait Random: Send + Sync {
    /// Fills `buffer`.
    fn fill(&self, buffer: &mut [u8]);
}

/// The kernel's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that draws random bytes")]
    fn fill(&self, buffer: &mut [u8]) {
        if let Err(error) = getrandom::fill(buffer) {
            panic!("the kernel gives no random bytes: {error}");
        }
    }
}
