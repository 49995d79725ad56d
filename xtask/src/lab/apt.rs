//! Debian packages. `apt-get update` is run only when something is missing: it needs the network, and a machine
//! that has everything must be able to test without one.
//!
//! Debian starts a service as soon as its package is installed, and again at every boot. Of openssh-server only the
//! program is wanted: a developer's machine must not open port 22 because it ran some tests.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// What the tests start or compare with.
pub(super) const PACKAGES: &[&str] = &[
    "acl",
    "age",
    "attr",
    "borgbackup",
    "chromium",
    "curl",
    "e2fsprogs",
    "fuse3",
    "libgfshare-bin",
    "mariadb-server",
    "nginx-light",
    "openssh-client",
    "openssh-server",
    "openssh-sftp-server",
    "openssl",
    // In this order, or apt takes Apache's module to have a PHP.
    "php-fpm",
    "php",
    "php-cli",
    "php-gd",
    "php-mysql",
    "prometheus",
    "python3-aiosmtpd",
    "python3-venv",
    "rclone",
    "restic",
    "rsync",
    "valgrind",
    "wordpress",
    "wordpress-theme-twentytwentytwo",
    "xxd",
];

/// Installs those that are missing.
pub(super) fn ensure(packages: &[&str]) -> Result<String> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(format!("all {} are installed", packages.len()));
    }
    if process::find("apt-get", &[]).is_none() {
        bail!("this machine has no apt-get; install by hand: {}", missing.join(" "))
    }
    if !process::is_root() {
        bail!("not root; run as root: apt-get install --no-install-recommends {}", missing.join(" "))
    }
    process::output(apt_get(&["update", "-qq"]))?;
    let install = ["install", "-qq", "-y", "--no-install-recommends"];
    let services = NoServices::start()?;
    process::output(apt_get(&[&install[..], &missing].concat()))?;
    drop(services);
    let services = [
        ("mariadb-server", "mariadb.service"),
        ("nginx-light", "nginx.service"),
        ("openssh-server", "ssh.service"),
        ("openssh-server", "ssh.socket"),
        // Of Debian 12 and 13.
        ("php-fpm", "php8.2-fpm.service"),
        ("php-fpm", "php8.4-fpm.service"),
        ("prometheus", "prometheus.service"),
    ];
    for (package, service) in services {
        if missing.contains(&package) && process::find("systemctl", &[]).is_some() {
            // It fails where systemd is installed and does not run; then nothing starts at boot either.
            let _ = process::output(process::command("systemctl", &["disable", service]));
        }
    }
    Ok(format!("installed {}", missing.join(" ")))
}

/// While it lives, installing a package starts no service (invoke-rc.d asks this file, see its manual page).
struct NoServices {
    is_ours: bool,
}

const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";

impl NoServices {
    fn start() -> Result<NoServices> {
        let path = Path::new(SERVICE_POLICY);
        if path.exists() {
            return Ok(NoServices { is_ours: false });
        }
        let write = || {
            std::fs::write(path, "#!/bin/sh\nexit 101\n")?;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        };
        write().with_context(|| format!("cannot write {SERVICE_POLICY}"))?;
        Ok(NoServices { is_ours: true })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = std::fs::remove_file(SERVICE_POLICY);
        }
    }
}

fn is_installed(package: &str) -> bool {
    let query = process::command("dpkg-query", &["-W", "-f=${db:Status-Status}", package]);
    process::output(query).is_ok_and(|status| status == "installed")
}

fn apt_get(args: &[&str]) -> Command {
    let mut command = process::command("apt-get", &["-o", "DPkg::Lock::Timeout=300"]);
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
