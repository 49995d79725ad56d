//! Verifies an exported audit log without holdfast: the tree is computed from the leaves by a way of its own, and compared
//! with signed checkpoints that somebody kept elsewhere. A report is verified the same way, with every file beside the log. It
//! imports nothing of the program whose word it checks.

mod citations;
mod export;
mod manifest;
mod note;
mod pack;
mod replay;
mod tree;
mod values;
mod verdict;

pub use export::{Export, Trouble, read};
pub use note::{Key, Signed};
pub use pack::{PackVerdict, verify_pack};
pub use tree::{Hash, Tree};
pub use verdict::{Finding, Verdict, verify};
