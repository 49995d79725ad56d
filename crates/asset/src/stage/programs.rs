//! The programs that bring a website to life: those that are installed, as a hosting company has them.

use std::fs;
use std::path::{Path, PathBuf};

use holdfast_world::Environment;

use super::failure::{StageError, StageErrorKind};

/// Where Debian has its servers, which `PATH` of a user does not name.
const MORE: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/bin"];

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
    /// `openssl`, where it is installed: without it nothing listens on port 443 for a website that calls itself.
    pub openssl: Option<PathBuf>,
}

impl Programs {
    /// Looks for all of them in `PATH` and where Debian has its servers. Of several versions of PHP the newest is taken.
    ///
    /// # Errors
    /// [`StageErrorKind::Missing`] when one that is needed is not installed, saying all that are missing.
    pub fn find(environment: &Environment) -> Result<Programs, StageError> {
        let path = environment.get("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> =
            std::env::split_paths(path).chain(MORE.iter().map(PathBuf::from)).collect();
        let mut missing = Vec::new();
        let mut needed = |found: Option<PathBuf>, what: &str| {
            found.unwrap_or_else(|| {
                missing.push(what.to_owned());
                PathBuf::new()
            })
        };
        let programs = Programs {
            mariadbd: needed(find(&folders, "mariadbd"), "mariadbd (package mariadb-server)"),
            install_db: needed(
                find(&folders, "mariadb-install-db"),
                "mariadb-install-db (package mariadb-server)",
            ),
            php_fpm: needed(find_fpm(&folders), "php-fpm (package php-fpm)"),
            nginx: needed(find(&folders, "nginx"), "nginx (package nginx-light)"),
            chromium: find(&folders, "chromium"),
            openssl: find(&folders, "openssl"),
        };
        if missing.is_empty() {
            return Ok(programs);
        }
        let message = format!("a restored website cannot be brought to life: install {}", missing.join(", "));
        Err(StageError::new(StageErrorKind::Missing, message))
    }
}

impl Programs {
    /// Those that a staging shows: `/usr` and what was named besides.
    pub(super) fn shown(&self, read_only: &[PathBuf]) -> Result<Programs, StageError> {
        let is_shown = |path: &Path| {
            let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            real.starts_with("/usr") || read_only.iter().any(|folder| real.starts_with(folder))
        };
        for needed in [&self.mariadbd, &self.install_db, &self.php_fpm, &self.nginx] {
            if !is_shown(needed) {
                let message = format!(
                    "{} lies where no staging sees it: name its folder among those that are shown read-only",
                    needed.display()
                );
                return Err(StageError::new(StageErrorKind::Missing, message));
            }
        }
        let optional = |path: &Option<PathBuf>| path.clone().filter(|path| is_shown(path));
        Ok(Programs { chromium: optional(&self.chromium), openssl: optional(&self.openssl), ..self.clone() })
    }
}

fn find(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Debian calls it by its version, others do not.
fn find_fpm(folders: &[PathBuf]) -> Option<PathBuf> {
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let versions = entries.filter_map(|entry| Some((version(&entry.path())?, entry.path())));
    versions.max().map(|(_, path)| path)
}

/// The version in `php-fpm8.2`; the plain name comes before all of them.
fn version(path: &Path) -> Option<Vec<u32>> {
    let rest = path.file_name()?.to_str()?.strip_prefix("php-fpm")?;
    if rest.is_empty() {
        return Some(vec![u32::MAX]);
    }
    rest.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_php_is_taken_and_a_link_to_the_machines_choice_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let folders = [folder.path().to_owned()];
        assert_eq!(find_fpm(&folders), None);
        for name in ["php-fpm8.2", "php-fpm8.10", "php-fpm8.4", "php-fpm-old", "php"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(find_fpm(&folders), Some(folder.path().join("php-fpm8.10")));
        fs::write(folder.path().join("php-fpm"), "").unwrap();
        assert_eq!(find_fpm(&folders), Some(folder.path().join("php-fpm")));
    }

    #[test]
    fn a_program_that_no_staging_sees_is_told_and_a_browser_is_done_without() {
        let folder = tempfile::tempdir().unwrap();
        let (own, system) = (folder.path().join("x"), PathBuf::from("/usr/bin/env"));
        let mut programs = Programs {
            mariadbd: system.clone(),
            install_db: system.clone(),
            php_fpm: system.clone(),
            nginx: system.clone(),
            chromium: Some(own.clone()),
            openssl: Some(system),
        };
        let shown = programs.shown(&[]).unwrap();
        assert!(shown.chromium.is_none() && shown.openssl.is_some());
        programs.nginx = own.clone();
        let error = programs.shown(&[]).unwrap_err();
        assert!(error.message.contains(&own.display().to_string()), "{error}");
        programs.shown(&[folder.path().to_owned()]).unwrap();
    }
}
