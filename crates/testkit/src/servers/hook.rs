//! An HTTP server that takes what is posted to it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::process::{Process, folder, free_port};
use super::smtp::PYTHON;

const PROGRAM: &str = include_str!("hook.py");

/// What was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Where to.
    pub path: String,
    /// Its headers, in small letters, one a line.
    pub headers: String,
    /// The body.
    pub body: String,
}

/// A running server.
pub struct Hook {
    process: Process,
    port: u16,
    folder: tempfile::TempDir,
}

impl Hook {
    /// Starts one.
    pub fn start() -> Hook {
        let (folder, port) = (folder(), free_port(0));
        let script = folder.path().join("hook.py");
        fs::write(&script, PROGRAM).unwrap();
        let posts = folder.path().to_owned();
        let process = Process::start(folder.path().join("log"), port, move || {
            let mut command = Command::new(PYTHON);
            command.arg(&script).arg(&posts).arg(port.to_string());
            command
        });
        Hook { process, port, folder }
    }

    /// An address there.
    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}/{path}", self.port)
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        fs::write(self.folder.path().join("answer"), status.to_string()).unwrap();
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// What was posted and taken, oldest first.
    pub fn posts(&self) -> Vec<Posted> {
        let entries = fs::read_dir(self.folder.path()).unwrap().flatten().map(|entry| entry.path());
        let mut paths: Vec<PathBuf> =
            entries.filter(|path| path.extension().is_some_and(|extension| extension == "post")).collect();
        paths.sort();
        let read = |path: &PathBuf| {
            let text = fs::read_to_string(path).unwrap();
            let (head, body) = text.split_once("\n\n").unwrap();
            let (path, headers) = head.split_once('\n').unwrap();
            Posted { path: path.to_owned(), headers: headers.to_owned(), body: body.to_owned() }
        };
        paths.iter().map(read).collect()
    }
}

impl Posted {
    /// The value of a header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let prefix = format!("{name}: ");
        self.headers.lines().find_map(|line| line.strip_prefix(prefix.as_str())).unwrap_or_default()
    }
}
