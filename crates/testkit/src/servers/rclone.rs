//! rclone as a server: a second restic REST server, and an S3 server that overwrites whatever it was asked.

use std::path::PathBuf;
use std::process::Command;

use super::process::{Process, below, folder, free_port};
use super::{ACCESS_KEY, PASSWORD, SECRET_KEY, USER};
use crate::lab;

/// A running `rclone serve restic`.
pub struct RcloneRest {
    /// The folder that it serves.
    pub root: PathBuf,
    port: u16,
    process: Process,
    _folder: tempfile::TempDir,
}

/// A running `rclone serve s3`.
pub struct RcloneS3 {
    /// The folder that it serves; its subfolders are the buckets.
    pub root: PathBuf,
    port: u16,
    process: Process,
    _folder: tempfile::TempDir,
}

impl RcloneRest {
    /// Starts a server.
    pub fn start(append_only: bool) -> RcloneRest {
        let folder = folder();
        let root = below(folder.path(), "root");
        let (port, served, at) = (free_port(0), root.clone(), folder.path().to_owned());
        let process = Process::start(folder.path().join("log"), port, move || {
            let mut command = rclone(&at);
            command.args(["serve", "restic", "--addr"]).arg(format!("127.0.0.1:{port}")).arg(&served);
            if append_only {
                command.arg("--append-only");
            }
            command.env("RCLONE_USER", USER).env("RCLONE_PASS", PASSWORD);
            command
        });
        RcloneRest { root, port, process, _folder: folder }
    }

    /// The URL of a folder that the server serves.
    pub fn url(&self, name: &str) -> String {
        format!("rest:http://127.0.0.1:{}/{name}", self.port)
    }

    /// Credentials that get in.
    pub fn credentials_toml(&self) -> String {
        format!("user = \"{USER}\"\npassword = \"{PASSWORD}\"\n")
    }

    /// The end of the server's log.
    pub fn log(&self) -> String {
        self.process.said()
    }
}

impl RcloneS3 {
    /// Starts a server with one bucket.
    pub fn start(bucket: &str) -> RcloneS3 {
        let folder = folder();
        let root = below(folder.path(), "root");
        below(&root, bucket);
        let (port, served, at) = (free_port(0), root.clone(), folder.path().to_owned());
        let process = Process::start(folder.path().join("log"), port, move || {
            let mut command = rclone(&at);
            command.args(["serve", "s3", "--addr"]).arg(format!("127.0.0.1:{port}")).arg(&served);
            // A list of pairs: the quotes keep the comma of one pair together.
            command.env("RCLONE_AUTH_KEY", format!("\"{ACCESS_KEY},{SECRET_KEY}\""));
            command
        });
        RcloneS3 { root, port, process, _folder: folder }
    }

    /// The URL of a folder in a bucket.
    pub fn url(&self, bucket: &str, prefix: &str) -> String {
        format!("s3://{bucket}/{prefix}?endpoint=http://127.0.0.1:{}", self.port)
    }

    /// Credentials that get in.
    pub fn credentials_toml(&self) -> String {
        format!("access_key = \"{ACCESS_KEY}\"\nsecret_key = \"{SECRET_KEY}\"\n")
    }

    /// The end of the server's log.
    pub fn log(&self) -> String {
        self.process.said()
    }
}

/// rclone without anybody's configuration.
fn rclone(folder: &std::path::Path) -> Command {
    let mut command = Command::new(lab::program("rclone"));
    command.arg("--config").arg(folder.join("none.conf")).arg("--cache-dir").arg(folder.join("cache"));
    command
}
