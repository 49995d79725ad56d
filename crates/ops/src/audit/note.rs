//! Signed notes and checkpoints, as C2SP describes them (signed-note, tlog-checkpoint): text, an empty line, and a line per
//! signature. Other programs read and check them; a form of our own would have to be trusted for its own sake.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use holdfast_ledger::TreeHead;
use holdfast_world::SecretString;
use sha2::{Digest, Sha256};

/// The algorithm byte of Ed25519 in keys of signed notes.
const ED25519: u8 = 1;
/// What a line with a signature begins with.
const SIGNATURE: &str = "\u{2014} ";

/// Checks notes of one signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verifier {
    name: String,
    key: VerifyingKey,
}

/// Signs notes.
pub(crate) struct Signer {
    verifier: Verifier,
    key: SigningKey,
}

/// Why a note says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoteError {
    /// It is no signed note.
    Malformed,
    /// Nobody of ours signed it.
    ForeignKey,
    /// The signature is wrong: it was changed after it was signed.
    WrongSignature,
}

impl NoteError {
    /// For people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            NoteError::Malformed => "is no checkpoint",
            NoteError::ForeignKey => "is not signed by this log's key",
            NoteError::WrongSignature => "was changed after it was signed",
        }
    }
}

impl Verifier {
    /// The log's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The key's id: four bytes by which a signature names it.
    fn id(&self) -> [u8; 4] {
        let digest = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        [digest[0], digest[1], digest[2], digest[3]]
    }

    /// The public key as one line.
    pub(crate) fn line(&self) -> String {
        let mut bytes = vec![ED25519];
        bytes.extend(self.key.as_bytes());
        format!("{}+{}+{}", self.name, hex(&self.id()), STANDARD.encode(bytes))
    }

    /// Reads the line back; none where it is no such line.
    pub(crate) fn parse(line: &str) -> Option<Verifier> {
        let mut parts = line.trim().splitn(3, '+');
        let (name, id, encoded) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = STANDARD.decode(encoded).ok()?;
        let (algorithm, public) = bytes.split_first()?;
        let key = VerifyingKey::from_bytes(public.try_into().ok()?).ok()?;
        let verifier = Verifier { name: name.to_owned(), key };
        (*algorithm == ED25519 && hex(&verifier.id()) == id).then_some(verifier)
    }

    /// The text of a note that this signer signed.
    pub(crate) fn open<'n>(&self, note: &'n str) -> Result<&'n str, NoteError> {
        let whole = Some(note).filter(|note| note.ends_with('\n')).ok_or(NoteError::Malformed)?;
        let (text, signatures) = whole.rsplit_once("\n\n").ok_or(NoteError::Malformed)?;
        let text = note.get(..=text.len()).ok_or(NoteError::Malformed)?;
        for line in signatures.lines() {
            let line = line.strip_prefix(SIGNATURE).ok_or(NoteError::Malformed)?;
            let (name, encoded) = line.split_once(' ').ok_or(NoteError::Malformed)?;
            let bytes = STANDARD.decode(encoded).map_err(|_| NoteError::Malformed)?;
            let (id, signature) = bytes.split_at_checked(4).ok_or(NoteError::Malformed)?;
            if name != self.name || id != self.id() {
                continue;
            }
            let signature: [u8; 64] = signature.try_into().map_err(|_| NoteError::Malformed)?;
            let is_right = self.key.verify_strict(text.as_bytes(), &Signature::from_bytes(&signature));
            return is_right.map(|()| text).map_err(|_| NoteError::WrongSignature);
        }
        Err(NoteError::ForeignKey)
    }

    /// The head of the tree that a checkpoint of this log is about.
    pub(crate) fn open_checkpoint(&self, note: &str) -> Result<TreeHead, NoteError> {
        let text = self.open(note)?;
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next(), lines.next(), lines.next());
        if origin != Some(self.name.as_str()) {
            return Err(NoteError::ForeignKey);
        }
        let leaves = size.and_then(|size| size.parse().ok()).ok_or(NoteError::Malformed)?;
        let root = root.and_then(|root| STANDARD.decode(root).ok()).ok_or(NoteError::Malformed)?;
        if root.len() != 32 {
            return Err(NoteError::Malformed);
        }
        Ok(TreeHead { leaves, root: hex(&root) })
    }
}

