//! How stock restic reaches a location of ours: its spelling of the address, and its variables for the secrets.

use holdfast_location::Credentials;
use holdfast_model::Address;
use holdfast_world::{ExposeSecret, SecretString};
use url::Url;

/// What restic needs to open a repository.
pub struct ResticAccess {
    /// The repository; it may hold a password, so it is no argument.
    pub repository: SecretString,
    /// Further options.
    pub options: Vec<String>,
    /// Variables that hold secrets.
    pub secrets: Vec<(&'static str, SecretString)>,
}

/// Translates an address and its credentials for the repository called `repository`.
pub fn restic_access(address: &Address, credentials: &Credentials, repository: &str) -> ResticAccess {
    let mut options = Vec::new();
    let mut secrets = Vec::new();
    let mut secret = |name, value: &Option<SecretString>| {
        if let Some(value) = value {
            secrets.push((name, SecretString::from(value.expose_secret().to_owned())));
        }
    };
    let repository = match address {
        Address::Local { path } => path.join(repository).display().to_string(),
        Address::Sftp { user, host, port, path } => {
            let mut ssh = String::from("-o BatchMode=yes");
            if let Some(identity) = &credentials.identity_file {
                ssh += &format!(" -i {} -o IdentitiesOnly=yes", identity.display());
            }
            if let Some(known_hosts) = &credentials.known_hosts {
                ssh += &format!(" -o UserKnownHostsFile={}", known_hosts.display());
            }
            // `sftp.args` came with 0.17; `sftp.command` is understood by every version.
            options.push("-o".to_owned());
            options.push(format!("sftp.command=ssh {ssh} -p {port} {user}@{host} -s sftp"));
            format!("sftp://{user}@{host}:{port}/{}/{repository}", path.trim_end_matches('/'))
        }
        Address::S3 { bucket, prefix, endpoint, region } => {
            secret("AWS_ACCESS_KEY_ID", &credentials.access_key);
            secret("AWS_SECRET_ACCESS_KEY", &credentials.secret_key);
            secret("AWS_SESSION_TOKEN", &credentials.session_token);
            options.push("-o".to_owned());
            options.push(format!("s3.region={region}"));
            let endpoint = endpoint.as_deref().unwrap_or("https://s3.amazonaws.com");
            let folder =
                if prefix.is_empty() { repository.to_owned() } else { format!("{prefix}/{repository}") };
            format!("s3:{}/{bucket}/{folder}", endpoint.trim_end_matches('/'))
        }
        // The variables RESTIC_REST_USERNAME and -PASSWORD came after 0.14; the address is understood by every version.
        Address::Rest { base } => format!("rest:{}{repository}/", with_login(base, credentials)),
    };
    if let Some(authority) = &credentials.ca_file {
        options.push("--cacert".to_owned());
        options.push(authority.display().to_string());
    }
    ResticAccess { repository: SecretString::from(repository), options, secrets }
}

/// The address of a REST server with the log-in in it.
pub(crate) fn with_login(base: &str, credentials: &Credentials) -> String {
    let (Ok(mut url), Some(user)) = (Url::parse(base), &credentials.user) else { return base.to_owned() };
    let password = credentials.password.as_ref().map(ExposeSecret::expose_secret);
    // Neither can fail for an address with a host, and every REST address has one.
    let _ = url.set_username(user.expose_secret()).and_then(|()| url.set_password(password));
    url.to_string()
}
