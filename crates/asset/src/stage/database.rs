//! The scratch server.

use holdfast_world::SecretString;

/// An account of the scratch server, as a website has it. It may do everything with every database there.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: SecretString,
}
