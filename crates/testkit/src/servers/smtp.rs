//! A mail server: aiosmtpd, with STARTTLS and a password, with TLS from the first byte, or with neither.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Process, folder, free_port};
use super::{Certificates, PASSWORD, USER};

const PROGRAM: &str = include_str!("smtp.py");
/// Debian's own, which has the package python3-aiosmtpd.
pub(super) const PYTHON: &str = "/usr/bin/python3";

/// How it is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// STARTTLS and a password are demanded.
    StartTls,
    /// Encrypted from the first byte.
    Implicit,
    /// In the clear, and nothing else is offered.
    None,
}

/// A mail that it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenMail {
    /// Whom the envelope says it is from.
    pub from: String,
    /// Whom it is to.
    pub to: Vec<String>,
    /// Whether it came encrypted.
    pub is_encrypted: bool,
    /// The user who handed it in.
    pub user: String,
    /// Headers and body as they came.
    pub content: String,
}

/// A running mail server.
pub struct Smtp {
    process: Process,
    port: u16,
    certificates: Certificates,
    folder: tempfile::TempDir,
}

impl Smtp {
    /// Starts one.
    pub fn start(security: SmtpSecurity) -> Smtp {
        let (folder, certificates, port) = (folder(), Certificates::new(), free_port(0));
        let script = folder.path().join("smtp.py");
        fs::write(&script, PROGRAM).unwrap();
        let mode = match security {
            SmtpSecurity::StartTls => "starttls",
            SmtpSecurity::Implicit => "implicit",
            SmtpSecurity::None => "none",
        };
        let (mails, certificate, key) =
            (folder.path().to_owned(), certificates.certificate.clone(), certificates.key.clone());
        let process = Process::start(folder.path().join("log"), port, move || {
            let mut command = Command::new(PYTHON);
            command.arg(&script).arg(&mails).arg(port.to_string()).arg(mode);
            command.arg(&certificate).arg(&key).args([USER, PASSWORD]);
            command
        });
        Smtp { process, port, certificates, folder }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The authority that signed its certificate.
    pub fn authority(&self) -> &Path {
        &self.certificates.authority
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again at the same port, with the mails that it has.
    pub fn restart(&mut self) {
        self.process.restart();
    }

    /// Takes connections and answers nothing.
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// Ends a freeze.
    pub fn thaw(&self) {
        self.process.thaw();
    }

    /// Refuses messages with these words in their subject from now on; none with no words.
    pub fn refuse(&self, words: &str) {
        fs::write(self.folder.path().join("refuse"), words).unwrap();
    }

    /// Does not know this address from now on.
    pub fn forget(&self, address: &str) {
        fs::write(self.folder.path().join("unknown"), address).unwrap();
    }

    /// Puts off whoever writes to this address from now on; nobody with an empty one.
    pub fn put_off(&self, address: &str) {
        fs::write(self.folder.path().join("later"), address).unwrap();
    }

    /// What it took, oldest first.
    pub fn mails(&self) -> Vec<TakenMail> {
        let entries = fs::read_dir(self.folder.path()).unwrap().flatten().map(|entry| entry.path());
        let mut paths: Vec<PathBuf> =
            entries.filter(|path| path.extension().is_some_and(|extension| extension == "eml")).collect();
        paths.sort();
        paths.iter().map(|path| TakenMail::read(path)).collect()
    }
}

impl TakenMail {
    fn read(path: &Path) -> TakenMail {
        let text = String::from_utf8(fs::read(path).unwrap()).unwrap();
        let (head, content) = text.split_once('\n').unwrap();
        let head: Vec<&str> = head.split('\t').collect();
        TakenMail {
            from: head[0].to_owned(),
            to: head[1].split(',').map(str::to_owned).collect(),
            is_encrypted: head[2] == "tls",
            user: head[3].to_owned(),
            content: content.replace("\r\n", "\n"),
        }
    }

    /// The value of a header, unfolded; empty where there is none.
    pub fn header(&self, name: &str) -> String {
        let head = self.content.split("\n\n").next().unwrap_or_default().replace("\n ", " ");
        let prefix = format!("{name}: ");
        head.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
    }
}
