//! Which server keys are trusted. An unknown or changed key means that backups, and the right to delete them, might
//! be handed to somebody else; so nothing is ever learned on first use, and the refusal names the fingerprint.

use std::path::PathBuf;

use russh::keys::ssh_key::public::PublicKey;
use russh::keys::{Algorithm, HashAlg, known_hosts};

/// Where trusted keys come from.
pub(super) enum Trust {
    /// One fingerprint, `SHA256:…`.
    Fingerprint(String),
    /// A `known_hosts` file.
    KnownHosts(PathBuf),
}

impl Trust {
    /// Says why `key` is not trusted for the server, if it is not.
    pub(super) fn check(&self, host: &str, port: u16, key: &PublicKey) -> Result<(), String> {
        let shown = fingerprint(key);
        let kind = key.algorithm();
        match self {
            Trust::Fingerprint(expected) if *expected == shown => Ok(()),
            Trust::Fingerprint(expected) => Err(format!(
                "HOST KEY CHANGED: {host}:{port} shows {kind} {shown}, the credentials expect {expected}. \
                 If the server was reinstalled, compare the fingerprint on it and put it into host_key."
            )),
            Trust::KnownHosts(path) => {
                let known = known_hosts::known_host_keys_path(host, port, path)
                    .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
                if known.iter().any(|(_, known)| known == key) {
                    return Ok(());
                }
                let path = path.display();
                Err(match known.iter().find(|(_, known)| known.algorithm() == kind) {
                    Some((line, known)) => format!(
                        "HOST KEY CHANGED: {host}:{port} shows {kind} {shown}, {path} line {line} knows {}. \
                         If the server was reinstalled, compare the fingerprint on it and replace that line.",
                        fingerprint(known)
                    ),
                    None => format!(
                        "unknown host key: {host}:{port} shows {kind} {shown}, which {path} does not know. \
                         Compare it on the server (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then put \
                         host_key = \"{shown}\" into the credentials, or the key into that file."
                    ),
                })
            }
        }
    }

    /// The kinds of key that are known, so that the server shows one that can be compared.
    pub(super) fn algorithms(&self, host: &str, port: u16) -> Vec<Algorithm> {
        let Trust::KnownHosts(path) = self else { return Vec::new() };
        let known = known_hosts::known_host_keys_path(host, port, path).unwrap_or_default();
        known.iter().map(|(_, key)| key.algorithm()).collect()
    }
}

/// `SHA256:…`, as OpenSSH prints it.
pub(super) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}
