//! Key files: the master key, sealed under a password.
//!
//! The file itself is not encrypted, so everything but the sealed part is a stranger's word: scrypt parameters are
//! bounded before any work is done, or a planted file would exhaust the memory of whoever opens the repository.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::cipher::{CipherError, MasterKey};
use crate::time_text;

/// Salt length that restic enforces.
const SALT_BYTES: usize = 64;

/// Most memory that opening a key may take.
pub const SCRYPT_MEMORY_BYTES_MAX: u64 = 1 << 30;

/// Most work that opening a key may take, as N * r * p; restic's own choices are near 1.6 million.
pub const SCRYPT_WORK_MAX: u64 = 1 << 26;

/// How expensive it is to try a password: N = 2^`log_n`, block size `r`, `p` lanes one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScryptParams {
    /// Binary logarithm of N.
    pub log_n: u8,
    /// Block size.
    pub r: u32,
    /// Parallelisation.
    pub p: u32,
}

impl ScryptParams {
    /// For passwords of 256 random bits, where stretching adds nothing: opens in a few milliseconds.
    pub const FOR_RANDOM_PASSWORDS: ScryptParams = ScryptParams { log_n: 10, r: 8, p: 1 };

    /// For passwords that people choose: about half a second.
    pub const FOR_CHOSEN_PASSWORDS: ScryptParams = ScryptParams { log_n: 15, r: 8, p: 6 };
}

/// What a file `keys/<id>` holds. The file's name is [`crate::Id::of`] its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyFile {
    created: Option<String>,
    username: Option<String>,
    hostname: Option<String>,
    params: ScryptParams,
    salt: Vec<u8>,
    data: Vec<u8>,
}

/// Why a key file gave no master key.
#[derive(Debug)]
pub enum KeyError {
    /// The password does not open this file; another key file may fit it. (A damaged sealed part looks the same:
    /// the file's name, its SHA-256, tells the two apart.)
    WrongPassword,
    /// The file is not a key file.
    Json(serde_json::Error),
    /// The file is a key file whose content is not usable; the words say what.
    Unusable(String),
}

impl KeyFile {
    /// Seals `master` under `password`. `random` fills its buffer with secure random bytes.
    ///
    /// restic trims white space off the ends of passwords it reads from files, so passwords have none there.
    ///
    /// # Panics
    /// If `params` are beyond what [`KeyFile::unlock`] accepts.
    pub fn create(
        password: &[u8],
        master: &MasterKey,
        params: ScryptParams,
        created: jiff::Timestamp,
        username: &str,
        hostname: &str,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> KeyFile {
        let mut salt = vec![0; SALT_BYTES];
        random(&mut salt);
        let mut iv = [0; 16];
        while iv == [0; 16] {
            random(&mut iv);
        }
        let user_key = user_key(password, &salt, params).expect("parameters of our own choice are valid");
        let json = Zeroizing::new(
            serde_json::to_vec(&MasterJson {
                mac: MacJson { k: STANDARD.encode(master.mac_k()), r: STANDARD.encode(master.mac_r()) },
                encrypt: STANDARD.encode(master.encrypt()),
            })
            .expect("plain strings always serialise"),
        );
        let mut data = Vec::new();
        user_key.cipher().seal(iv, &json, &mut data);
        KeyFile {
            created: Some(time_text::of_timestamp(created)),
            username: Some(username.to_owned()),
            hostname: Some(hostname.to_owned()),
            params,
            salt,
            data,
        }
    }

    /// The bytes to store.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&KeyJson {
            created: self.created.clone(),
            username: self.username.clone(),
            hostname: self.hostname.clone(),
            kdf: "scrypt".to_owned(),
            n: 1 << self.params.log_n,
            r: self.params.r,
            p: self.params.p,
            salt: STANDARD.encode(&self.salt),
            data: STANDARD.encode(&self.data),
        })
        .expect("plain strings and numbers always serialise")
    }

    /// Reads a key file and checks everything that can be checked without the password.
    pub fn parse(json: &[u8]) -> Result<KeyFile, KeyError> {
        let json: KeyJson = serde_json::from_slice(json).map_err(KeyError::Json)?;
        let unusable = |what: String| Err(KeyError::Unusable(what));
        if json.kdf != "scrypt" {
            return unusable(format!("it uses {:?} where only scrypt is known", json.kdf));
        }
        if !json.n.is_power_of_two() || json.n < 2 {
            return unusable(format!("scrypt's N is {}, which is no power of two", json.n));
        }
        let params = ScryptParams { log_n: json.n.ilog2() as u8, r: json.r, p: json.p };
        check(params)?;
        let Ok(salt) = STANDARD.decode(&json.salt) else { return unusable("the salt is not base64".into()) };
        if salt.len() != SALT_BYTES {
            return unusable(format!("the salt has {} bytes instead of {SALT_BYTES}", salt.len()));
        }
        let Ok(data) = STANDARD.decode(&json.data) else { return unusable("the data is not base64".into()) };
        let KeyJson { created, username, hostname, .. } = json;
        Ok(KeyFile { created, username, hostname, params, salt, data })
    }

    /// Derives the user key from `password` and opens the master key.
    pub fn unlock(&self, password: &[u8]) -> Result<MasterKey, KeyError> {
        let mut json = Zeroizing::new(Vec::new());
        let opened = user_key(password, &self.salt, self.params)?.cipher().open(&self.data, &mut json);
        match opened {
            Ok(()) => {}
            Err(CipherError::Unauthentic) => return Err(KeyError::WrongPassword),
            Err(error) => return Err(KeyError::Unusable(error.to_string())),
        }
        let master: MasterJson = serde_json::from_slice(&json).map_err(KeyError::Json)?;
        master.to_key().ok_or_else(|| {
            KeyError::Unusable("the master key in it has parts of a wrong length, or all zeros".into())
        })
    }

    /// When the key was made, as the file says (RFC 3339).
    pub fn created(&self) -> Option<&str> {
        self.created.as_deref()
    }

    /// Who made it, as the file says.
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// Where it was made, as the file says.
    pub fn hostname(&self) -> Option<&str> {
        self.hostname.as_deref()
    }

    /// The cost of trying a password.
    pub fn params(&self) -> ScryptParams {
        self.params
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("created", &self.created)
            .field("username", &self.username)
            .field("hostname", &self.hostname)
            .finish_non_exhaustive()
    }
}

