//! A place where something that was restored is brought to life, and from which nothing gets out.
//!
//! What a restore test runs is somebody's live shop: it sends mail, charges cards and calls its owner's other machines as soon
//! as it is asked anything. So it runs as nobody, in namespaces of its own: a network that consists of the loopback device, a
//! root folder that holds programs and what was restored and nothing else of this machine, and processes that end with ours.
//! Where that cannot be had, nothing is run. And it is other people's data in plain text: it lies in memory or on an
//! encrypted volume, and its end is proven.

mod database;
mod destroy;
mod failure;
mod http;
mod left;
mod mail;
mod outbound;
mod programs;
mod root;
mod settings;
mod web;
pub mod website;

use std::path::Path;
use std::time::Duration;

use holdfast_world::process::Finished;

pub use self::database::Account;
pub use self::destroy::Destroyed;
pub use self::failure::{StageError, StageErrorKind};
pub use self::http::{Answer, Question};
pub use self::left::Left;
pub use self::mail::Mail;
pub use self::outbound::Outbound;
pub use self::programs::Programs;
pub use self::root::{DEFAULT_ROOT, Root, is_staging};
pub use self::settings::Settings;
pub use self::web::Serving;

use crate::database::{Access, Place};

/// A staging. Dropping it ends its processes and removes its files as well as it can; [`Stage::destroy`] proves it.
#[derive(Debug)]
pub struct Stage {}

impl Stage {
    /// The folder to restore into, as this process sees it: root's until something is started, and the website's user's then.
    pub fn files(&self) -> &Path {
        Path::new("/")
    }

    /// Lets a folder below [`Stage::files`] be seen inside at the path where it lay when it was backed up.
    ///
    /// # Errors
    /// When something was started already, or the path is one that the machine's own programs lie at.
    pub fn show(&mut self, _folder: &Path, _path: &Path) -> Result<(), StageError> {
        Err(StageError::refused("not built yet"))
    }

    /// Starts the scratch server with accounts. Each of the places leads to it: names by a hosts file, addresses by the loopback
    /// device, sockets by links; so do the usual sockets and `localhost`.
    ///
    /// # Errors
    /// When it does not start, or a place cannot lead to it.
    pub fn start_database(&mut self, _accounts: &[Account], _places: &[Place]) -> Result<(), StageError> {
        Err(StageError::refused("not built yet"))
    }

    /// Access to a database of the scratch server from here, with all rights: for [`crate::database::load`].
    ///
    /// # Errors
    /// When the server was not started.
    pub fn access(&self, _database: &str) -> Result<Access, StageError> {
        Err(StageError::refused("not built yet"))
    }

    /// Hands the restored files to the website's user, and starts PHP and the web server.
    ///
    /// # Errors
    /// When they do not start.
    pub fn start_web(&mut self, _serving: &Serving) -> Result<(), StageError> {
        Err(StageError::refused("not built yet"))
    }

    /// Asks the web server. Redirections are not followed.
    ///
    /// # Errors
    /// [`StageErrorKind::TimedOut`] when there was no whole answer in time.
    pub fn ask(&self, _question: &Question) -> Result<Answer, StageError> {
        Err(StageError::refused("not built yet"))
    }

    /// Runs a program inside, as the website's user, in a folder as it is called inside.
    ///
    /// # Errors
    /// When it gave no result; any exit code is one.
    pub fn run(
        &self,
        _command: &[String],
        _folder: &Path,
        _longest: Duration,
    ) -> Result<Finished, StageError> {
        Err(StageError::refused("not built yet"))
    }

    /// What was attempted since the web server was started, but not what the browser of [`Stage::picture`] did.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn outbound(&self) -> Result<Outbound, StageError> {
        Err(StageError::refused("not built yet"))
    }

    /// The mail that was kept.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn mails(&self) -> Result<Vec<Mail>, StageError> {
        Err(StageError::refused("not built yet"))
    }

    /// A picture of a page, as a PNG; none where Chromium is not installed.
    ///
    /// # Errors
    /// When Chromium makes none.
    pub fn picture(&mut self, _url: &str, _longest: Duration) -> Result<Option<Vec<u8>>, StageError> {
        Err(StageError::refused("not built yet"))
    }

    /// Ends every process, removes everything, and looks whether anything is left.
    ///
    /// # Errors
    /// [`StageErrorKind::Left`] when something is.
    pub fn destroy(self) -> Result<Destroyed, StageError> {
        Err(StageError::refused("not built yet"))
    }
}
