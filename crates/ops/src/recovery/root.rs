//! The root: the one secret that opens the key ring at every location. It is made with a kit, and leaves this machine with
//! it; here stays the public half, by which the ring is encrypted anew whenever it changes.

use std::fmt;
use std::path::{Path, PathBuf};

use age::x25519;
use holdfast_format::Id;
use holdfast_model::verdict::Kit;
use holdfast_world::{ExposeSecret, SecretSlice, SecretString, secrets};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the secret half begins, as everybody writes it.
pub(super) const SECRET: &str = "AGE-SECRET-KEY-1";

/// The secret half.
pub(super) struct Root(x25519::Identity);

/// The public half.
#[derive(Clone)]
pub(super) struct Recipient(x25519::Recipient);

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Root").field(&self.recipient().kit()).finish()
    }
}

impl Root {
    pub(super) fn generate() -> Root {
        Root(x25519::Identity::generate())
    }

    pub(super) fn parse(text: &str) -> Option<Root> {
        text.trim().parse().ok().map(Root)
    }

    /// As age reads it.
    pub(super) fn secret(&self) -> SecretString {
        SecretString::from(self.0.to_string().expose_secret().to_owned())
    }

    pub(super) fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }

    /// Opens what was sealed to this root, armoured or not; none where it was not.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<SecretSlice<u8>> {
        age::decrypt(&self.0, sealed).ok().map(SecretSlice::from)
    }
}

impl Recipient {
    fn parse(text: &str) -> Option<Recipient> {
        text.trim().parse().ok().map(Recipient)
    }

    pub(super) fn to_text(&self) -> String {
        self.0.to_string()
    }

    /// What the kit is called: it tells kits apart and nothing else.
    pub(super) fn kit(&self) -> String {
        Id::of(self.to_text().as_bytes()).to_hex()[..8].to_owned()
    }

    pub(super) fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        age::encrypt(&self.0, bytes).map_err(|error| Error::not_done(format!("encrypt to the kit: {error}")))
    }

    /// The same as text that survives paper.
    pub(super) fn seal_as_text(&self, bytes: &[u8]) -> Result<String> {
        age::encrypt_and_armor(&self.0, bytes)
            .map_err(|error| Error::not_done(format!("encrypt to the kit: {error}")))
    }
}

/// What this machine keeps of the kit.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KitFile {
    /// The public half.
    recipient: String,
    made: Timestamp,
    shares: u8,
    needed: u8,
}

/// The kit that is in force.
pub(super) struct KnownKit {
    pub(super) recipient: Recipient,
    pub(super) kit: Kit,
}

/// Its name ends otherwise than those of keys of repositories, so that it is never taken for one.
pub(super) fn path(config: &Path) -> PathBuf {
    config.join("keys/recovery.kit")
}

/// The kit in force, where one was ever made.
pub(super) fn in_force(config: &Path) -> Result<Option<KnownKit>> {
    let path = path(config);
    let text = match secrets::read_text(&path) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(Error::usage(error.to_string())),
    };
    let damaged = || {
        Error::usage(format!("{} is damaged", path.display())).hint(
            "remove it and make a new kit with `holdfast key kit`; the one before opens nothing new then",
        )
    };
    let file: KitFile = toml::from_str(text.expose_secret()).map_err(|_| damaged())?;
    let recipient = Recipient::parse(&file.recipient).ok_or_else(damaged)?;
    let kit = Kit { kit: recipient.kit(), shares: file.shares, needed: file.needed };
    Ok(Some(KnownKit { recipient, kit }))
}

/// What is known of the kit in force.
pub(crate) fn known_kit(config: &Path) -> Result<Option<Kit>> {
    Ok(in_force(config)?.map(|known| known.kit))
}

/// Puts a kit in force. From here on nothing new is encrypted to the one before.
pub(super) fn put_in_force(config: &Path, recipient: &Recipient, kit: &Kit, made: Timestamp) -> Result<()> {
    let file = KitFile { recipient: recipient.to_text(), made, shares: kit.shares, needed: kit.needed };
    let text =
        toml::to_string(&file).map_err(|e| Error::not_done(format!("write the kit's public half: {e}")))?;
    let header = format!(
        "# The public half of the recovery kit {}. Its secret half lies with whoever keeps the kit, and nowhere here.\n",
        kit.kit
    );
    secrets::write(&path(config), (header + &text).as_bytes())
        .map_err(|error| Error::not_done(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_to_a_root_opens_with_it_alone() {
        let (root, other) = (Root::generate(), Root::generate());
        let sealed = root.recipient().seal(b"a ring").unwrap();
        let text = root.recipient().seal_as_text(b"a ring").unwrap();
        for sealed in [sealed.as_slice(), text.as_bytes()] {
            assert_eq!(root.open(sealed).unwrap().expose_secret(), b"a ring");
            assert!(other.open(sealed).is_none());
            assert!(root.open(&sealed[..sealed.len() - 1 - sealed.len() / 3]).is_none());
        }
        let again = Root::parse(root.secret().expose_secret()).unwrap();
        assert_eq!(again.recipient().kit(), root.recipient().kit());
        assert!(Root::parse("AGE-SECRET-KEY-1QQ").is_none());
        assert!(!format!("{root:?}").contains("SECRET"));
    }

    #[test]
    fn the_kit_in_force_is_the_last_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        assert!(in_force(folder.path()).unwrap().is_none());
        for (shares, needed) in [(1, 1), (3, 2)] {
            let recipient = Root::generate().recipient();
            let kit = Kit { kit: recipient.kit(), shares, needed };
            put_in_force(folder.path(), &recipient, &kit, Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(known_kit(folder.path()).unwrap(), Some(kit));
        }
        let text = std::fs::read_to_string(path(folder.path())).unwrap();
        assert!(!text.contains(SECRET), "{text}");
    }
}
