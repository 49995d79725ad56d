//! PHP and the web server.

use std::path::PathBuf;

/// What is served.
#[derive(Clone, Debug)]
pub struct Serving {
    /// The folder of the documents, as it is called inside: `/var/www/vhosts/shop.example/httpdocs`.
    pub documents: PathBuf,
    /// Names and addresses under which the website knows itself, without ports: they lead to this web server.
    pub hosts: Vec<String>,
    /// Ports of 127.0.0.1 besides 80 and 443 at which it answers.
    pub ports: Vec<u16>,
}
