//! Trees: directories as JSON, named by the hash of exactly these bytes.
//!
//! A tree from a repository is a stranger's word. Names that would lead out of the directory they are restored into
//! are refused here, at the only door, as are trees whose names repeat or are out of order: with a repeated name, a
//! symlink could be planted first and written through second.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::go_mode;
use crate::id::Id;
use crate::node::{Foreign, Node, Spelling};
use crate::quote::unquote;
use crate::source::{Metadata, Xattr};
use crate::time_text;

mod node_json;

use node_json::NodeJson;

/// Assembles a tree from encoded nodes.
#[derive(Clone, Debug)]
pub struct TreeWriter {
    out: Vec<u8>,
    is_empty: bool,
}

/// Why a tree was refused. Nodes are counted from 0.
#[derive(Debug)]
pub enum TreeError {
    /// Not the JSON of a tree.
    Json(serde_json::Error),
    /// A name that would lead out of its directory: empty, `.`, `..`, or with `/` or NUL in it.
    UnsafeName {
        /// Number of the node.
        node: usize,
        /// The name, unquoted.
        name: Vec<u8>,
    },
    /// A name whose spelling stands for no bytes.
    UnreadableName {
        /// Number of the node.
        node: usize,
        /// The spelling found.
        text: String,
    },
    /// The name is not greater than the one before it, as bytes are compared.
    Order {
        /// Number of the node.
        node: usize,
        /// The name.
        name: Vec<u8>,
    },
    /// A type that no file system entry of ours has.
    UnknownType {
        /// The name.
        name: Vec<u8>,
        /// The type found.
        found: String,
    },
    /// A field that cannot be read.
    Field {
        /// The name.
        name: Vec<u8>,
        /// The field.
        field: &'static str,
    },
}

impl TreeWriter {
    /// An empty tree.
    pub fn new() -> TreeWriter {
        TreeWriter { out: b"{\"nodes\":[".to_vec(), is_empty: true }
    }

    /// Adds a node as [`Node::encode`] or [`crate::encode_tail`] completed it. Nodes come in ascending order of
    /// their name bytes.
    pub fn push(&mut self, encoded_node: &[u8]) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        self.out.extend_from_slice(encoded_node);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether no node was added.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// The plaintext of the tree blob, with the newline that belongs to it.
    pub fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(b"]}\n");
        self.out
    }
}

impl Default for TreeWriter {
    fn default() -> TreeWriter {
        TreeWriter::new()
    }
}

/// Writes `nodes`, which are in ascending order of their names, as a tree blob's plaintext.
pub fn encode_tree(nodes: &[Node]) -> Vec<u8> {
    let mut tree = TreeWriter::new();
    let mut encoded = Vec::new();
    for node in nodes {
        encoded.clear();
        node.encode(&mut encoded);
        tree.push(&encoded);
    }
    tree.finish()
}

/// Reads the plaintext of a tree blob.
pub fn parse_tree(json: &[u8]) -> Result<Vec<Node>, TreeError> {
    let mut nodes = Vec::new();
    visit_tree(json, &mut |node| nodes.push(node))?;
    Ok(nodes)
}

/// Hands over the nodes of a tree one by one; a directory may have a million of them. On error, some may have been
/// handed over already.
pub fn visit_tree(json: &[u8], see: &mut dyn FnMut(Node)) -> Result<(), TreeError> {
    let mut visitor = TreeVisitor { see, nodes: 0, last: Vec::new(), error: None };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let outcome = deserializer.deserialize_map(&mut visitor).and_then(|()| deserializer.end());
    match (visitor.error, outcome) {
        (Some(error), _) => Err(error),
        (None, outcome) => outcome.map_err(TreeError::Json),
    }
}

struct TreeVisitor<'a> {
    see: &'a mut dyn FnMut(Node),
    nodes: usize,
    last: Vec<u8>,
    /// Set when a node is refused; the error that serde carries up is then only a signal.
    error: Option<TreeError>,
}

impl<'de> Visitor<'de> for &mut TreeVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tree object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = false;
        while let Some(key) = map.next_key::<String>()? {
            if key != "nodes" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if std::mem::replace(&mut seen, true) {
                return Err(de::Error::duplicate_field("nodes"));
            }
            map.next_value_seed(NodesSeed(self))?;
        }
        if seen { Ok(()) } else { Err(de::Error::missing_field("nodes")) }
    }
}

struct NodesSeed<'a, 'b>(&'a mut TreeVisitor<'b>);

impl<'de> DeserializeSeed<'de> for NodesSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for NodesSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of nodes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let tree = self.0;
        while let Some(json) = list.next_element::<NodeJson<'de>>()? {
            match tree.check(json) {
                Ok(node) => (tree.see)(node),
                Err(error) => {
                    tree.error = Some(error);
                    return Err(de::Error::custom("a node was refused"));
                }
            }
            tree.nodes += 1;
        }
        Ok(())
    }
}

impl TreeVisitor<'_> {
    fn check(&mut self, json: NodeJson<'_>) -> Result<Node, TreeError> {
        let node = self.nodes;
        let Some(name) = unquote(&json.name) else {
            return Err(TreeError::UnreadableName { node, text: json.name.into_owned() });
        };
        if !is_safe_name(&name) {
            return Err(TreeError::UnsafeName { node, name });
        }
        // No safe name is empty, so the first one is always greater than the initial `last`.
        if name <= self.last {
            return Err(TreeError::Order { node, name });
        }
        self.last.clone_from(&name);
        json.into_node(name)
    }
}

/// Whether `name` names an entry of a directory and nothing else.
pub fn is_safe_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |name: &[u8]| name.escape_ascii().to_string();
        match self {
            TreeError::Json(error) => write!(f, "not a tree: {error}"),
            TreeError::UnsafeName { node, name } => {
                write!(f, "node {node} is named \"{}\", which would lead out of its directory", show(name))
            }
            TreeError::UnreadableName { node, text } => {
                write!(f, "node {node} has a name that cannot be read: {text:?}")
            }
            TreeError::Order { node, name } => {
                write!(f, "node {node}, \"{}\", is out of order or there twice", show(name))
            }
            TreeError::UnknownType { name, found } => {
                write!(f, "\"{}\" is of the unknown type {found:?}", show(name))
            }
            TreeError::Field { name, field } => {
                write!(f, "the field {field} of \"{}\" cannot be read", show(name))
            }
        }
    }
}

impl std::error::Error for TreeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TreeError::Json(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
