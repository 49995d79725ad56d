//! The programs that bring a website to life: those that are installed, as a hosting company has them.

use std::path::PathBuf;

use holdfast_world::Environment;

use super::failure::StageError;

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `mariadbd`.
    pub mariadbd: PathBuf,
    /// `mariadb-install-db`.
    pub install_db: PathBuf,
    /// `php-fpm`, of whatever version.
    pub php_fpm: PathBuf,
    /// `nginx`.
    pub nginx: PathBuf,
    /// `chromium`, where it is installed: without it there are no pictures.
    pub chromium: Option<PathBuf>,
    /// `openssl`, where it is installed: without it the website does not listen on port 443 for its own sake.
    pub openssl: Option<PathBuf>,
}

impl Programs {
    /// Looks for all of them in `PATH` and where Debian has its servers.
    ///
    /// # Errors
    /// [`super::StageErrorKind::Missing`] when one that is needed is not installed, saying all that are missing.
    pub fn find(_environment: &Environment) -> Result<Programs, StageError> {
        Err(StageError::refused("not built yet"))
    }
}
