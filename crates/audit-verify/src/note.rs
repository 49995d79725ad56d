//! Signed notes and checkpoints as C2SP has them (signed-note, tlog-checkpoint), with Ed25519.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::tree::Hash;

/// The public half of a log's key.
#[derive(Clone, Debug)]
pub struct Key {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

/// What a checkpoint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signed {
    /// How many leaves it is about.
    pub leaves: u64,
    /// The root over them.
    pub root: Hash,
}

impl Key {
    /// Reads `<name>+<id>+<key>`, alone or as the only such line of a text.
    ///
    /// # Errors
    /// Why it is no key.
    pub fn parse(text: &str) -> Result<Key, String> {
        let line = text.lines().map(str::trim).find(|line| line.matches('+').count() >= 2);
        let line = line.ok_or("no line like <name>+<id>+<key>")?;
        let mut parts = line.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("no line like <name>+<id>+<key>".to_owned());
        };
        let bytes = STANDARD.decode(encoded).map_err(|_| "the key is not base64")?;
        let Some((1, bytes)) = bytes.split_first().map(|(algorithm, rest)| (*algorithm, rest)) else {
            return Err("it is no Ed25519 key".to_owned());
        };
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| "an Ed25519 key has 32 bytes")?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| "these 32 bytes are no Ed25519 key")?;
        let mut hash = Sha256::new();
        hash.update(name);
        hash.update([b'\n', 1]);
        hash.update(bytes);
        let hash: Hash = hash.finalize().into();
        let own = [hash[0], hash[1], hash[2], hash[3]];
        if format!("{:08x}", u32::from_be_bytes(own)) != id {
            return Err("its id is not that of its key: a typing error?".to_owned());
        }
        Ok(Key { name: name.to_owned(), id: own, key })
    }

    /// The text of a note that this key signed.
    ///
    /// # Errors
    /// Why it says nothing.
    pub fn text<'n>(&self, note: &'n str) -> Result<&'n str, &'static str> {
        let end = note.rfind("\n\n").ok_or("is no signed note")?;
        let (text, signatures) = (&note[..=end], &note[end + 2..]);
        let own = signatures.lines().find_map(|line| {
            let (name, encoded) = line.strip_prefix('\u{2014}')?.trim_start().split_once(' ')?;
            let bytes = STANDARD.decode(encoded).ok()?;
            (name == self.name && bytes.len() == 68 && bytes[..4] == self.id).then_some(bytes)
        });
        let own = own.ok_or("is not signed by this key")?;
        let signature = Signature::from_slice(&own[4..]).map_err(|_| "has a broken signature")?;
        self.key
            .verify_strict(text.as_bytes(), &signature)
            .map_err(|_| "was changed after it was signed, or its signature was made up")?;
        Ok(text)
    }

    /// The log's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Reads a checkpoint that this key signed.
    ///
    /// # Errors
    /// Why it says nothing.
    pub fn open(&self, note: &str) -> Result<Signed, &'static str> {
        let lines: Vec<&str> = self.text(note)?.lines().collect();
        let [origin, size, root, ..] = lines.as_slice() else { return Err("is no checkpoint") };
        if *origin != self.name {
            return Err("is of another log");
        }
        let root = STANDARD.decode(root).ok().and_then(|root| Hash::try_from(root).ok());
        match (size.parse(), root) {
            (Ok(leaves), Some(root)) => Ok(Signed { leaves, root }),
            _ => Err("is no checkpoint"),
        }
    }
}
