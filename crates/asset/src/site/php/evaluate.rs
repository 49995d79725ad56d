//! Expressions to values. Nothing is called: a function that is not one of the few pure ones below gives a value that is
//! not known, with its line.

use std::sync::Arc;

use php_ast::{
    AssignOp, BinaryOp, CastKind, Expr, ExprKind, FunctionCallExpr, MagicConstKind, Span, StringPart,
};

use super::assign::{ACCESS_DEPTH_MAX, is_superglobal, variable};
use super::conditions::{Arms, Conditions};
use super::reading::{Reading, reason};
use super::value::{Candidate, Candidates, Element, Value, get_each};

/// Values that one thing may have; with more, it is not known.
const CANDIDATES_MAX: usize = 16;
/// Expressions within each other that are followed: chains like `'a' . 'b' . 'c'` nest without brackets.
const DEPTH_MAX: u32 = 500;
const TEXT_BYTES_MAX: usize = 64 << 10;

impl Reading<'_> {
    /// What the expression may come to where `here` holds.
    pub(super) fn evaluate(&mut self, expr: &Expr<'_, '_>, here: &Conditions) -> Candidates {
        let line = self.line(expr.span);
        if !self.spend(1) {
            return vec![Candidate::unresolved(line, reason::TOO_MUCH)];
        }
        if expr.span.end > self.broken_at {
            return vec![Candidate::unresolved(line, reason::BROKEN)];
        }
        if self.depth >= DEPTH_MAX {
            return vec![Candidate::unresolved(line, reason::TOO_DEEP)];
        }
        self.depth += 1;
        let mut candidates = self.evaluate_kind(expr, line, here);
        self.depth -= 1;
        if candidates.len() > CANDIDATES_MAX {
            candidates = vec![Candidate::unresolved(line, reason::TOO_MANY)];
        }
        candidates
    }

    fn evaluate_kind(&mut self, expr: &Expr<'_, '_>, line: u32, here: &Conditions) -> Candidates {
        let unresolved = |reason| vec![Candidate::unresolved(line, reason)];
        let known = |value| vec![Candidate::always(value, line)];
        match &expr.kind {
            ExprKind::Int(number) => known(Value::Int(*number)),
            ExprKind::Bool(is_true) => known(Value::Bool(*is_true)),
            ExprKind::Null => known(Value::Null),
            ExprKind::String(bytes) => match bytes.to_str() {
                Some(text) => known(self.plain_text(text, line)),
                None => unresolved(reason::NOT_TEXT),
            },
            ExprKind::Nowdoc { value, .. } => known(self.plain_text(value, line)),
            ExprKind::InterpolatedString(parts) | ExprKind::Heredoc { parts, .. } => {
                self.join(parts, line, here)
            }
            ExprKind::Variable(name) => {
                let missing = if is_superglobal(name) { reason::ENVIRONMENT } else { reason::VARIABLE };
                self.look_up(&variable(name), line, here, missing)
            }
            ExprKind::Name(name) => match name.join_parts().as_ref() {
                "DIRECTORY_SEPARATOR" => known(Value::text("/")),
                "PHP_EOL" => known(Value::text("\n")),
                name => {
                    let own = name.rsplit('\\').next().unwrap_or(name);
                    self.look_up(own, line, here, reason::CONSTANT)
                }
            },
            ExprKind::Parenthesized(inner)
            | ExprKind::ErrorSuppress(inner)
            | ExprKind::Cast(CastKind::String, inner) => self.evaluate(inner, here),
            ExprKind::Binary(binary) if binary.op == BinaryOp::Concat => {
                let left = self.evaluate(binary.left, here);
                let right = self.evaluate(binary.right, here);
                self.concatenate(&left, &right, line)
            }
            ExprKind::Binary(binary) => {
                if let Some(is_or) = is_or(binary.op) {
                    self.short_circuit(binary.left, is_or, binary.right, here);
                }
                unresolved(reason::COMPUTED)
            }
            ExprKind::Assign(assignment) => self.assign_expression(assignment, line, here),
            ExprKind::Ternary(ternary) => {
                if let Some(is_true) = self.literal_truth(ternary.condition) {
                    let chosen = if is_true { ternary.then_expr } else { Some(ternary.else_expr) };
                    return self.evaluate(chosen.unwrap_or(ternary.condition), here);
                }
                let then = ternary.then_expr.unwrap_or(ternary.condition);
                self.either(then, ternary.else_expr, here, |value| {
                    // `a ?: b`: a value that is known tells which of the two.
                    ternary
                        .then_expr
                        .is_none()
                        .then(|| value.to_text().map(|text| !is_falsy(&text)))
                        .flatten()
                })
            }
            ExprKind::NullCoalesce(coalesce) => {
                self.either(coalesce.left, coalesce.right, here, |value| match value {
                    Value::Unresolved(_) => None,
                    value => Some(!matches!(value, Value::Null)),
                })
            }
            ExprKind::Array(elements) => self.array(elements, line, here),
            ExprKind::ArrayAccess(access) => {
                let Some(index) = access.index else { return unresolved(reason::COMPUTED) };
                if let (ExprKind::Variable(name), Some(environment)) = (&access.array.kind, self.environment)
                    && matches!(name.as_str(), "_ENV" | "_SERVER")
                {
                    let name = self.evaluate(index, here);
                    return environment.look_up(&name, line);
                }
                let arrays = self.evaluate(access.array, here);
                let keys = self.evaluate(index, here);
                let [Candidate { value, .. }] = keys.as_slice() else { return unresolved(reason::COMPUTED) };
                let Some(key) = value.to_text() else { return unresolved(reason::COMPUTED) };
                let found = get_each(&arrays, &key);
                if found.is_empty() { unresolved(reason::VARIABLE) } else { found }
            }
            ExprKind::FunctionCall(call) => self.call(call, line, here),
            // Only the folder of the file is ever asked of its name.
            ExprKind::MagicConst(MagicConstKind::Dir) if !self.folder.is_empty() => {
                known(Value::text(self.folder))
            }
            ExprKind::MagicConst(MagicConstKind::File) if !self.folder.is_empty() => {
                known(Value::text(&format!("{}/configuration", self.folder)))
            }
            ExprKind::Include(_, what) => {
                let _ = self.evaluate(what, here);
                self.note_elsewhere(what, line);
                unresolved(reason::INCLUDED)
            }
            ExprKind::Eval(_) => {
                self.elsewhere.push(line);
                unresolved(reason::CALL)
            }
            ExprKind::New(_)
            | ExprKind::MethodCall(_)
            | ExprKind::StaticMethodCall(_)
            | ExprKind::NullsafeMethodCall(_)
            | ExprKind::StaticMethodCallDynamic(_)
            | ExprKind::ShellExec(_) => unresolved(reason::CALL),
            ExprKind::ClassConstAccess(_) => unresolved(reason::CONSTANT),
            _ => unresolved(reason::COMPUTED),
        }
    }

    fn plain_text(&mut self, text: &str, line: u32) -> Value {
        // A file in an old encoding was read byte for byte: what is not ASCII in it is nobody's text.
        if !self.is_utf8 && !text.is_ascii() {
            return Candidate::unresolved(line, reason::NOT_TEXT).value;
        }
        if text.len() > TEXT_BYTES_MAX || !self.spend(text.len() as u64 / 16) {
            return Candidate::unresolved(line, reason::TOO_MUCH).value;
        }
        Value::text(text)
    }

    fn look_up(&self, key: &str, line: u32, here: &Conditions, missing: &'static str) -> Candidates {
        let candidates: Candidates = self.values.get(key).into_iter().flatten().cloned().collect();
        let standing = candidates.into_iter().filter(|candidate| candidate.conditions.and(here).is_some());
        let standing: Candidates = standing.collect();
        if standing.is_empty() { vec![Candidate::unresolved(line, missing)] } else { standing }
    }

    fn join(&mut self, parts: &[StringPart<'_, '_>], line: u32, here: &Conditions) -> Candidates {
        let mut joined = vec![Candidate::always(Value::text(""), line)];
        for part in parts {
            let next = match part {
                StringPart::Literal(bytes) => match bytes.to_str() {
                    Some(text) => vec![Candidate::always(self.plain_text(text, line), line)],
                    None => vec![Candidate::unresolved(line, reason::NOT_TEXT)],
                },
                StringPart::Expr(expr) => {
                    let inner = self.evaluate(expr, here);
                    // Said in other words than of a variable alone: it is often a password with a `$` in double quotes.
                    inner.into_iter().map(in_quotes).collect()
                }
                _ => vec![Candidate::unresolved(line, reason::COMPUTED)],
            };
            joined = self.concatenate(&joined, &next, line);
        }
        joined
    }

    pub(super) fn concatenate(&mut self, left: &[Candidate], right: &[Candidate], line: u32) -> Candidates {
        let mut joined = Vec::new();
        for (a, b) in left.iter().flat_map(|a| right.iter().map(move |b| (a, b))) {
            let Some(conditions) = a.conditions.and(&b.conditions) else { continue };
            let value = match (&a.value, &b.value) {
                (Value::Unresolved(unresolved), _) | (_, Value::Unresolved(unresolved)) => {
                    Value::Unresolved(*unresolved)
                }
                (a, b) => match (a.to_text(), b.to_text()) {
                    (Some(a), Some(b)) if a.len() + b.len() <= TEXT_BYTES_MAX => {
                        if self.spend((a.len() + b.len()) as u64 / 16) {
                            Value::Text(Arc::from([a.as_ref(), b.as_ref()].concat()))
                        } else {
                            Candidate::unresolved(line, reason::TOO_MUCH).value
                        }
                    }
                    (Some(_), Some(_)) => Candidate::unresolved(line, reason::TOO_MUCH).value,
                    _ => Candidate::unresolved(line, reason::COMPUTED).value,
                },
            };
            joined.push(Candidate { conditions, value, line });
            if joined.len() > CANDIDATES_MAX {
                return vec![Candidate::unresolved(line, reason::TOO_MANY)];
            }
        }
        joined
    }

    /// `first` or `second`: both, each in its own arm, unless `is_first` can tell.
    fn either(
        &mut self,
        first: &Expr<'_, '_>,
        second: &Expr<'_, '_>,
        here: &Conditions,
        is_first: impl Fn(&Value) -> Option<bool>,
    ) -> Candidates {
        let (Some(fork), candidates) = (self.fork(), self.evaluate(first, here)) else {
            return vec![Candidate::unresolved(self.line(first.span), reason::TOO_MUCH)];
        };
        if let [candidate] = candidates.as_slice()
            && candidate.conditions.is_always()
        {
            match is_first(&candidate.value) {
                Some(true) => return candidates,
                Some(false) => return self.evaluate(second, here),
                None => {}
            }
        }
        let mut both = Vec::new();
        let others = self.evaluate(second, here);
        for (arm, candidates) in [candidates, others].into_iter().enumerate() {
            let arms = Arms::none(fork, 2).or(arm);
            both.extend(candidates.into_iter().filter_map(|candidate| {
                let conditions = candidate.conditions.within(arms)?;
                Some(Candidate { conditions, ..candidate })
            }));
        }
        both
    }

    fn array(
        &mut self,
        elements: &[php_ast::ArrayElement<'_, '_>],
        line: u32,
        here: &Conditions,
    ) -> Candidates {
        let mut built: Vec<Element> = Vec::with_capacity(elements.len());
        let mut next_index = 0_i64;
        for element in elements {
            if element.is_spread() {
                built.push(unknown_element(self.line(element.span)));
                continue;
            }
            let candidates = self.evaluate(element.value(), here);
            let key = match &element.key {
                None => {
                    next_index = next_index.saturating_add(1);
                    Some(Arc::from((next_index - 1).to_string()))
                }
                Some(key) => match self.evaluate(key, here).as_slice() {
                    [Candidate { value, .. }] => {
                        if let Value::Int(number) = value {
                            next_index = next_index.max(number.saturating_add(1));
                        }
                        value.to_text()
                    }
                    _ => None,
                },
            };
            // A constant of a class as a key (`PDO::MYSQL_ATTR_...`) names an option of the driver and none of ours.
            let is_option = key.is_none()
                && element.key.as_ref().is_some_and(|key| matches!(key.kind, ExprKind::ClassConstAccess(_)));
            if !is_option {
                built.push(Element { key, candidates });
            }
        }
        vec![Candidate::always(Value::Array(Arc::new(built)), line)]
    }

    fn call(&mut self, call: &FunctionCallExpr<'_, '_>, line: u32, here: &Conditions) -> Candidates {
        let unresolved = |reason| vec![Candidate::unresolved(line, reason)];
        let ExprKind::Name(name) = &call.name.kind else { return unresolved(reason::CALL) };
        let name = name.join_parts().rsplit('\\').next().unwrap_or_default().to_ascii_lowercase();
        let mut arguments = Vec::new();
        for argument in call.args.iter().take(4) {
            match argument.value() {
                Some(expr) if !argument.is_spread() => arguments.push(self.evaluate(expr, here)),
                _ => return unresolved(reason::CALL),
            }
        }
        match (name.as_str(), arguments.as_slice()) {
            ("define", [name, value, ..]) => {
                match name.as_slice() {
                    [Candidate { value: Value::Text(name), .. }] => self.define(name, value.clone(), here),
                    _ => self.elsewhere.push(line),
                }
                vec![Candidate::always(Value::Bool(true), line)]
            }
            ("constant", [name]) => match name.as_slice() {
                [Candidate { value: Value::Text(name), .. }] => {
                    self.look_up(name, line, here, reason::CONSTANT)
                }
                _ => unresolved(reason::CONSTANT),
            },
            ("dirname", [path, levels @ ..]) => {
                let levels = match levels {
                    [] => 1,
                    [levels, ..] => match levels.as_slice() {
                        [Candidate { value: Value::Int(levels @ 1..=32), .. }] => *levels,
                        _ => return unresolved(reason::COMPUTED),
                    },
                };
                path.iter().map(|candidate| dirname(candidate, levels)).collect()
            }
            ("env" | "getenv", [name, default @ ..]) => match self.environment {
                Some(environment) => {
                    let found = environment.look_up(name, line);
                    let is_missing = matches!(found.as_slice(), [Candidate { value: Value::Null, .. }]);
                    match default.first() {
                        Some(default) if is_missing => default.clone(),
                        _ => found,
                    }
                }
                None => unresolved(reason::ENVIRONMENT),
            },
            ("extract" | "parse_str" | "eval", _) => {
                self.elsewhere.push(line);
                unresolved(reason::CALL)
            }
            _ => unresolved(reason::CALL),
        }
    }

    fn assign_expression(
        &mut self,
        assignment: &php_ast::AssignExpr<'_, '_>,
        line: u32,
        here: &Conditions,
    ) -> Candidates {
        let value = if assignment.by_ref {
            vec![Candidate::unresolved(line, reason::COMPUTED)]
        } else {
            let value = self.evaluate(assignment.value, here);
            match assignment.op {
                AssignOp::Assign => value,
                AssignOp::Concat => {
                    let before = self.evaluate(assignment.target, here);
                    self.concatenate(&before, &value, line)
                }
                AssignOp::Coalesce => self.either(assignment.target, assignment.value, here, |value| {
                    // Nothing in this file set it: then this does.
                    Some(!matches!(value, Value::Null | Value::Unresolved(_)))
                }),
                _ => vec![Candidate::unresolved(line, reason::COMPUTED)],
            }
        };
        self.assign(assignment.target, &value, line, here);
        value
    }

    /// What `true`, `1` and the like say; nothing is looked up.
    pub(super) fn literal_truth(&self, condition: &Expr<'_, '_>) -> Option<bool> {
        let mut condition = condition;
        for _ in 0..ACCESS_DEPTH_MAX {
            match &condition.kind {
                ExprKind::Parenthesized(inner) => condition = inner,
                ExprKind::Bool(is_true) => return Some(*is_true),
                ExprKind::Int(number) => return Some(*number != 0),
                _ => return None,
            }
        }
        None
    }

    pub(super) fn line(&self, span: Span) -> u32 {
        self.lines.offset_to_line_col(span.start).line + 1
    }
}

