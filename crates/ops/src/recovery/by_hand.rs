//! How somebody who has nothing but the kit gets at a location with stock programs: the lines that the kit prints.
//!
//! They are read at three in the morning by somebody who never saw them before. So each is complete, names real addresses,
//! and is run by the tests exactly as it is printed. Paths are those below the folder that the first lines make.

use holdfast_location::{Credentials, RING_REPOSITORY};
use holdfast_model::Address;
use holdfast_world::{ExposeSecret, SecretString};

use crate::restic_address::with_login;

/// A location as the kit shows it.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) address: Address,
    /// Which files of it the kit carries: `identity_file`, `known_hosts`, `ca_file`.
    pub(super) files: Vec<String>,
    /// Whether a script sets what is needed.
    pub(super) has_script: bool,
    /// The fingerprint of the host's key, where it is known by that alone.
    pub(super) host_key: Option<String>,
    /// Whether a person must type a passphrase.
    pub(super) asks: bool,
}

/// Text as one word of a shell.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:=@+".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// What a shell reads in before it goes to a location.
pub(super) fn script(address: &Address, credentials: &Credentials) -> String {
    let set = |name: &str, value: &Option<SecretString>| {
        value
            .as_ref()
            .map(|value| format!("export {name}={}\n", quoted(value.expose_secret())))
            .unwrap_or_default()
    };
    match address {
        Address::S3 { .. } => {
            set("AWS_ACCESS_KEY_ID", &credentials.access_key)
                + &set("AWS_SECRET_ACCESS_KEY", &credentials.secret_key)
                + &set("AWS_SESSION_TOKEN", &credentials.session_token)
        }
        Address::Rest { base } => {
            format!("export HOLDFAST_BASE={}\n", quoted(&with_login(base, credentials)))
        }
        Address::Local { .. } | Address::Sftp { .. } => String::new(),
    }
}

impl Place {
    fn file(&self, name: &str) -> Option<String> {
        self.files.iter().any(|file| file == name).then(|| format!("locations/{}/{name}", self.name))
    }

    fn known_hosts(&self) -> String {
        format!("locations/{}/known_hosts", self.name)
    }

    fn ssh_options(&self) -> String {
        let mut options = String::new();
        if !self.asks {
            options += "-o BatchMode=yes ";
        }
        if let Some(identity) = self.file("identity_file") {
            options += &format!("-i {identity} -o IdentitiesOnly=yes ");
        }
        if self.host_key.is_some() || self.file("known_hosts").is_some() {
            options += &format!("-o UserKnownHostsFile={} ", self.known_hosts());
        }
        options.trim_end().to_owned()
    }

