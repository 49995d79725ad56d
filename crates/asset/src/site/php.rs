//! A configuration in PHP, read and never run.
//!
//! It belongs to a client, and whoever may write it would otherwise run code as root by waiting for a backup. So it is parsed
//! by a library and followed as far as that needs no call, no other file and no environment: texts, constants, arrays,
//! branches. What goes beyond is a value that is not known, with its line and a reason.

mod assign;
mod conditions;
mod evaluate;
mod reading;
mod statements;
#[cfg(test)]
mod tests;
mod value;

pub(super) use self::conditions::Conditions;
pub(super) use self::reading::{Settings, read, reason};
pub(super) use self::value::{Candidate, Candidates, Unresolved, Value, get_each};
