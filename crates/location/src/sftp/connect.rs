//! Getting in: socket, host key, log-in, SFTP channel, what the server offers. All of it within one bound.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{self, AuthResult, Handle, Handler};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use russh_sftp::client::{Config, RawSftpSession};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;
use tokio::time::timeout;

use super::hostkey::{Trust, fingerprint};
use super::link::Link;
use super::{Failure, Server};
use crate::credentials::Credentials;
use crate::error::ErrorKind;
use crate::surroundings::{Surroundings, Timeouts};

/// Bytes in one request where the server allows it; OpenSSH takes 255 KiB.
const CHUNK_BYTES_MAX: u64 = 128 * 1024;

/// What it takes to get into one server.
pub(super) struct Access {
    server: Server,
    trust: Arc<Trust>,
    key: Login,
    timeouts: Timeouts,
}

enum Login {
    File(PathBuf, Option<SecretString>),
    Agent(PathBuf),
}

/// Judges the server's key.
pub(crate) struct Greeter {
    server: Server,
    trust: Arc<Trust>,
    verdict: Arc<Mutex<Verdict>>,
    /// Dropped with the connection, which wakes everybody who waits for an answer on it.
    _alive: watch::Sender<()>,
}

#[derive(Default)]
struct Verdict {
    shown: String,
    refusal: Option<String>,
}

impl Handler for Greeter {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let mut verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        let refusal = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                verdict.shown = fingerprint(key);
                self.trust.check(&self.server.host, self.server.port, key).err()
            }
            PublicKeyOrCertificate::Certificate(_) => {
                Some("the server shows a certificate instead of a key, which nothing here trusts".to_owned())
            }
        };
        verdict.refusal = refusal;
        Ok(verdict.refusal.is_none())
    }
}

impl Access {
    pub(super) fn new(
        server: &Server,
        credentials: &Credentials,
        surroundings: &Surroundings,
    ) -> Result<Access, String> {
        let trust = match (&credentials.host_key, &credentials.known_hosts, &surroundings.known_hosts) {
            (Some(_), Some(_), _) => {
                return Err("the credentials hold both host_key and known_hosts: keep one".to_owned());
            }
            (Some(key), None, _) if key.starts_with("SHA256:") => Trust::Fingerprint(key.clone()),
            (Some(_), None, _) => {
                return Err(
                    "host_key in the credentials must be a fingerprint, SHA256:…, as ssh-keygen -lf prints it".to_owned()
                );
            }
            (None, Some(path), _) | (None, None, Some(path)) => Trust::KnownHosts(path.clone()),
            (None, None, None) => {
                return Err(
                    "nothing says which host key to trust: put host_key = \"SHA256:…\" or known_hosts \
                            into the credentials"
                        .to_owned(),
                );
            }
        };
        let key = match (&credentials.identity_file, &surroundings.agent_socket) {
            (Some(path), _) => Login::File(path.clone(), credentials.identity_passphrase.clone()),
            (None, Some(socket)) => Login::Agent(socket.clone()),
            (None, None) => {
                return Err(
                    "no way to log in: put identity_file into the credentials, or start an SSH agent"
                        .to_owned(),
                );
            }
        };
        Ok(Access { server: server.clone(), trust: Arc::new(trust), key, timeouts: surroundings.timeouts })
    }

    /// Connects, checks the host key, logs in and opens the SFTP channel.
    pub(super) async fn connect(&self) -> Result<Link, Failure> {
        let bound = self.timeouts.connect;
        timeout(bound, self.try_to_connect()).await.unwrap_or_else(|_| {
            let cause = format!(
                "{}:{} did not let us in within {} s",
                self.server.host,
                self.server.port,
                bound.as_secs()
            );
            Err(Failure::Broken(ErrorKind::Unreachable, cause))
        })
    }

