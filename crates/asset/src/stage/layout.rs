//! What a staging's programs see of the machine: programs, libraries, fonts, and what was restored. Everything else is not there.
//!
//! A list of what is hidden forgets something; so this is a list of what is shown. A link in a restored website that leads to
//! `/etc/shadow`, `/root` or another client's folder leads to nothing.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use holdfast_world::process::room::{Layout, Mount, Seen};

use super::failure::StageError;
use super::settings::Settings;

/// What the machine is called inside.
pub(super) const HOSTNAME: &str = "staging";
/// Where our own files are inside.
pub(super) const OURS: &str = "/holdfast";
/// Bytes of shared memory.
const SHARED_BYTES: u64 = 512 << 20;
/// Paths of the machine's own at which nothing restored can be shown.
const RESERVED: [&str; 13] = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/dev", "/proc", "/sys", "/run",
    OURS,
];
/// Files and folders of `/etc` without which programs do not start, speak TLS, or draw letters. None holds a secret.
const SHOWN_OF_ETC: [&str; 14] = [
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "localtime",
    "mime.types",
    "services",
    "protocols",
    "fonts",
    "chromium.d",
    "php.d",
    "ssl/certs",
    "ssl/openssl.cnf",
    "pki/tls/certs",
];
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
const SENDMAIL: &str = "/usr/sbin/sendmail";

/// The folders of a staging, as they are called outside.
#[derive(Clone, Debug)]
pub(super) struct Folders {
    /// All of it.
    pub all: PathBuf,
}

impl Folders {
    fn at(&self, name: &str) -> PathBuf {
        self.all.join(name)
    }

    /// What was restored; `/holdfast/files` inside.
    pub(super) fn files(&self) -> PathBuf {
        self.at("files")
    }

    /// `/` inside.
    pub(super) fn root(&self) -> PathBuf {
        self.at("root")
    }

    /// Sockets.
    pub(super) fn run(&self) -> PathBuf {
        self.at("run")
    }

    /// What the servers complain of.
    pub(super) fn log(&self) -> PathBuf {
        self.at("log")
    }

    /// The database server's.
    pub(super) fn data(&self) -> PathBuf {
        self.at("data")
    }

    /// Mail that was caught.
    pub(super) fn mail(&self) -> PathBuf {
        self.at("mail")
    }

    /// `/tmp` inside.
    pub(super) fn temporary(&self) -> PathBuf {
        self.at("tmp")
    }

    /// A file of ours inside, which nothing there can change.
    pub(super) fn ours(&self, name: &str) -> PathBuf {
        self.root().join("holdfast").join(name)
    }

