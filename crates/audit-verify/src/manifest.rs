//! The signed list of what is in a report: names, sizes and hashes, and the head of its log. Form: docs/report.md.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::note::Key;
use crate::tree::Hash;

/// The list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) leaves: u64,
    pub(crate) root: Hash,
    pub(crate) files: Vec<Listed>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// Reads the list.
///
/// # Errors
/// Why it says nothing.
pub(crate) fn read(note: &str, key: &Key) -> Result<Manifest, String> {
    let text = key.text(note)?;
    let mut lines = text.lines();
    let title = lines.next().unwrap_or_default();
    if title != format!("{} evidence-pack", key.name()) {
        return Err("is signed, but is no list of a report".to_owned());
    }
    if lines.next() != Some("1") {
        return Err("is of a form that this program does not know".to_owned());
    }
    let words = |line: Option<&str>, first: &str| {
        let words: Vec<&str> = line.unwrap_or_default().split(' ').collect();
        match words.as_slice() {
            [name, one, two] if *name == first => Ok(((*one).to_owned(), (*two).to_owned())),
            _ => Err(format!("has no line of the {first}")),
        }
    };
    let (from, to) = words(lines.next(), "period")?;
    let (leaves, root) = words(lines.next(), "log")?;
    let root = STANDARD.decode(root).ok().and_then(|root| Hash::try_from(root).ok());
    let (Ok(leaves), Some(root)) = (leaves.parse(), root) else {
        return Err("has no head of a log".to_owned());
    };
    let file = |line: &str| {
        let mut parts = line.splitn(3, ' ');
        let (sha256, bytes, name) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let is_plain = !name.is_empty() && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
        is_plain.then(|| Listed { name: name.to_owned(), bytes, sha256: sha256.to_owned() })
    };
    let files: Option<Vec<Listed>> = lines.map(file).collect();
    let files = files.ok_or("has a line that lists no file")?;
    Ok(Manifest { from, to, leaves, root, files })
}