impl Signer {
    /// A key from its secret.
    pub(crate) fn new(name: &str, secret: &[u8; 32]) -> Signer {
        let key = SigningKey::from_bytes(secret);
        Signer { verifier: Verifier { name: name.to_owned(), key: key.verifying_key() }, key }
    }

    /// Reads the key's line; none where it is no such line.
    pub(crate) fn parse(line: &str) -> Option<Signer> {
        let mut parts = line.strip_prefix("PRIVATE+KEY+")?.splitn(3, '+');
        let (name, id, encoded) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = STANDARD.decode(encoded).ok()?;
        let (algorithm, secret) = bytes.split_first()?;
        let signer = Signer::new(name, secret.try_into().ok()?);
        (*algorithm == ED25519 && hex(&signer.verifier.id()) == id && !name.is_empty()).then_some(signer)
    }

    /// The key as one line.
    pub(crate) fn line(&self) -> SecretString {
        let mut bytes = vec![ED25519];
        bytes.extend(self.key.as_bytes());
        let Verifier { name, .. } = &self.verifier;
        format!("PRIVATE+KEY+{name}+{}+{}", hex(&self.verifier.id()), STANDARD.encode(bytes)).into()
    }

    /// What checks its notes.
    pub(crate) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The secret.
    pub(crate) fn secret(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Signs a text, which must end with a line's end.
    pub(crate) fn sign(&self, text: &str) -> String {
        let mut bytes = self.verifier.id().to_vec();
        bytes.extend(self.key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n{SIGNATURE}{} {}\n", self.verifier.name, STANDARD.encode(bytes))
    }

    /// Signs a head of the tree.
    pub(crate) fn checkpoint(&self, head: &TreeHead) -> String {
        let root = STANDARD.encode(unhex(&head.root));
        self.sign(&format!("{}\n{}\n{root}\n", self.verifier.name, head.leaves))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a text that the ledger wrote as hex.
fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs.filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(leaves: u64, fill: &str) -> TreeHead {
        TreeHead { leaves, root: fill.repeat(32) }
    }

    #[test]
    fn a_checkpoint_is_read_back_by_its_key_alone() {
        let signer = Signer::new("holdfast/test", &[7; 32]);
        let note = signer.checkpoint(&head(42, "ab"));
        assert!(note.starts_with("holdfast/test\n42\n"), "{note}");
        assert_eq!(signer.verifier().open_checkpoint(&note), Ok(head(42, "ab")));
        let other = Signer::new("holdfast/test", &[8; 32]);
        assert_eq!(other.verifier().open_checkpoint(&note), Err(NoteError::ForeignKey));
        let changed = note.replacen("\n42\n", "\n43\n", 1);
        assert_eq!(signer.verifier().open_checkpoint(&changed), Err(NoteError::WrongSignature));
        for cut in 0..note.len() {
            if let Some(cut) = note.get(..cut) {
                assert!(signer.verifier().open_checkpoint(cut).is_err(), "{cut}");
            }
        }
        let another_log = signer.sign("other\n42\nq80=\n");
        assert_eq!(signer.verifier().open_checkpoint(&another_log), Err(NoteError::ForeignKey));
    }

    /// The example that the Go implementation of signed notes documents.
    #[test]
    fn a_note_of_another_implementation_is_accepted() {
        let line = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
        let signer = Signer::parse(line).unwrap();
        assert_eq!(Verifier::parse(&signer.verifier().line()).as_ref(), Some(signer.verifier()));
        assert_eq!(
            signer.verifier().line(),
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        );
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let note = format!(
            "{text}\n\u{2014} PeterNeumann \
             x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
        );
        assert_eq!(signer.verifier().open(&note), Ok(text));
        assert_eq!(signer.sign(text), note);
    }
}
