//! What may be set about stagings.

use std::path::PathBuf;

use super::failure::StageError;
use super::programs::Programs;

/// An id that no account has on Debian, Red Hat or Plesk, just below the one that means nobody.
const SITE_USER: u32 = 65533;
/// The same for the database server: a website must not be able to alter the files of its own proof.
const DATABASE_USER: u32 = 65532;

/// How things are brought to life on this machine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who the website runs as: user and group. It must own nothing else on the machine.
    pub site_user: u32,
    /// Who the database server runs as.
    pub database_user: u32,
    /// What is run.
    pub programs: Programs,
    /// More folders that the programs need, seen read-only at the same path: `/opt/plesk/php` where PHP lies there.
    pub read_only: Vec<PathBuf>,
}

impl Settings {
    /// Refuses users who are somebody: what runs as them could be this machine's own.
    pub(super) fn refuse_somebody(&self) -> Result<(), StageError> {
        let refused = |why: String| Err(StageError::refused(format!("{why}: name one that nobody has")));
        if self.site_user == self.database_user {
            return refused(format!(
                "the website and its database server cannot both be user {}",
                self.site_user
            ));
        }
        for user in [self.site_user, self.database_user] {
            let account = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(user)).ok().flatten();
            if user == 0 || account.is_some() {
                let name = account.map(|account| account.name).unwrap_or_default();
                return refused(format!(
                    "what is restored cannot run as user {user}, who is {name} on this machine"
                ));
            }
        }
        Ok(())
    }

    /// The usual ones with these programs.
    pub fn new(programs: Programs) -> Settings {
        Settings { site_user: SITE_USER, database_user: DATABASE_USER, programs, read_only: Vec::new() }
    }
}
