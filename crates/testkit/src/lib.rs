//! What tests share: corpora of websites, real servers, applications on them, and the programs to run against. For `dev-dependencies` only.

#![allow(
    clippy::disallowed_methods,
    reason = "tests talk to the machine directly: they start servers, wait for them and look for programs"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a test kit that cannot go on stops the test, with the place in the message"
)]

pub mod apps;
pub mod corpus;
pub mod folder_source;
pub mod lab;
pub mod servers;
