//! The repository's configuration: format version, identity, chunker polynomial.
//!
//! It is the first object read, and the one exempt from compression and from being named by its hash. A version we
//! do not know must stop us: writing into it could destroy what a newer program stored.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cipher::{Cipher, CipherError};
use crate::id::Id;
use crate::polynomial;

/// What the file `config` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Format version: 2 is written; 1 and 2 are read.
    pub version: u32,
    /// 32 random bytes that tell repositories apart.
    pub id: Id,
    /// Irreducible polynomial of degree 53 that restic's chunker uses.
    pub chunker_polynomial: u64,
}

/// Why a configuration was refused.
#[derive(Debug)]
pub enum ConfigError {
    /// It could not be opened.
    Sealed(CipherError),
    /// It opened, but is not a configuration.
    Json(serde_json::Error),
    /// A format version this program does not know.
    Version(u32),
    /// The polynomial is not an irreducible one of degree 53; restic would refuse it as well.
    Polynomial(String),
}

impl Config {
    /// A configuration for a new repository. `random` fills its buffer with secure random bytes.
    pub fn generate(random: &mut dyn FnMut(&mut [u8])) -> Config {
        let mut id = [0; 32];
        random(&mut id);
        Config { version: 2, id: Id(id), chunker_polynomial: polynomial::generate(random) }
    }

    /// The bytes to store as `config`.
    pub fn seal(&self, cipher: &Cipher, iv: [u8; 16]) -> Vec<u8> {
        let json = ConfigJson {
            version: self.version,
            id: self.id,
            chunker_polynomial: format!("{:x}", self.chunker_polynomial),
        };
        let json = serde_json::to_vec(&json).expect("plain strings and numbers always serialise");
        let mut stored = Vec::new();
        cipher.seal(iv, &json, &mut stored);
        stored
    }

    /// Opens and checks a stored `config`.
    pub fn open(cipher: &Cipher, stored: &[u8]) -> Result<Config, ConfigError> {
        let mut json = Vec::new();
        cipher.open(stored, &mut json).map_err(ConfigError::Sealed)?;
        Config::parse(&json)
    }

    /// Checks the JSON of a configuration.
    pub fn parse(json: &[u8]) -> Result<Config, ConfigError> {
        let config: ConfigJson = serde_json::from_slice(json).map_err(ConfigError::Json)?;
        if !(1..=2).contains(&config.version) {
            return Err(ConfigError::Version(config.version));
        }
        // The digits are checked first because the parser would take a sign.
        let chunker_polynomial = Some(&config.chunker_polynomial)
            .filter(|text| text.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|text| u64::from_str_radix(text, 16).ok())
            .filter(|&polynomial| polynomial::is_acceptable(polynomial))
            .ok_or_else(|| ConfigError::Polynomial(config.chunker_polynomial.clone()))?;
        Ok(Config { version: config.version, id: config.id, chunker_polynomial })
    }
}

#[derive(Serialize, Deserialize)]
struct ConfigJson {
    version: u32,
    id: Id,
    chunker_polynomial: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Sealed(error) => write!(f, "config: {error}"),
            ConfigError::Json(error) => write!(f, "config: not a repository configuration: {error}"),
            ConfigError::Version(version) => {
                write!(f, "config: repository format version {version}; this program knows versions 1 and 2")
            }
            ConfigError::Polynomial(text) => {
                write!(f, "config: chunker polynomial {text:?} is not an irreducible polynomial of degree 53")
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConfigError::Sealed(error) => Some(error),
            ConfigError::Json(error) => Some(error),
            ConfigError::Version(_) | ConfigError::Polynomial(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::MasterKey;

    const ID: &str = "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8";

    fn parse(version: u32, polynomial: &str) -> Result<Config, ConfigError> {
        let json =
            format!(r#"{{"version":{version},"id":"{ID}","chunker_polynomial":"{polynomial}","later":[1]}}"#);
        Config::parse(json.as_bytes())
    }

    #[test]
    fn what_is_sealed_opens_to_the_same() {
        let cipher = MasterKey::from_bytes(&[9; 64]).unwrap().cipher();
        let mut seed = 0_u64;
        let config = Config::generate(&mut |buffer| {
            for byte in buffer {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = (seed >> 56) as u8;
            }
        });
        let opened = Config::open(&cipher, &config.seal(&cipher, [3; 16])).unwrap();
        assert_eq!(opened, config);
        assert_eq!(opened.version, 2);
    }

    #[test]
    fn refuses_versions_and_polynomials_that_restic_refuses() {
        assert!(parse(1, "3da3358b4dc173").is_ok());
        assert!(parse(2, "3da3358b4dc173").is_ok());
        assert!(matches!(parse(0, "3da3358b4dc173"), Err(ConfigError::Version(0))));
        assert!(matches!(parse(3, "3da3358b4dc173"), Err(ConfigError::Version(3))));
        for bad in ["", "7", "3da3358b4dc172", "x", "+3da3358b4dc173", "ffffffffffffffffff"] {
            assert!(matches!(parse(2, bad), Err(ConfigError::Polynomial(_))), "{bad}");
        }
    }
}