    async fn try_to_connect(&self) -> Result<Link, Failure> {
        let Server { host, port, .. } = &self.server;
        let unreachable = |what: &str, error: &dyn std::fmt::Display| {
            Failure::Broken(ErrorKind::Unreachable, format!("{host}:{port}: {what}: {error}"))
        };
        let verdict = Arc::new(Mutex::new(Verdict::default()));
        let (alive, closed) = watch::channel(());
        let greeter = Greeter {
            server: self.server.clone(),
            trust: Arc::clone(&self.trust),
            verdict: Arc::clone(&verdict),
            _alive: alive,
        };
        let connected = client::connect(Arc::new(self.config()), (host.as_str(), *port), greeter).await;
        let (shown, refusal) = {
            let mut verdict = verdict.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut verdict.shown), verdict.refusal.take())
        };
        if let Some(refusal) = refusal {
            return Err(Failure::Broken(ErrorKind::Refused, refusal));
        }
        let mut ssh = connected.map_err(|error| match error {
            russh::Error::NoCommonAlgo { .. } => Failure::Broken(
                ErrorKind::Refused,
                format!("{host}:{port} shows no host key of a kind that is trusted for it, or speaks no cipher in \
                         common: {error}"),
            ),
            error => unreachable("connecting failed", &error),
        })?;
        self.log_in(&mut ssh).await?;
        let channel =
            ssh.channel_open_session().await.map_err(|error| unreachable("no channel was opened", &error))?;
        let refused = |error| {
            Failure::Broken(ErrorKind::Refused, format!("{host}:{port} offers no SFTP to this user: {error}"))
        };
        channel.request_subsystem(true, "sftp").await.map_err(refused)?;
        let config =
            Config { request_timeout_secs: self.timeouts.stall.as_secs().max(1), ..Config::default() };
        let mut sftp = RawSftpSession::new_with_config(channel.into_stream(), config);
        let version = sftp.init().await.map_err(|error| unreachable("SFTP did not start", &error))?;
        let offers = |name: &str| version.extensions.contains_key(name);
        let mut chunk_bytes = 32 * 1024;
        if offers("limits@openssh.com") {
            let limits = sftp.limits().await.map_err(|error| unreachable("SFTP did not start", &error))?;
            let smaller = limits.max_write_len.min(limits.max_read_len);
            chunk_bytes = smaller.clamp(32 * 1024, CHUNK_BYTES_MAX);
            sftp.set_limits(limits.into());
        }
        let mut link = Link::new(sftp, ssh, shown, closed);
        link.chunk_bytes = usize::try_from(chunk_bytes).expect("it is small");
        link.offers_fsync = offers("fsync@openssh.com");
        link.offers_statvfs = offers("statvfs@openssh.com");
        Ok(link)
    }

    fn config(&self) -> client::Config {
        let mut config = client::Config {
            window_size: 8 << 20,
            maximum_packet_size: 64 * 1024 - 1,
            channel_buffer_size: 256,
            keepalive_interval: Some((self.timeouts.stall / 4).max(Duration::from_secs(1))),
            keepalive_max: 3,
            nodelay: true,
            ..client::Config::default()
        };
        let known = self.trust.algorithms(&self.server.host, self.server.port);
        if !known.is_empty() {
            // Of several keys the server is to show one that can be compared; the other kinds come last, so that a
            // changed kind is named instead of "no common algorithm".
            let mut order = known;
            order.extend(
                config.preferred.key.iter().filter(|kind| !order.contains(kind)).cloned().collect::<Vec<_>>(),
            );
            config.preferred.key = order.into();
        }
        config
    }

    async fn log_in(&self, ssh: &mut Handle<Greeter>) -> Result<(), Failure> {
        let user = &self.server.user;
        let broken = |kind, cause: String| Failure::Broken(kind, cause);
        match &self.key {
            Login::File(path, passphrase) => {
                let passphrase = passphrase.as_ref().map(ExposeSecret::expose_secret);
                let key = load_secret_key(path, passphrase).map_err(|error| {
                    let cause = format!("identity_file {} cannot be used: {error}", path.display());
                    broken(ErrorKind::Refused, cause)
                })?;
                let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
                let result = ssh.authenticate_publickey(user, key).await;
                match result
                    .map_err(|error| broken(ErrorKind::Unreachable, format!("log-in broke off: {error}")))?
                {
                    AuthResult::Success => Ok(()),
                    AuthResult::Failure { .. } => Err(broken(
                        ErrorKind::Refused,
                        format!("the server does not accept {} for user {user}", path.display()),
                    )),
                }
            }
            Login::Agent(socket) => {
                let unusable = |error: russh::keys::Error| {
                    let cause = format!("the SSH agent at {} cannot be asked: {error}", socket.display());
                    broken(ErrorKind::Refused, cause)
                };
                let mut agent = AgentClient::connect_uds(socket).await.map_err(unusable)?;
                for identity in agent.request_identities().await.map_err(unusable)? {
                    let AgentIdentity::PublicKey { key, .. } = identity else { continue };
                    let result = ssh.authenticate_publickey_with(user, key, None, &mut agent).await;
                    if matches!(result, Ok(AuthResult::Success)) {
                        return Ok(());
                    }
                }
                Err(broken(
                    ErrorKind::Refused,
                    format!("the server accepts no key of the SSH agent for user {user}"),
                ))
            }
        }
    }
}
