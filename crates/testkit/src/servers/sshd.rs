//! OpenSSH's server, with a host key and a user key of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Process, below, folder, free_port, run};
use crate::lab;

/// A running sshd.
pub struct Sshd {
    /// The folder in which places are to be made.
    pub root: PathBuf,
    /// The user's private key.
    pub identity_file: PathBuf,
    /// A `known_hosts` file with the server's key.
    pub known_hosts: PathBuf,
    /// The port on 127.0.0.1.
    pub port: u16,
    user: String,
    process: Process,
    folder: tempfile::TempDir,
}

impl Sshd {
    /// Starts a server.
    pub fn start() -> Sshd {
        Sshd::start_with("internal-sftp")
    }

    /// Starts a server with another SFTP subsystem, such as `internal-sftp -R`.
    pub fn start_with(subsystem: &str) -> Sshd {
        let folder = folder();
        let keys = below(folder.path(), "keys");
        let port = free_port(0);
        generate_key(&keys.join("host"), "");
        generate_key(&keys.join("user"), "");
        fs::copy(keys.join("user.pub"), keys.join("authorized_keys")).unwrap();
        let config = folder.path().join("sshd_config");
        let at = keys.display();
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nPidFile {at}/pid\n\
             AuthorizedKeysFile {at}/authorized_keys\nStrictModes no\nPasswordAuthentication no\nUsePAM no\n\
             PermitRootLogin prohibit-password\nMaxStartups 100\nSubsystem sftp {subsystem}\n"
        );
        fs::write(&config, text).unwrap();
        let user = String::from_utf8(run(Command::new("id").arg("-un"))).unwrap().trim().to_owned();
        // Where sshd is started by hand, nobody made the folder that it locks itself into.
        if user == "root" {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let program = lab::program("sshd");
        let process = Process::start(folder.path().join("log"), port, move || {
            let mut command = Command::new(&program);
            command.arg("-D").arg("-e").arg("-f").arg(&config);
            command
        });
        let sshd = Sshd {
            root: below(folder.path(), "root"),
            identity_file: keys.join("user"),
            known_hosts: keys.join("known_hosts"),
            port,
            user,
            process,
            folder,
        };
        sshd.know(&sshd.host_key_path());
        sshd
    }

    /// The URL of a folder below [`Sshd::root`].
    pub fn url(&self, name: &str) -> String {
        format!("sftp://{}@127.0.0.1:{}{}/{name}", self.user, self.port, self.root.display())
    }

    /// Credentials that get in.
    pub fn credentials_toml(&self) -> String {
        format!(
            "identity_file = \"{}\"\nknown_hosts = \"{}\"\n",
            self.identity_file.display(),
            self.known_hosts.display()
        )
    }

    /// The host key as `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        let key = self.host_key_path().with_extension("pub");
        let shown = run(Command::new(lab::program("ssh-keygen")).arg("-lf").arg(key));
        let shown = String::from_utf8(shown).unwrap();
        shown.split_whitespace().nth(1).expect("ssh-keygen prints bits, fingerprint, comment").to_owned()
    }

    /// Gives the server another host key, which [`Sshd::known_hosts`] does not know, and restarts it.
    pub fn change_host_key(&mut self) {
        let path = self.host_key_path();
        fs::remove_file(&path).unwrap();
        generate_key(&path, "");
        self.process.restart();
    }

    /// A new user key, protected by a passphrase; the server accepts it.
    pub fn protected_key(&self, passphrase: &str) -> PathBuf {
        let path = self.folder.path().join("keys/protected");
        generate_key(&path, passphrase);
        let accepted = self.folder.path().join("keys/authorized_keys");
        let both = [fs::read(&accepted).unwrap(), fs::read(path.with_extension("pub")).unwrap()].concat();
        fs::write(accepted, both).unwrap();
        path
    }

    /// kill -9, connections included.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts again on the same port, folder and keys.
    pub fn restart(&mut self) {
        self.process.restart();
    }

    /// Stops answering without closing anything.
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// Ends a freeze.
    pub fn thaw(&self) {
        self.process.thaw();
    }

    /// The end of the server's log.
    pub fn log(&self) -> String {
        self.process.said()
    }

    fn host_key_path(&self) -> PathBuf {
        self.folder.path().join("keys/host")
    }

    fn know(&self, key: &Path) {
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        fs::write(&self.known_hosts, format!("[127.0.0.1]:{} {public}", self.port)).unwrap();
    }
}

fn generate_key(path: &Path, passphrase: &str) {
    // The passphrase is a test's; nothing real is ever protected by it.
    run(Command::new(lab::program("ssh-keygen"))
        .args(["-q", "-t", "ed25519", "-N", passphrase, "-C", "holdfast-test", "-f"])
        .arg(path));
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
