//! What a file sets: variables, elements of arrays, constants.

use std::sync::Arc;

use php_ast::{Expr, ExprKind};

use super::conditions::Conditions;
use super::evaluate::unknown_element;
use super::reading::{Reading, reason};
use super::value::{Candidate, Candidates, Element, Value};

/// `$a['b']['c']`: brackets after one another that are followed.
pub(super) const ACCESS_DEPTH_MAX: usize = 16;
/// Different things that a file sets.
const KEYS_MAX: usize = 20_000;

/// Where an element lies: `None` for `[]`.
type Path = Vec<Option<Arc<str>>>;

impl Reading<'_> {
    /// Sets the target to one of the values wherever `here` holds.
    pub(super) fn assign(
        &mut self,
        target: &Expr<'_, '_>,
        values: &[Candidate],
        line: u32,
        here: &Conditions,
    ) {
        match &target.kind {
            ExprKind::Variable(name) => self.set(&variable(name), values, here),
            ExprKind::ArrayAccess(_) => {
                let Some((variable, path)) = self.path(target, here) else {
                    return;
                };
                let before = self.values.get(&variable).cloned().unwrap_or_default();
                self.spend(before.iter().map(|candidate| weight(&candidate.value)).sum());
                let after = set_within(before, &path, values, line, here, self.is_spent());
                self.values.insert(variable, after);
            }
            // `[$a, $b] = ...`: which is which is not followed.
            ExprKind::Array(elements) => {
                for element in elements.iter().filter(|element| !element.is_spread()) {
                    if let ExprKind::Variable(name) = &element.value().kind {
                        let unresolved = [Candidate::unresolved(line, reason::COMPUTED)];
                        self.set(&variable(name), &unresolved, here);
                    }
                }
            }
            _ => {}
        }
    }

    /// The variable and the keys of `$a['b']['c']`. A key that is not known makes all of the variable unknown.
    fn path(&mut self, target: &Expr<'_, '_>, here: &Conditions) -> Option<(String, Path)> {
        let (mut at, mut path) = (target, Path::new());
        while let ExprKind::ArrayAccess(access) = &at.kind {
            let key = match access.index {
                None => None,
                Some(index) => match self.evaluate(index, here).as_slice() {
                    [Candidate { value, .. }] => value.to_text().or_else(|| Some(Arc::from(UNKNOWN_KEY))),
                    _ => Some(Arc::from(UNKNOWN_KEY)),
                },
            };
            path.push(key);
            at = access.array;
            if path.len() > ACCESS_DEPTH_MAX {
                return None;
            }
        }
        let ExprKind::Variable(name) = &at.kind else { return None };
        path.reverse();
        if name.as_str() == "GLOBALS" {
            let name = path.remove(0)?;
            return Some((variable(&name), path));
        }
        (!is_superglobal(name)).then(|| (variable(name), path))
    }

    /// The last one stands.
    pub(super) fn set(&mut self, key: &str, values: &[Candidate], here: &Conditions) {
        if self.values.len() >= KEYS_MAX && !self.values.contains_key(key) {
            self.is_cut_short = true;
            return;
        }
        let before = self.values.remove(key).unwrap_or_default();
        self.spend(before.len() as u64);
        self.values.insert(key.to_owned(), replace(before, values, here));
    }

    /// The first one stands, as with constants: each later one only where none was.
    pub(super) fn set_once(&mut self, key: &str, values: &[Candidate], here: &Conditions) {
        let before = self.values.get(key).cloned().unwrap_or_default();
        self.spend(before.len() as u64);
        let left = before.iter().try_fold(here.clone(), |left, earlier| left.after(&earlier.conditions));
        let Some(left) = left else { return };
        if self.values.len() >= KEYS_MAX && before.is_empty() {
            self.is_cut_short = true;
            return;
        }
        let added = values.iter().filter_map(|value| {
            Some(Candidate { conditions: value.conditions.and(&left)?, ..value.clone() })
        });
        let all: Candidates = before.iter().cloned().chain(added).collect();
        self.values.insert(key.to_owned(), limited(all));
    }

    /// `define('X', ...)`. Behind `if (!defined('X'))` it stands as if it were alone.
    pub(super) fn define(&mut self, name: &str, values: Candidates, here: &Conditions) {
        let exempt = self.exempt.iter().filter(|(exempt, _)| exempt == name).map(|(_, fork)| *fork);
        let here = exempt.fold(here.clone(), |here, fork| here.regardless_of(fork));
        self.set_once(name, &values, &here);
    }
}

/// Under which a variable is kept.
pub(super) fn variable(name: &str) -> String {
    format!("${name}")
}

/// Stands for a key that is not known while a path is followed: no key of ours has a NUL.
const UNKNOWN_KEY: &str = "\0";

pub(super) fn is_superglobal(name: &str) -> bool {
    matches!(name, "_ENV" | "_SERVER" | "_GET" | "_POST" | "_REQUEST" | "_COOKIE" | "_FILES" | "_SESSION")
}

fn replace(before: Candidates, values: &[Candidate], here: &Conditions) -> Candidates {
    let mut all: Candidates = before
        .into_iter()
        .filter_map(|earlier| Some(Candidate { conditions: earlier.conditions.after(here)?, ..earlier }))
        .collect();
    all.extend(
        values
            .iter()
            .filter_map(|value| Some(Candidate { conditions: value.conditions.and(here)?, ..value.clone() })),
    );
    limited(all)
}

/// With too many values, none is known.
fn limited(all: Candidates) -> Candidates {
    match all.last() {
        Some(last) if all.len() > 32 => vec![Candidate::unresolved(last.line, reason::TOO_MANY)],
        _ => all,
    }
}

fn weight(value: &Value) -> u64 {
    match value {
        Value::Array(elements) => 1 + elements.len() as u64,
        _ => 1,
    }
}

/// The values of a variable after an element within it was set.
fn set_within(
    before: Candidates,
    path: &[Option<Arc<str>>],
    values: &[Candidate],
    line: u32,
    here: &Conditions,
    is_spent: bool,
) -> Candidates {
    let Some((key, rest)) = path.split_first() else { return replace(before, values, here) };
    if is_spent {
        return vec![Candidate::unresolved(line, reason::TOO_MUCH)];
    }
    let before =
        if before.is_empty() { vec![Candidate::always(Value::Array(Arc::default()), line)] } else { before };
    let set = |earlier: Candidate| {
        if earlier.conditions.and(here).is_none() {
            return earlier;
        }
        let elements = match &earlier.value {
            Value::Array(elements) => elements.as_slice(),
            Value::Unresolved(_) => return earlier,
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Text(_) => &[],
        };
        let mut elements = elements.to_vec();
        let key = match key.as_deref() {
            Some(UNKNOWN_KEY) => {
                elements.push(unknown_element(line));
                None
            }
            Some(key) => Some(Arc::from(key)),
            None => Some(next_index(&elements)),
        };
        if let Some(key) = key {
            let at = elements.iter().rposition(|element| element.key.as_ref() == Some(&key));
            let inner = at.map_or_else(Vec::new, |at| elements.remove(at).candidates);
            let candidates = set_within(inner, rest, values, line, here, is_spent);
            elements.push(Element { key: Some(key), candidates });
        }
        Candidate { value: Value::Array(Arc::new(elements)), ..earlier }
    };
    before.into_iter().map(set).collect()
}

fn next_index(elements: &[Element]) -> Arc<str> {
    let numbers = elements.iter().filter_map(|element| element.key.as_deref()?.parse::<i64>().ok());
    Arc::from(numbers.max().map_or(0, |number| number.saturating_add(1)).to_string())
}
