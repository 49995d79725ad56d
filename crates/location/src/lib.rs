//! Where copies live: one small contract, a backend per kind of place, and layers that wrap any of them.

mod canary;
mod contract;
mod credentials;
mod error;
mod http;
mod key;
pub mod layers;
mod local;
mod marker;
mod object_lock;
mod place;
mod probe;
mod rest;
mod runtime;
mod s3;
mod secrets;
mod sftp;
mod surroundings;
mod walk;

pub use contract::{
    Identity, LEDGER_REPOSITORY, LOG_REPOSITORY, Listed, Location, MARKER_REPOSITORY, Put, RING_REPOSITORY,
};
pub use credentials::Credentials;
pub use error::{Error, ErrorKind};
pub use key::{Area, Key, is_reserved, valid_object, valid_repository};
pub use object_lock::{LockBreak, ObjectLock, Retained};
pub use place::{Place, establish, open};
pub use probe::{
    Finding, Grade, LOCK_TOPICS, Measure, PROBE_PREFIX, ProbeOptions, Topic, Unit, Verdict, probe, probe_lock,
};
pub use surroundings::{Surroundings, Timeouts};
pub use walk::{Lying, Walk, What};