fn check(params: ScryptParams) -> Result<(), KeyError> {
    let ScryptParams { log_n, r, p } = params;
    let n_times_r = u128::from(r) << log_n.min(64);
    if n_times_r * 128 > SCRYPT_MEMORY_BYTES_MAX.into() || n_times_r * u128::from(p) > SCRYPT_WORK_MAX.into()
    {
        return Err(KeyError::Unusable(format!(
            "opening it would need more than {} MiB of memory or an absurd time (scrypt N=2^{log_n}, r={r}, p={p})",
            SCRYPT_MEMORY_BYTES_MAX >> 20
        )));
    }
    scrypt::Params::new(log_n, r, p)
        .map(|_| ())
        .map_err(|_| KeyError::Unusable(format!("scrypt does not know N=2^{log_n}, r={r}, p={p}")))
}

fn user_key(password: &[u8], salt: &[u8], params: ScryptParams) -> Result<MasterKey, KeyError> {
    check(params)?;
    let params = scrypt::Params::new(params.log_n, params.r, params.p).expect("checked above");
    let mut bytes = Zeroizing::new([0; 64]);
    scrypt::scrypt(password, salt, &params, bytes.as_mut_slice()).expect("64 bytes are a valid length");
    MasterKey::from_bytes(&bytes).ok_or_else(|| KeyError::Unusable("it derives a key of zeros".into()))
}

#[derive(Serialize, Deserialize)]
struct KeyJson {
    // rustic leaves these three out, or writes null.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
    kdf: String,
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
    salt: String,
    data: String,
}

#[derive(Serialize, Deserialize)]
struct MasterJson {
    mac: MacJson,
    encrypt: String,
}

#[derive(Serialize, Deserialize)]
struct MacJson {
    k: String,
    r: String,
}

impl MasterJson {
    fn to_key(&self) -> Option<MasterKey> {
        let encrypt = Zeroizing::new(STANDARD.decode(&self.encrypt).ok()?);
        let k = Zeroizing::new(STANDARD.decode(&self.mac.k).ok()?);
        let r = Zeroizing::new(STANDARD.decode(&self.mac.r).ok()?);
        MasterKey::from_parts(
            encrypt.as_slice().try_into().ok()?,
            k.as_slice().try_into().ok()?,
            r.as_slice().try_into().ok()?,
        )
    }
}

impl Drop for MasterJson {
    fn drop(&mut self) {
        self.encrypt.zeroize();
        self.mac.k.zeroize();
        self.mac.r.zeroize();
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::WrongPassword => f.write_str("the password does not open this key file"),
            KeyError::Json(error) => write!(f, "not a key file: {error}"),
            KeyError::Unusable(what) => write!(f, "the key file cannot be used: {what}"),
        }
    }
}

impl std::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            KeyError::Json(error) => Some(error),
            KeyError::WrongPassword | KeyError::Unusable(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
