//! What carries messages. Only the floor above opens sockets for it, so that all of the rest can be tried with a carrier that
//! fails on demand.

use std::collections::BTreeSet;

use holdfast_model::estate::MailServer;
use holdfast_world::SecretString;
use jiff::Timestamp;

/// Carries messages out of this machine.
pub trait Carrier: Send + Sync {
    /// Hands a mail to a server, encrypted or not at all.
    ///
    /// # Errors
    /// When the server did not take it.
    fn mail(&self, mail: &Mail) -> Result<Carried, Failure>;

    /// Sends a request.
    ///
    /// # Errors
    /// When the answer was no success.
    fn post(&self, post: &Post) -> Result<Carried, Failure>;
}

/// A mail.
#[derive(Clone)]
pub struct Mail {
    /// Whom it is handed to.
    pub server: MailServer,
    /// The only authority that is trusted, as PEM; the usual ones where there is none.
    pub authority: Option<Vec<u8>>,
    /// Name and password, where the server wants them.
    pub login: Option<(SecretString, SecretString)>,
    /// The name of this machine, which says so to the server.
    pub host: String,
    /// Whom it is from.
    pub from: String,
    /// Whom it is to.
    pub to: Vec<String>,
    /// Those of them who have it from an earlier attempt, and do not get it again.
    pub taken_by: BTreeSet<String>,
    /// The same each time that it is sent, so that a reader's program can tell that it is the same.
    pub message_id: String,
    /// When it was said, not when it was sent.
    pub date: Timestamp,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// A request.
pub struct Post {
    /// Where to; it may hold a secret.
    pub url: SecretString,
    /// The only authority that is trusted, as PEM; the usual ones where there is none.
    pub authority: Option<Vec<u8>>,
    /// Its name, the same each time that it is sent.
    pub id: String,
    /// When it is sent.
    pub date: Timestamp,
    /// A JSON document, or nothing.
    pub body: Vec<u8>,
    /// Signs all of that.
    pub secret: Option<SecretString>,
}

/// What was carried.
#[derive(Clone, Debug)]
pub struct Carried {
    /// The bytes as they were sent.
    pub payload: Vec<u8>,
    /// What the other side said.
    pub answer: String,
}

/// Why something was not carried.
#[derive(Clone, Debug, Default)]
pub struct Failure {
    /// For people, without secrets.
    pub reason: String,
    /// The other side was reached, and did not take this one.
    pub is_refusal: bool,
    /// Of a mail to several: those who have it all the same.
    pub taken_by: BTreeSet<String>,
}