fn is_or(op: BinaryOp) -> Option<bool> {
    match op {
        BinaryOp::BooleanOr | BinaryOp::LogicalOr => Some(true),
        BinaryOp::BooleanAnd | BinaryOp::LogicalAnd => Some(false),
        _ => None,
    }
}

fn in_quotes(candidate: Candidate) -> Candidate {
    match candidate.value {
        Value::Unresolved(unresolved) if unresolved.reason == reason::VARIABLE => Candidate {
            conditions: candidate.conditions,
            ..Candidate::unresolved(unresolved.line, reason::VARIABLE_IN_QUOTES)
        },
        _ => candidate,
    }
}

fn is_falsy(text: &str) -> bool {
    matches!(text, "" | "0")
}

pub(super) fn unknown_element(line: u32) -> Element {
    Element { key: None, candidates: vec![Candidate::unresolved(line, reason::COMPUTED)] }
}

fn dirname(candidate: &Candidate, levels: i64) -> Candidate {
    let Value::Text(path) = &candidate.value else {
        let reason = match &candidate.value {
            Value::Unresolved(unresolved) => unresolved.reason,
            _ => reason::COMPUTED,
        };
        return Candidate {
            conditions: candidate.conditions.clone(),
            ..Candidate::unresolved(candidate.line, reason)
        };
    };
    let mut path = path.as_ref();
    for _ in 0..levels {
        let end = path.trim_end_matches('/').rfind('/');
        path = match end {
            Some(0) => "/",
            Some(end) => &path[..end],
            None => ".",
        };
    }
    Candidate { value: Value::text(path), ..candidate.clone() }
}
