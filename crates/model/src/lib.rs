//! The vocabulary and the pure decisions: estate, policy, retention.
//!
//! Nothing here does I/O or asks for the time, so that every rule can be tried against made-up years in a moment.

mod address;
mod agreement;
mod class;
pub mod control;
mod coverage;
mod date;
mod diagnostic;
mod duration;
pub mod estate;
mod exclude;
pub mod following;
pub mod lint;
mod name;
pub mod notice;
pub mod policy;
mod rate;
mod reading;
pub mod render;
pub mod restore_test;
pub mod retention;
pub mod scheduler;
mod sentence;
pub mod simulate;
mod size;
pub mod slot;
pub mod standards;
pub mod template;
mod unprotected;
pub mod verdict;

pub use address::Address;
pub use agreement::compare;
pub use class::{Class, Dataset};
pub use coverage::{SentenceCoverage, coverage};
pub use date::{DateError, parse_date};
pub use diagnostic::{Checked, Diagnostic, Severity};
pub use duration::{DurationError, parse_duration, show_duration};
pub use estate::{Estate, read_estate};
pub use exclude::{ExcludePattern, PatternError};
pub use lint::{LintFinding, LintInput, lint};
pub use name::{
    AssetName, ChannelName, ClientId, DiscoveryName, HostName, LocationName, NameError, RepositoryName,
    SiteName,
};
pub use policy::{Cadence, Policy, read_policy};
pub use rate::{RateError, parse_rate};
pub use sentence::{SENTENCES, Sentence, SentenceId};
pub use size::{SizeError, parse_size, show_size};
pub use unprotected::{Unprotected, Why, unprotected};
