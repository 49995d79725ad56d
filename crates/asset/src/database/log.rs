//! What happened to a database since its dump: the server's binary log from the dump's position on, as a [`Source`].
//!
//! A dump every ten minutes loses up to ten minutes. The log has every change at its second, and costs the server nothing more
//! than it does already; but a log with a hole in it is worse than none, because it is replayed without a complaint and
//! gives a state that never was. So everything here that is not seen to be whole is an error with its own kind, and whoever
//! gets one of those takes a new dump.
//!
//! Each file of the server's log becomes one file of the point, byte for byte as the server has it, so that the server's own
//! tools read it without us. `log.json` comes last and says what the files are, and until which instant they are complete.
//! Each point holds all since its dump: a newer one of the same dump makes the older superfluous.
//!
//! [`Source`]: holdfast_format::source::Source

mod base;
mod before;
mod client;
mod event;
mod failure;
mod follow;
mod manifest;
mod query;
mod scan;
mod source;
mod statement;
mod stream;
mod wire;

pub use self::base::{Base, Server, Start};
pub use self::failure::{Gap, LogError, LogErrorKind};
pub use self::follow::{Follow, Refusal, can_follow};
pub use self::manifest::{LOG_FORMAT, LOG_NAME, LogFile, LogManifest, Position};
pub use self::source::{LOG_FOLDER, LogFailed, LogSource, log_place_of};

pub(super) use self::event::Table;
pub(super) use self::event::{Event, MAGIC};
pub(super) use self::query::{Query, Settings};
pub(super) use self::scan::{Part, Scan, Transaction};
pub(super) use self::statement::{Change, Frame, Object, rewritten};
