//! A MariaDB server on a socket of its own. It listens on no port: two tests never meet.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::process::{below, folder, run};
use crate::lab;

/// Longest wait for the server to answer.
const START_MAX: Duration = Duration::from_secs(60);

/// A running server, whose user `root` has no password.
pub struct Mariadb {
    /// Its socket.
    pub socket: PathBuf,
    options: Vec<String>,
    child: Option<Child>,
    folder: tempfile::TempDir,
}

impl Mariadb {
    /// Starts a server with more options, such as `--log-bin`.
    pub fn start(options: &[&str]) -> Mariadb {
        let folder = folder();
        run(Command::new(lab::program("mariadb-install-db"))
            .args([
                "--no-defaults",
                "--user=root",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ])
            // Servers that share a folder for temporary tables remove each other's.
            .arg(format!("--tmpdir={}", below(folder.path(), "tmp").display()))
            .arg(format!("--datadir={}", folder.path().join("data").display())));
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Mariadb { socket: folder.path().join("socket"), options, child: None, folder };
        server.restart();
        server
    }

    /// Starts it again on the same data, after [`Mariadb::kill`] or over itself.
    pub fn restart(&mut self) {
        self.kill();
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let folder = self.folder.path().display();
        let child = Command::new(lab::program("mariadbd"))
            .args(["--no-defaults", "--user=root", "--skip-networking", "--innodb-buffer-pool-size=64M"])
            // What was committed outlives the server, though not the machine.
            .args(["--innodb-flush-log-at-trx-commit=2", "--innodb-log-file-size=32M"])
            .arg(format!("--datadir={folder}/data"))
            .arg(format!("--tmpdir={folder}/tmp"))
            .arg(format!("--socket={}", self.socket.display()))
            .arg(format!("--pid-file={folder}/pid"))
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let start = Instant::now();
        while !self.try_sql("SELECT 1").status.success() {
            let status = self.child.as_mut().expect("it was just started").try_wait().unwrap();
            assert!(status.is_none() && start.elapsed() < START_MAX, "no answer:\n{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Runs statements as root and gives what they print, columns between tabs.
    ///
    /// # Panics
    /// When one fails.
    pub fn sql(&self, statements: &str) -> String {
        let output = self.try_sql(statements);
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs statements as root, which may fail.
    pub fn try_sql(&self, statements: &str) -> Output {
        self.load("", statements.as_bytes())
    }

    /// Feeds statements, such as a dump, to a database.
    pub fn load(&self, database: &str, statements: &[u8]) -> Output {
        load_at(&self.socket, database, statements)
    }

    /// A client program, connected as root.
    pub fn client(&self, program: &str) -> Command {
        client_at(&self.socket, program)
    }

    /// The server's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        let text = std::fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(4000)..]).into_owned()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Feeds statements to a database of the server at a socket, which may be one that ended.
pub(crate) fn load_at(socket: &Path, database: &str, statements: &[u8]) -> Output {
    let mut command = client_at(socket, "mariadb");
    command.args(["--batch", "--skip-column-names", "--raw", "--binary-mode"]);
    if !database.is_empty() {
        command.arg(database);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().expect("it is piped");
    let statements = statements.to_vec();
    // A client that stops at an error does not read the rest.
    let feeding = std::thread::spawn(move || drop(input.write_all(&statements)));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    output
}

fn client_at(socket: &Path, program: &str) -> Command {
    let mut command = Command::new(lab::program(program));
    command.args(["--no-defaults", "--user=root", "--default-character-set=utf8mb4"]);
    command.arg(format!("--socket={}", socket.display()));
    command
}
