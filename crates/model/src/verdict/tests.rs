//! Placeholder until the world is written.
