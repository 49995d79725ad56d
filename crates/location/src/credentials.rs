//! What it takes to get into a place. Kept in types that do not print themselves: a key that reaches a log, an error
//! or a process list is a key that must be replaced.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

/// The parsed content of a credentials file. Every field is optional here; a backend says which ones it misses.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// S3: the access key's id.
    pub access_key: Option<SecretString>,
    /// S3: the secret key.
    pub secret_key: Option<SecretString>,
    /// S3: the token of temporary credentials.
    pub session_token: Option<SecretString>,
    /// REST: the user.
    pub user: Option<SecretString>,
    /// REST: the password.
    pub password: Option<SecretString>,
    /// SFTP: private key file; without it the SSH agent is asked.
    pub identity_file: Option<PathBuf>,
    /// SFTP: the passphrase of the private key file.
    pub identity_passphrase: Option<SecretString>,
    /// SFTP: a `known_hosts` file of its own, instead of the user's.
    pub known_hosts: Option<PathBuf>,
    /// SFTP: the server's host key as `SHA256:…`, instead of a `known_hosts` file.
    pub host_key: Option<String>,
    /// S3 and REST: PEM file of the authority that signed the server's certificate, where it is a private one.
    pub ca_file: Option<PathBuf>,
}

impl Credentials {
    /// Parses the TOML text of a credentials file. The error names the key and the line, never a value.
    pub fn parse(toml: &str) -> Result<Credentials, String> {
        let table: toml::Table = toml::from_str(toml).map_err(|error| {
            let line =
                error.span().map_or(1, |span| 1 + toml[..span.start.min(toml.len())].matches('\n').count());
            format!("line {line} is not valid TOML: write name = \"value\"")
        })?;
        let known = [
            "access_key",
            "secret_key",
            "session_token",
            "user",
            "password",
            "identity_file",
            "identity_passphrase",
            "known_hosts",
            "host_key",
            "ca_file",
        ];
        for (key, value) in &table {
            if !known.contains(&key.as_str()) {
                return Err(format!("unknown key {key:?}: there are {}", known.join(", ")));
            }
            match value.as_str() {
                Some("") => return Err(format!("{key} is empty")),
                Some(_) => {}
                None => return Err(format!("{key} must be a text in quotes")),
            }
        }
        table.try_into().map_err(|_| "the credentials cannot be read".to_owned())
    }

    /// Names the fields that are set but mean nothing to a place of this kind: a key in the wrong file is a mistake.
    pub(crate) fn foreign(&self, own: &[&str]) -> Option<String> {
        let set = [
            ("access_key", self.access_key.is_some()),
            ("secret_key", self.secret_key.is_some()),
            ("session_token", self.session_token.is_some()),
            ("user", self.user.is_some()),
            ("password", self.password.is_some()),
            ("identity_file", self.identity_file.is_some()),
            ("identity_passphrase", self.identity_passphrase.is_some()),
            ("known_hosts", self.known_hosts.is_some()),
            ("host_key", self.host_key.is_some()),
            ("ca_file", self.ca_file.is_some()),
        ];
        let foreign: Vec<_> =
            set.iter().filter(|(name, set)| *set && !own.contains(name)).map(|(name, _)| *name).collect();
        (!foreign.is_empty()).then(|| {
            format!(
                "the credentials hold {}, which this kind of place does not use; it uses {}",
                foreign.join(", "),
                own.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Credentials;

    #[test]
    fn strict_and_silent_about_values() {
        let good = Credentials::parse("access_key = \"AK\"\nsecret_key = \"hunter2\"\n").unwrap();
        assert!(good.secret_key.is_some());
        assert!(!format!("{good:?}").contains("hunter2"));
        for bad in [
            "secret_key = \"hunter2\"\nsecret_kex = \"hunter2\"",
            "secret_key = hunter2",
            "secret_key = 'hunter2",
            "secret_key = [\"hunter2\"]",
            "password = \"hunter2\"\npassword = \"hunter2\"",
            "[hunter2x]\nx = 1\nuser = \"\"",
            "password = \"\"",
        ] {
            let error = Credentials::parse(bad).unwrap_err();
            assert!(!error.contains("hunter2\""), "{error}");
        }
        assert_eq!(
            Credentials::parse("user = \"x\"\npassword = hunter2").unwrap_err(),
            "line 2 is not valid TOML: write name = \"value\""
        );
    }
}
