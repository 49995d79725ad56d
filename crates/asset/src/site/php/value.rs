//! What an expression comes to without running it.

use std::fmt;
use std::sync::Arc;

use super::conditions::Conditions;

/// Why a value is not known. The words are ours alone: a password that somebody forgot to put in quotes is the name of a
/// constant, and a name in a message would print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::site) struct Unresolved {
    pub(in crate::site) line: u32,
    pub(in crate::site) reason: &'static str,
}

#[derive(Clone)]
pub(in crate::site) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(Arc<str>),
    Array(Arc<Vec<Element>>),
    Unresolved(Unresolved),
}

/// It may be a password.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Value::Null => "Null",
            Value::Bool(_) => "Bool(..)",
            Value::Int(_) => "Int(..)",
            Value::Text(_) => "Text(..)",
            Value::Array(_) => "Array(..)",
            Value::Unresolved(_) => "Unresolved(..)",
        })
    }
}

/// One of the values that something may have.
#[derive(Clone, Debug)]
pub(in crate::site) struct Candidate {
    pub(in crate::site) conditions: Conditions,
    pub(in crate::site) value: Value,
    pub(in crate::site) line: u32,
}

pub(in crate::site) type Candidates = Vec<Candidate>;

#[derive(Clone, Debug)]
pub(in crate::site) struct Element {
    /// `None` for what has a key that is not known: it may stand for any other.
    pub(in crate::site) key: Option<Arc<str>>,
    pub(in crate::site) candidates: Candidates,
}

impl Candidate {
    pub(in crate::site) fn always(value: Value, line: u32) -> Candidate {
        Candidate { conditions: Conditions::default(), value, line }
    }

    pub(in crate::site) fn unresolved(line: u32, reason: &'static str) -> Candidate {
        Candidate::always(Value::Unresolved(Unresolved { line, reason }), line)
    }
}

impl Value {
    pub(in crate::site) fn text(text: &str) -> Value {
        Value::Text(Arc::from(text))
    }

    /// As PHP makes text of it; arrays have none.
    pub(in crate::site) fn to_text(&self) -> Option<Arc<str>> {
        Some(match self {
            Value::Null | Value::Bool(false) => Arc::from(""),
            Value::Bool(true) => Arc::from("1"),
            Value::Int(number) => Arc::from(number.to_string()),
            Value::Text(text) => Arc::clone(text),
            Value::Array(_) | Value::Unresolved(_) => return None,
        })
    }

    /// What lies in an array under a key: empty where it has none.
    pub(in crate::site) fn get(&self, key: &str, line: u32) -> Candidates {
        match self {
            Value::Array(elements) => {
                let found = elements.iter().rev().find(|element| element.key.as_deref() == Some(key));
                let other = || elements.iter().find(|element| element.key.is_none());
                found.or_else(other).map_or_else(Vec::new, |element| element.candidates.clone())
            }
            Value::Unresolved(unresolved) => {
                vec![Candidate::always(Value::Unresolved(*unresolved), unresolved.line)]
            }
            Value::Null => Vec::new(),
            Value::Bool(_) | Value::Int(_) | Value::Text(_) => {
                vec![Candidate::unresolved(line, "it is looked up in what is no array")]
            }
        }
    }
}

/// What lies under a key in each of the values that an array may have, with the branches of both.
pub(in crate::site) fn get_each(arrays: &[Candidate], key: &str) -> Candidates {
    let mut found = Vec::new();
    for array in arrays {
        for inner in array.value.get(key, array.line) {
            if let Some(conditions) = array.conditions.and(&inner.conditions) {
                found.push(Candidate { conditions, ..inner });
            }
        }
    }
    found
}
