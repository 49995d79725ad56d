//! Reading an export: JSON lines, see docs/audit-log.md. What is wrong with single lines is told and not fatal, because what
//! was done to a log shows in all of it.

use std::io::BufRead;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::tree::{self, Hash, Tree};
use crate::values::Values;

/// An export.
#[derive(Debug, Default)]
pub struct Export {
    /// The key that it names; it proves nothing.
    pub key: Option<String>,
    /// The tree over its leaves, in their order.
    pub tree: Tree,
    /// The checkpoints in it.
    pub checkpoints: Vec<String>,
    /// Values about people in it; none where the file says that they were left out.
    pub values: Option<u64>,
    /// Whether leaves name values that were not erased.
    pub names_values: bool,
    /// So many values that leaves name are missing, and no leaf says that they were erased.
    pub values_missing: usize,
    /// What is wrong with lines by themselves; of each kind the first few.
    pub troubles: Vec<Trouble>,
}

/// Something that is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// `edited`, `missing`, `moved`, `value`, `line` or `cut`.
    pub kind: &'static str,
    /// The leaf that is affected, where it is one.
    pub leaf: Option<u64>,
    /// What it is.
    pub message: String,
}

/// Reads an export.
///
/// # Errors
/// When it cannot be read, or is no export.
pub fn read(lines: impl BufRead) -> Result<Export, String> {
    let mut export = Export::default();
    let mut values = Values::default();
    let mut is_begun = false;
    let mut end = None;
    for (number, line) in lines.lines().enumerate() {
        let line = line.map_err(|error| error.to_string())?;
        let Ok(Value::Object(fields)) = serde_json::from_str(&line) else {
            export.tell("line", None, format!("line {} is no JSON object", number + 1));
            continue;
        };
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        if !is_begun {
            if fields.get("holdfast_log").and_then(Value::as_u64) != Some(1) {
                return Err("it does not begin as an exported log of version 1".to_owned());
            }
            export.key = text("key").map(str::to_owned);
            // Former exports do not say.
            let is_with = fields.get("values").and_then(Value::as_bool) == Some(true);
            export.values = is_with.then_some(0);
            is_begun = true;
        } else if let (Some(leaf), Some(payload)) =
            (fields.get("leaf").and_then(Value::as_u64), text("payload"))
        {
            export.take_leaf(leaf, payload, text("hash"));
            values.take_leaf(leaf, payload);
        } else if let (Some(value), Some(salt), Some(hash)) = (text("value"), text("salt"), text("hash")) {
            export.values = Some(export.values.unwrap_or(0) + 1);
            values.take_value(hash);
            if !is_hash_of(hash, salt, value) {
                export.tell(
                    "value",
                    None,
                    format!("line {}: the value is not the one with this hash", number + 1),
                );
            }
        } else if let Some(note) = text("checkpoint") {
            export.checkpoints.push(note.to_owned());
        } else if let Some(leaves) = fields.get("end").and_then(Value::as_u64) {
            end = Some(leaves);
        } else {
            export.tell("line", None, format!("line {} says nothing known", number + 1));
        }
    }
    if !is_begun {
        return Err("it is empty".to_owned());
    }
    export.names_values = values.are_named();
    if export.values.is_some() {
        let troubles = values.judge();
        export.values_missing = troubles.iter().filter(|trouble| trouble.leaf.is_some()).count();
        troubles.into_iter().for_each(|trouble| export.tell(trouble.kind, trouble.leaf, trouble.message));
    }
    let leaves = export.tree.leaves();
    match end {
        Some(end) if end == leaves => {}
        Some(end) => export.tell("cut", None, format!("it says that it has {end} leaves and has {leaves}")),
        None => export.tell("cut", None, "its last line is missing: it was cut short".to_owned()),
    }
    Ok(export)
}

impl Export {
    fn take_leaf(&mut self, leaf: u64, payload: &str, hash: Option<&str>) {
        let expected = self.tree.leaves();
        if leaf > expected {
            self.tell("missing", Some(expected), format!("leaf {leaf} stands where {expected} should"));
        } else if leaf < expected {
            self.tell("moved", Some(leaf), format!("leaf {leaf} stands where {expected} should"));
        }
        if hash != Some(hex(&tree::leaf(payload.as_bytes())).as_str()) {
            self.tell(
                "edited",
                Some(leaf),
                format!("the payload of leaf {leaf} is not the one with its hash"),
            );
        }
        // Whatever the file says of it, the tree is over the content.
        self.tree.push(payload.as_bytes());
    }

    fn tell(&mut self, kind: &'static str, leaf: Option<u64>, message: String) {
        // Once one leaf is gone, every later one stands in a wrong place; the first few say it. They must not keep another kind
        // from being said.
        if self.troubles.iter().filter(|trouble| trouble.kind == kind).count() < 100 {
            self.troubles.push(Trouble { kind, leaf, message });
        }
    }
}

fn is_hash_of(hash: &str, salt: &str, value: &str) -> bool {
    let pairs = salt.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    let salt: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
    let Some(salt) = salt else { return false };
    let own: Hash = Sha256::new().chain_update(salt).chain_update(value).finalize().into();
    hex(&own) == hash
}

pub(crate) fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