    /// Debian packages beside age and restic.
    pub(super) fn packages(&self) -> &'static [&'static str] {
        match self.address {
            Address::Local { .. } => &[],
            Address::Sftp { .. } => &["openssh-client"],
            Address::S3 { .. } => &["rclone"],
            Address::Rest { .. } => &["curl"],
        }
    }

    /// The lines that bring its sealed key ring into the folder `sealed`.
    pub(super) fn fetch(&self) -> Vec<String> {
        let mut lines = vec!["rm -rf sealed && mkdir sealed".to_owned()];
        if self.has_script {
            lines.push(format!(". ./locations/{}.sh", self.name));
        }
        let ring = format!("{RING_REPOSITORY}/keys");
        match &self.address {
            Address::Local { path } => {
                lines.push(format!("cp -p {}/* sealed/", quoted(&path.join(&ring).display().to_string())));
            }
            Address::Sftp { user, host, port, path } => {
                if let Some(host_key) = &self.host_key {
                    let (hosts, key) = (self.known_hosts(), quoted(host_key));
                    lines.push(format!("mkdir -p locations/{}", self.name));
                    lines.push(format!(
                        "ssh-keyscan -p {port} {} | while read -r line; do if echo \"$line\" | ssh-keygen -l -f - | grep -q -F {key}; then echo \"$line\"; fi; done > {hosts}",
                        quoted(host)
                    ));
                    lines.push(format!("test -s {hosts}"));
                }
                let from = format!("{user}@{host}:{}/{ring}/*", path.trim_end_matches('/'));
                lines.push(format!("scp -p {} -P {port} {} sealed/", self.ssh_options(), quoted(&from)));
            }
            Address::S3 { bucket, prefix, endpoint, region } => {
                let provider = if endpoint.is_some() { "Other" } else { "AWS" };
                let endpoint = endpoint
                    .as_ref()
                    .map(|url| format!(",endpoint='{}'", url.trim_end_matches('/').replace('\'', "''")));
                let folder = if prefix.is_empty() { ring } else { format!("{prefix}/{ring}") };
                let authority = self.file("ca_file").map(|file| format!("--ca-cert {file} "));
                let remote = format!(
                    ":s3,provider={provider},env_auth=true,region='{}'{}:{bucket}/{folder}",
                    region.replace('\'', "''"),
                    endpoint.unwrap_or_default()
                );
                lines.push(format!(
                    "rclone copy {}{} sealed",
                    authority.unwrap_or_default(),
                    quoted(&remote)
                ));
            }
            Address::Rest { .. } => {
                let authority =
                    self.file("ca_file").map(|file| format!("--cacert {file} ")).unwrap_or_default();
                let curl = format!("curl -fsS {authority}");
                lines.push(format!(
                    "{curl}-H 'Accept: application/vnd.x.restic.rest.v2' \"${{HOLDFAST_BASE}}{ring}/\" | grep -o '[0-9a-f]\\{{64\\}}' | while read -r name; do {curl}-R -o \"sealed/$name\" \"${{HOLDFAST_BASE}}{ring}/$name\"; done"
                ));
            }
        }
        lines
    }

    /// How stock restic begins on a repository there.
    pub(super) fn restic(&self, repository: &str) -> String {
        let place = match &self.address {
            Address::Local { path } => format!("-r {}", quoted(&path.join(repository).display().to_string())),
            Address::Sftp { user, host, port, path } => {
                let at = quoted(&format!("{user}@{host}"));
                let command = format!("sftp.command=ssh {} -p {port} {at} -s sftp", self.ssh_options());
                let address =
                    format!("sftp://{user}@{host}:{port}/{}/{repository}", path.trim_end_matches('/'));
                format!("-o {} -r {}", quoted(&command), quoted(&address))
            }
            Address::S3 { bucket, prefix, endpoint, region } => {
                let endpoint =
                    endpoint.as_deref().unwrap_or("https://s3.amazonaws.com").trim_end_matches('/');
                let folder =
                    if prefix.is_empty() { repository.to_owned() } else { format!("{prefix}/{repository}") };
                format!(
                    "-o {} -r {}",
                    quoted(&format!("s3.region={region}")),
                    quoted(&format!("s3:{endpoint}/{bucket}/{folder}"))
                )
            }
            Address::Rest { .. } => format!("-r \"rest:${{HOLDFAST_BASE}}{repository}/\""),
        };
        let authority = match &self.address {
            Address::S3 { .. } | Address::Rest { .. } => self.file("ca_file"),
            Address::Local { .. } | Address::Sftp { .. } => None,
        };
        let authority = authority.map(|file| format!("--cacert {file} ")).unwrap_or_default();
        format!("restic {authority}{place} --no-lock --password-file passwords/{repository}")
    }

    /// The address for people.
    pub(super) fn describe(&self) -> String {
        match &self.address {
            Address::Local { path } => format!("the folder {}", path.display()),
            Address::Sftp { user, host, port, path } => {
                format!("{path} at {user}@{host}, port {port}, by SFTP")
            }
            Address::S3 { bucket, prefix, endpoint, .. } => {
                let at = endpoint.as_deref().unwrap_or("AWS");
                format!("the bucket {bucket} at {at}, folder {:?}", format!("{prefix}/"))
            }
            Address::Rest { base } => format!("the restic REST server {base}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test that runs a program")]
    fn nothing_of_an_address_is_read_by_the_shell() {
        let evil = "x$(touch pwned)'y";
        let place = |address| Place {
            name: "far".to_owned(),
            address,
            files: Vec::new(),
            has_script: false,
            host_key: Some("SHA256:abc".to_owned()),
            asks: false,
        };
        let [bucket, prefix, region, user] = ["b", evil, evil, "u"].map(str::to_owned);
        let s3 = Address::S3 { bucket, prefix, region, endpoint: Some(format!("https://{evil}")) };
        let sftp = Address::Sftp { user, host: evil.to_owned(), port: 22, path: "/x".to_owned() };
        let folder = tempfile::tempdir().unwrap();
        for place in [place(s3), place(sftp)] {
            for line in place.fetch().into_iter().chain([place.restic("C-1")]) {
                // The programs are not there; what counts is what the shell makes of the words.
                let script = format!(
                    "rclone() {{ :; }}; scp() {{ :; }}; ssh-keyscan() {{ :; }}; restic() {{ :; }}; {line}"
                );
                let mut shell = std::process::Command::new("bash");
                shell.arg("-c").arg(script).current_dir(folder.path()).output().unwrap();
            }
        }
        assert!(!folder.path().join("pwned").exists());
    }

    #[test]
    fn a_word_of_a_shell_is_one_word_whatever_is_in_it() {
        assert_eq!(quoted("/mnt/disk-1/a.b"), "/mnt/disk-1/a.b");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $HOME"), "'it'\\''s $HOME'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a*"), "'a*'");
    }
}
