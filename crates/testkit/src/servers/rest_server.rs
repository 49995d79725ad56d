//! restic's own REST server.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::process::{Process, below, folder, free_port};
use super::{Certificates, DELETER, PASSWORD, USER};
use crate::lab;

/// How it is started.
#[derive(Default)]
pub struct RestOptions<'a> {
    /// Refuses to delete anything but locks.
    pub append_only: bool,
    /// Stores what it gets without comparing it with its name.
    pub is_careless: bool,
    /// Speaks TLS with these.
    pub tls: Option<&'a Certificates>,
    /// The largest total size in bytes.
    pub size_bytes_max: Option<u64>,
    /// Serves this folder, which another server may serve as well, instead of one of its own.
    pub root: Option<&'a Path>,
}

/// A running rest-server.
pub struct RestServer {
    /// The folder that it serves.
    pub root: PathBuf,
    /// The port on 127.0.0.1.
    pub port: u16,
    scheme: &'static str,
    process: Process,
    _folder: tempfile::TempDir,
}

impl RestServer {
    /// Starts a server.
    pub fn start(options: &RestOptions<'_>) -> RestServer {
        let folder = folder();
        let root = options.root.map_or_else(|| below(folder.path(), "root"), Path::to_owned);
        let passwords = folder.path().join("htpasswd");
        let hash = sha1_base64(PASSWORD);
        fs::write(&passwords, format!("{USER}:{{SHA}}{hash}\n{DELETER}:{{SHA}}{hash}\n")).unwrap();
        let port = free_port(0);
        let mut arguments = vec![
            "--listen".to_owned(),
            format!("127.0.0.1:{port}"),
            "--path".to_owned(),
            root.display().to_string(),
            "--htpasswd-file".to_owned(),
            passwords.display().to_string(),
        ];
        if options.append_only {
            arguments.push("--append-only".to_owned());
        }
        if options.is_careless {
            arguments.push("--no-verify-upload".to_owned());
        }
        if let Some(bytes) = options.size_bytes_max {
            arguments.extend(["--max-size".to_owned(), bytes.to_string()]);
        }
        if let Some(certificates) = options.tls {
            arguments.push("--tls".to_owned());
            arguments.extend(["--tls-cert".to_owned(), certificates.certificate.display().to_string()]);
            arguments.extend(["--tls-key".to_owned(), certificates.key.display().to_string()]);
        }
        let program = lab::program("restic-rest-server");
        let process = Process::start(folder.path().join("log"), port, move || {
            let mut command = Command::new(&program);
            command.args(&arguments);
            command
        });
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        RestServer { root, port, scheme, process, _folder: folder }
    }

    /// The URL of a folder that the server serves.
    pub fn url(&self, name: &str) -> String {
        format!("rest:{}://127.0.0.1:{}/{name}", self.scheme, self.port)
    }

    /// The port of 127.0.0.1 that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Credentials that get in.
    pub fn credentials_toml(&self) -> String {
        format!("user = \"{USER}\"\npassword = \"{PASSWORD}\"\n")
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts again on the same port and data.
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
}

fn sha1_base64(text: &str) -> String {
    let pipe = |program: &str, arguments: &[&str], input: &[u8]| {
        let mut child = Command::new(lab::program(program))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().expect("it is piped").write_all(input).unwrap();
        child.wait_with_output().unwrap().stdout
    };
    let hash = pipe("openssl", &["dgst", "-sha1", "-binary"], text.as_bytes());
    assert_eq!(hash.len(), 20, "openssl gave no SHA-1");
    String::from_utf8(pipe("openssl", &["base64"], &hash)).unwrap().trim().to_owned()
}
