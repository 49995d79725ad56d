//! Real servers for tests, each on free ports, in a folder of its own, ended when dropped.
//!
//! A fake would agree with whatever we believe about a server; these are the servers that customers have.

mod bending;
mod by_user;
mod front;
mod hook;
mod lying_lock;
mod mariadb;
mod php;
mod process;
mod rclone;
mod rest_server;
mod seaweed;
mod smtp;
mod sshd;
mod tls;

pub use bending::Bending;
pub use by_user::ByUser;
pub use hook::{Hook, Posted};
pub use lying_lock::LyingLock;
pub use mariadb::Mariadb;
pub(crate) use mariadb::load_at;
pub use php::{Answer, Php};
pub(crate) use php::{run_file, run_script};
pub use rclone::{RcloneRest, RcloneS3};
pub use rest_server::{RestOptions, RestServer};
pub use seaweed::Seaweed;
pub use smtp::{Smtp, SmtpSecurity, TakenMail};
pub use sshd::Sshd;
pub use tls::Certificates;

/// The user of every server that has users.
pub const USER: &str = "holdfast-user";

/// A second user of servers that tell users apart.
pub const DELETER: &str = "holdfast-deleter";

/// The password of every server that has passwords; recognisable, so that a leak of it can be searched for.
pub const PASSWORD: &str = "hunter2-PASSWORD-canary";

/// The access key of every S3 server.
pub const ACCESS_KEY: &str = "AKHOLDFASTCANARY0001";

/// The secret key of every S3 server.
pub const SECRET_KEY: &str = "SKholdfastCANARYsecretKEY0000000000000001";
