//! Every backend against its real server: the contract, and what happens when the server does not play along.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "measurements and findings are worth reading")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests start programs, wait for them and look at the machine themselves"
)]

mod contract;
mod layers;
mod limits;
mod locking;
mod outages;
mod probing;
mod refusals;
mod secrets;
mod speed;
mod suite;
mod tls;
mod walks;
