//! Reads a tree of which parts are refused.
//!
//! One entry with a name that leads out of the target must not be written, and must not cost the thousand good ones
//! beside it. The usual reader refuses the whole tree; this one looks at each entry by itself.

use std::collections::HashSet;

use holdfast_format::{Node, parse_tree};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};

#[derive(Deserialize)]
struct Tree<'a> {
    #[serde(borrow)]
    nodes: Vec<&'a RawValue>,
}

/// The entries of a tree that can be believed, and for each other one why it cannot.
pub(crate) fn read_tree(json: &[u8]) -> Result<(Vec<Node>, Vec<String>)> {
    if let Ok(nodes) = parse_tree(json) {
        return Ok((nodes, Vec::new()));
    }
    let tree: Tree<'_> = serde_json::from_slice(json)
        .map_err(|e| Error::because(ErrorKind::Damaged, "read a directory of the point", e))?;
    let (mut nodes, mut refused, mut names) = (Vec::new(), Vec::new(), HashSet::new());
    for raw in tree.nodes {
        match parse_tree(format!("{{\"nodes\":[{}]}}", raw.get()).as_bytes()) {
            Ok(parsed) => {
                for node in parsed {
                    if names.insert(node.name.clone()) {
                        nodes.push(node);
                    } else {
                        refused.push(format!("\"{}\" is there twice", node.name.escape_ascii()));
                    }
                }
            }
            Err(error) => refused.push(error.to_string()),
        }
    }
    Ok((nodes, refused))
}
