//! What leaves this machine for people and for monitoring: mails and requests going out, measurements being asked for.
//!
//! Everything that opens a socket for that is here, and nothing that decides: what is said and what is measured comes from
//! `ops`, so that no answer of a server can change it.

mod courier;
mod endpoint;
mod exposition;
mod limited;
mod mail;
mod request;

pub use self::courier::Courier;
pub use self::endpoint::Endpoint;
pub use self::exposition::{METRICS, Metric, exposition};
