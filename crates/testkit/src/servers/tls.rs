//! An authority of our own and a certificate for 127.0.0.1, made by openssl.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::process::{folder, run};
use crate::lab;

/// A private authority with one server certificate.
pub struct Certificates {
    /// The authority's certificate, which clients trust.
    pub authority: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// The server's private key.
    pub key: PathBuf,
    _folder: tempfile::TempDir,
}

impl Certificates {
    /// Makes a new authority.
    pub fn new() -> Certificates {
        let folder = folder();
        let path = |name: &str| folder.path().join(name);
        let openssl = || {
            let mut command = Command::new(lab::program("openssl"));
            command.current_dir(folder.path());
            command
        };
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        run(openssl().args(["req", "-x509"]).args(key).args([
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-days",
            "30",
            "-subj",
            "/CN=holdfast test authority",
        ]));
        run(openssl().arg("req").args(key).args([
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
            "-subj",
            "/CN=localhost",
        ]));
        fs::write(path("ext"), "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n")
            .unwrap();
        run(openssl().args([
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-out",
            "server.pem",
            "-days",
            "30",
            "-extfile",
            "ext",
        ]));
        Certificates {
            authority: path("ca.pem"),
            certificate: path("server.pem"),
            key: path("server.key"),
            _folder: folder,
        }
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Certificates::new()
    }
}
