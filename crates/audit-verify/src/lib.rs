//! Verifies an exported audit log without holdfast: the tree is computed from the leaves by a way of its own, and compared
//! with signed checkpoints that somebody kept elsewhere. It imports nothing of the program whose word it checks.

mod export;
mod note;
mod tree;
mod values;
mod verdict;

pub use export::{Export, Trouble, read};
pub use note::{Key, Signed};
pub use tree::{Hash, Tree};
pub use verdict::{Finding, Verdict, verify};
