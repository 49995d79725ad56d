//! Applications that hosting companies' customers run, with their files, databases and web servers.
//!
//! Whether a backup is worth anything is decided by what comes back: a site that answers, money that adds up, a secret
//! that still opens. A folder of random files and a table of numbers can prove none of that.

pub mod whmcs;
pub mod wordpress;
