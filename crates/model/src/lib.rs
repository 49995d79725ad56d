//! The vocabulary and the pure decisions: estate, policy, retention.
//!
//! Nothing here does I/O or asks for the time, so that every rule can be tried against made-up years in a moment.

mod agreement;
mod class;
mod date;
mod diagnostic;
mod duration;
pub mod estate;
mod exclude;
mod name;
pub mod policy;
mod rate;
mod reading;
pub mod retention;
mod sentence;
mod size;
pub mod template;

pub use agreement::compare;
pub use class::{Class, Dataset};
pub use date::{DateError, parse_date};
pub use diagnostic::{Checked, Diagnostic, Severity};
pub use duration::{DurationError, parse_duration, show_duration};
pub use estate::{Estate, read_estate};
pub use exclude::{ExcludePattern, PatternError};
pub use name::{AssetName, ClientId, HostName, LocationName, NameError, RepositoryName, SiteName};
pub use policy::{Policy, read_policy};
pub use rate::{RateError, parse_rate};
pub use sentence::{SENTENCES, Sentence, SentenceId};
pub use size::{SizeError, parse_size, show_size};