    /// Makes them, and the files of `/etc`.
    pub(super) fn make(&self, settings: &Settings) -> Result<Layout, StageError> {
        let root = self.root();
        for (path, mode) in [
            (self.files(), 0o700),
            (root.clone(), 0o755),
            (self.run(), 0o1777),
            (self.log(), 0o1777),
            (self.data(), 0o700),
            // Anybody may put something in; nobody inside sees what is there, or takes it away.
            (self.mail(), 0o1733),
            (self.temporary(), 0o1777),
        ] {
            make_folder(&path, mode)?;
        }
        let user = Some(settings.database_user);
        chown(self.data(), user, user).map_err(|error| StageError::io("hand over", &self.data(), error))?;
        for name in ["etc", "holdfast", "holdfast/etc", "holdfast/bin", "run", "run/mysqld", "var", "var/lib"]
        {
            make_folder(&root.join(name), 0o755)?;
        }
        for name in ["home", "root", "srv", "mnt", "opt", "var/lib/mysql", "var/www"] {
            make_folder(&root.join(name), 0o755)?;
        }
        link("/run", &root.join("var/run"))?;
        link("/tmp", &root.join("var/tmp"))?;
        let (site, database) = (settings.site_user, settings.database_user);
        let passwd = format!(
            "root:x:0:0:root:/:/usr/sbin/nologin\nsite:x:{site}:{site}::/tmp:/bin/sh\n\
             database:x:{database}:{database}::/nonexistent:/usr/sbin/nologin\n"
        );
        write(&root.join("etc/passwd"), &passwd)?;
        write(&root.join("etc/group"), &format!("root:x:0:\nsite:x:{site}:\ndatabase:x:{database}:\n"))?;
        write(&root.join("etc/hostname"), &format!("{HOSTNAME}\n"))?;
        write(&root.join("etc/nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n")?;
        // Who listens there keeps the names and gives no address.
        write(&root.join("etc/resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")?;
        let sink = self.ours("bin/sendmail");
        write(&sink, SINK)?;
        set_mode(&sink, 0o755)?;
        let mounts = self.mounts(settings)?;
        Ok(Layout { root, mounts, hostname: HOSTNAME.to_owned() })
    }

    fn mounts(&self, settings: &Settings) -> Result<Vec<Mount>, StageError> {
        let mut mounts = vec![read_only("/usr")];
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
            let path = Path::new("/").join(name);
            // Most systems have them as links into `/usr`.
            match fs::read_link(&path) {
                Ok(target) => link(target, &self.root().join(name))?,
                Err(_) if path.is_dir() => mounts.push(read_only(path)),
                Err(_) => {}
            }
        }
        let etc = Path::new("/etc");
        mounts.extend(
            SHOWN_OF_ETC.iter().map(|name| etc.join(name)).filter(|path| path.exists()).map(read_only),
        );
        // Which extensions PHP has, but not its pools: those are other clients'.
        for version in fs::read_dir(etc.join("php")).into_iter().flatten().flatten() {
            let parts = ["mods-available", "fpm/conf.d", "cli/conf.d"].map(|part| version.path().join(part));
            mounts.extend(parts.into_iter().filter(|path| path.is_dir()).map(read_only));
        }
        mounts.extend(settings.read_only.iter().map(read_only));
        for name in DEVICES {
            let path = Path::new("/dev").join(name);
            mounts.push(Mount { at: path.clone(), what: Seen::Device(path) });
        }
        mounts.push(Mount { at: "/dev/shm".into(), what: Seen::Memory(SHARED_BYTES) });
        for (name, at) in
            [("files", "files"), ("run", "run"), ("log", "log"), ("data", "data"), ("mail", "mail")]
        {
            let what = Seen::Writable(self.at(name));
            mounts.push(Mount { at: Path::new(OURS).join(at), what });
        }
        mounts.push(Mount { at: "/tmp".into(), what: Seen::Writable(self.temporary()) });
        if Path::new(SENDMAIL).symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
            let what = Seen::ReadOnly(self.ours("bin/sendmail"));
            mounts.push(Mount { at: SENDMAIL.into(), what });
        }
        Ok(mounts)
    }
}

/// Keeps what a program wants to send. It cannot list or take back what it gave.
const SINK: &str =
    "#!/bin/sh\numask 077\nfile=$(mktemp /holdfast/mail/sendmail-XXXXXXXXXX) && exec cat >\"$file\"\n";

/// Whether something restored can be shown at a path, or why not.
pub(super) fn refuse_path(path: &Path) -> Result<(), StageError> {
    let is_plain = path.components().skip(1).all(|part| matches!(part, std::path::Component::Normal(_)));
    let shown = path.display().to_string();
    if !path.is_absolute() || !is_plain || path == Path::new("/") {
        return Err(StageError::refused(format!("{shown:?} is no path at which something can be shown")));
    }
    if RESERVED.iter().any(|reserved| path.starts_with(reserved)) {
        return Err(StageError::refused(format!(
            "{shown:?} cannot be shown in a staging: programs of the machine lie there"
        )));
    }
    Ok(())
}

fn read_only(path: impl Into<PathBuf>) -> Mount {
    let path = path.into();
    Mount { at: path.clone(), what: Seen::ReadOnly(path) }
}

fn make_folder(path: &Path, mode: u32) -> Result<(), StageError> {
    fs::create_dir(path).map_err(|error| StageError::io("make", path, error))?;
    set_mode(path, mode)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), StageError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| StageError::io("set the mode of", path, error))
}

fn link(target: impl AsRef<Path>, path: &Path) -> Result<(), StageError> {
    symlink(target, path).map_err(|error| StageError::io("make", path, error))
}

/// Writes a file that everybody inside may read.
pub(super) fn write(path: &Path, text: &str) -> Result<(), StageError> {
    fs::write(path, text).map_err(|error| StageError::io("write", path, error))?;
    set_mode(path, 0o644)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_restored_is_never_shown_over_the_machines_programs() {
        for path in
            ["/usr/share/site", "/etc", "/holdfast/run", "/", "relative", "/home/../etc", "/proc/self"]
        {
            assert!(refuse_path(Path::new(path)).is_err(), "{path}");
        }
        for path in ["/var/www/vhosts/shop.example", "/home/client", "/srv", "/tmp/x", "/usrlocal"] {
            refuse_path(Path::new(path)).unwrap();
        }
    }
}
