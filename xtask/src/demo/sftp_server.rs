//! A real OpenSSH server for the demo alone: on a free port of the loopback, with keys of its own, ended with it.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{lab, process};

const START_SECONDS_MAX: u64 = 20;

/// A running server; it ends when this is dropped.
pub(super) struct SftpServer {
    process: Child,
    folder: PathBuf,
    port: u16,
    user: String,
    identity: PathBuf,
    known_hosts: PathBuf,
}

impl SftpServer {
    /// Installs OpenSSH where it is missing, makes keys in `folder` and starts the server.
    pub(super) fn start(folder: &Path) -> Result<SftpServer> {
        std::fs::create_dir_all(folder)?;
        if process::find("sshd", &[]).is_none() || process::find("ssh-keygen", &[]).is_none() {
            lab::ensure_packages(&["openssh-client", "openssh-server", "openssh-sftp-server"])
                .context("the demo's second place is an SFTP server, and OpenSSH is not installed")?;
        }
        let (host_key, identity) = (folder.join("host_key"), folder.join("identity"));
        for key in [&host_key, &identity] {
            let mut keygen =
                process::command("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "demo", "-f"]);
            keygen.arg(key);
            process::output(keygen)?;
        }
        std::fs::copy(identity.with_extension("pub"), folder.join("authorized_keys"))?;
        if process::is_root() {
            // Where sshd confines its unprivileged part; Debian makes it when the service starts.
            std::fs::create_dir_all("/run/sshd")?;
        }
        let port = free_port()?;
        let public = std::fs::read_to_string(host_key.with_extension("pub"))?;
        let known_hosts = folder.join("known_hosts");
        std::fs::write(&known_hosts, format!("[127.0.0.1]:{port} {public}"))?;
        std::fs::write(folder.join("sshd_config"), configuration(folder, port))?;
        let process = spawn(folder)?;
        let user = process::output(process::command("id", &["-un"]))?.trim().to_owned();
        let mut server = SftpServer { process, folder: folder.to_owned(), port, user, identity, known_hosts };
        server.wait(&folder.join("log"))?;
        Ok(server)
    }

    /// Ends it as a power cut would.
    pub(super) fn stop(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Starts it again where it was.
    pub(super) fn start_again(&mut self) -> Result<()> {
        self.process = spawn(&self.folder)?;
        let log = self.folder.join("log");
        self.wait(&log)
    }

    /// The URL of a folder of this machine, seen through the server.
    pub(super) fn url(&self, folder: &Path) -> String {
        format!("sftp://{}@127.0.0.1:{}{}", self.user, self.port, folder.display())
    }

    /// The content of a credentials file.
    pub(super) fn credentials(&self) -> String {
        let (identity, known_hosts) = (self.identity.display(), self.known_hosts.display());
        format!("identity_file = \"{identity}\"\nknown_hosts = \"{known_hosts}\"\n")
    }

    fn wait(&mut self, log: &Path) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = self.process.try_wait()? {
                bail!("sshd ended with {status}: {}", std::fs::read_to_string(log).unwrap_or_default())
            }
            if start.elapsed().as_secs() > START_SECONDS_MAX {
                bail!("sshd does not answer within {START_SECONDS_MAX} s; its log: {}", log.display())
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for SftpServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(folder: &Path) -> Result<Child> {
    let sshd =
        process::find("sshd", &[]).context("sshd is not there even after installing openssh-server")?;
    let log = std::fs::File::create(folder.join("log"))?;
    let mut command = process::command(sshd, &["-D", "-e", "-f"]);
    command.arg(folder.join("sshd_config")).stdout(Stdio::null()).stderr(log);
    command.spawn().context("cannot start sshd")
}

fn configuration(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile {folder}/pid\n\
         AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nPasswordAuthentication no\nUsePAM no\n\
         PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\nMaxStartups 100\nMaxSessions 100\n"
    )
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on the loopback")?;
    Ok(listener.local_addr()?.port())
}
