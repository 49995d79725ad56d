//! Statements, from front to back, each branch in its own conditions.

use php_ast::{
    ArgKind, BinaryOp, ClassDecl, ClassMemberKind, Expr, ExprKind, IfStmt, NamespaceBody, Stmt, StmtKind,
    SwitchStmt, UnaryPrefixOp,
};

use super::assign::variable;
use super::conditions::{Arms, Conditions};
use super::reading::{FORKS_MAX, Reading, reason};
use super::value::{Candidate, Value};

/// Statements within each other that are followed.
const DEPTH_MAX: u32 = 400;

impl Reading<'_> {
    pub(super) fn statements(&mut self, statements: &[Stmt<'_, '_>], here: &Conditions) {
        for statement in statements {
            self.statement(statement, here);
        }
    }

    fn statement(&mut self, statement: &Stmt<'_, '_>, here: &Conditions) {
        if self.depth >= DEPTH_MAX || !self.spend(1) {
            self.is_cut_short = true;
            return;
        }
        self.depth += 1;
        self.statement_kind(statement, here);
        self.depth -= 1;
    }

    fn statement_kind(&mut self, statement: &Stmt<'_, '_>, here: &Conditions) {
        let line = self.line(statement.span);
        match &statement.kind {
            StmtKind::Expression(expr) => {
                self.evaluate(expr, here);
            }
            StmtKind::Return(Some(expr)) => {
                let values = self.evaluate(expr, here);
                self.set_once("return", &values, here);
            }
            StmtKind::Block(block) => self.statements(&block.stmts, here),
            StmtKind::If(branches) => self.branches(branches, here),
            StmtKind::Switch(switch) => self.switch(switch, here),
            StmtKind::While(while_loop) => self.perhaps(while_loop.body, here),
            StmtKind::For(for_loop) => self.perhaps(for_loop.body, here),
            StmtKind::Foreach(foreach) => {
                let targets = foreach.key.iter().chain([&foreach.value]);
                for target in targets {
                    self.assign(target, &[Candidate::unresolved(line, reason::LOOP)], line, here);
                }
                self.perhaps(foreach.body, here);
            }
            StmtKind::DoWhile(do_while) => self.statement(do_while.body, here),
            StmtKind::TryCatch(attempt) => {
                self.statements(&attempt.body.stmts, here);
                for clause in &*attempt.catches {
                    if let Some(here) = self.fork().and_then(|fork| here.within(Arms::none(fork, 2).or(1))) {
                        self.statements(&clause.body.stmts, &here);
                    }
                }
                if let Some(last) = attempt.finally {
                    self.statements(&last.stmts, here);
                }
            }
            StmtKind::Unset(targets) => {
                for target in &**targets {
                    self.assign(target, &[Candidate::always(Value::Null, line)], line, here);
                }
            }
            StmtKind::Class(class) => self.class(class, here),
            StmtKind::Namespace(namespace) => {
                if let NamespaceBody::Braced(block) = &namespace.body {
                    self.statements(&block.stmts, here);
                }
            }
            StmtKind::Declare(declare) => {
                if let Some(body) = declare.body {
                    self.statement(body, here);
                }
            }
            StmtKind::Const(items) => {
                for item in &**items {
                    let values = self.evaluate(&item.value, here);
                    if let Some(name) = item.name.as_str() {
                        self.set_once(name, &values, here);
                    }
                }
            }
            StmtKind::StaticVar(variables) => {
                for own in &**variables {
                    if let (Some(name), Some(default)) = (own.name.as_str(), &own.default) {
                        let values = self.evaluate(default, here);
                        self.set(&variable(name), &values, here);
                    }
                }
            }
            StmtKind::Echo(printed) => {
                for expr in &**printed {
                    self.evaluate(expr, here);
                }
            }
            // Functions are not called, so what is in them is not done.
            _ => {}
        }
    }

    /// Fields and constants of a class, as `Class::$field` and `Class::CONSTANT`; the name of a class has no case.
    fn class(&mut self, class: &ClassDecl<'_, '_>, here: &Conditions) {
        let Some(name) = class.name.as_ref().and_then(php_ast::Ident::as_str) else { return };
        let name = name.to_ascii_lowercase();
        self.set_once(&format!("class {name}"), &[Candidate::always(Value::Bool(true), 0)], here);
        for member in &*class.body.members {
            let (key, value) = match &member.kind {
                ClassMemberKind::Property(property) => {
                    (format!("{name}::${}", property.name.or_error()), property.default.as_ref())
                }
                ClassMemberKind::ClassConst(constant) => {
                    (format!("{name}::{}", constant.name.or_error()), Some(&constant.value))
                }
                _ => continue,
            };
            if let Some(value) = value {
                let values = self.evaluate(value, here);
                self.set(&key, &values, here);
            }
        }
    }

    fn branches(&mut self, branches: &IfStmt<'_, '_>, here: &Conditions) {
        let otherwise = branches.elseif_branches.iter().map(|branch| (Some(&branch.condition), &branch.body));
        let first = std::iter::once((Some(&branches.condition), branches.then_branch));
        let last = branches.else_branch.into_iter().map(|body| (None, body));
        // One arm more than there are branches, for none of them; with an `else` there is no such one.
        let count = 2 + branches.elseif_branches.len();
        let Some(fork) = self.fork() else { return };
        for (arm, (condition, body)) in first.chain(otherwise).chain(last).enumerate() {
            let truth = condition.and_then(|condition| self.literal_truth(condition));
            if truth == Some(false) {
                continue;
            }
            if arm == 0 && truth == Some(true) {
                self.statement(body, here);
                return;
            }
            if let Some(condition) = condition {
                self.evaluate(condition, here);
            }
            let Some(here) = here.within(Arms::none(fork, count).or(arm)) else { continue };
            let exempt = condition.and_then(|condition| undefined(condition, false));
            let is_exempt = exempt.is_some();
            self.exempt.extend(exempt.map(|name| (name.to_owned(), fork)));
            self.statement(body, &here);
            if is_exempt {
                self.exempt.pop();
            }
        }
    }

    fn switch(&mut self, switch: &SwitchStmt<'_, '_>, here: &Conditions) {
        let Some(fork) = self.fork() else { return };
        let none = Arms::none(fork, switch.body.cases.len() + 1);
        let mut arms = none;
        for (index, case) in switch.body.cases.iter().enumerate() {
            arms = arms.or(index);
            if let Some(here) = here.within(arms) {
                self.statements(&case.body, &here);
            }
            let ends = |statement: &Stmt<'_, '_>| {
                matches!(statement.kind, StmtKind::Break(_) | StmtKind::Return(_) | StmtKind::Continue(_))
            };
            // Without one of these it goes on with the next case.
            if case.body.iter().any(ends) {
                arms = none;
            }
        }
    }

    /// A body that is run or not.
    fn perhaps(&mut self, body: &Stmt<'_, '_>, here: &Conditions) {
        if let Some(here) = self.fork().and_then(|fork| here.within(Arms::none(fork, 2).or(0))) {
            self.statement(body, &here);
        }
    }

    /// `a or b` and `a and b` as statements: `defined('X') || define('X', ...)`.
    pub(super) fn short_circuit(
        &mut self,
        left: &Expr<'_, '_>,
        is_or: bool,
        right: &Expr<'_, '_>,
        here: &Conditions,
    ) {
        self.evaluate(left, here);
        let Some(fork) = self.fork() else { return };
        let Some(here) = here.within(Arms::none(fork, 2).or(0)) else { return };
        let exempt = undefined(left, is_or);
        let is_exempt = exempt.is_some();
        self.exempt.extend(exempt.map(|name| (name.to_owned(), fork)));
        self.evaluate(right, &here);
        if is_exempt {
            self.exempt.pop();
        }
    }

    /// A new fork, unless there were too many.
    pub(super) fn fork(&mut self) -> Option<u32> {
        if self.forks >= FORKS_MAX {
            self.is_cut_short = true;
            return None;
        }
        self.forks += 1;
        Some(self.forks)
    }

    /// Notes that another file is read, unless it is the program itself, which sets no database.
    pub(super) fn note_elsewhere(&mut self, what: &Expr<'_, '_>, line: u32) {
        if !ends_in_one_of(what, PROGRAMS) {
            self.elsewhere.push(line);
        }
    }
}

/// What a configuration starts at its end, or builds its own paths with.
const PROGRAMS: &[&str] = &["wp-settings.php", "autoload.php", "app/Mage.php"];

fn ends_in_one_of(what: &Expr<'_, '_>, names: &[&str]) -> bool {
    match &what.kind {
        ExprKind::String(bytes) => {
            bytes.to_str().is_some_and(|text| names.iter().any(|name| text.ends_with(name)))
        }
        ExprKind::Binary(binary) if binary.op == BinaryOp::Concat => matches!(
            &binary.right.kind,
            ExprKind::String(bytes)
                if bytes.to_str().is_some_and(|text| names.iter().any(|name| text.ends_with(name)))
        ),
        ExprKind::Parenthesized(inner) => match &inner.kind {
            ExprKind::Parenthesized(_) => false,
            _ => ends_in_one_of(inner, names),
        },
        _ => false,
    }
}

/// The constant of `!defined('X')`; where `is_negated`, of `defined('X')`.
fn undefined<'e>(condition: &'e Expr<'_, '_>, is_negated: bool) -> Option<&'e str> {
    let (mut condition, mut is_negated) = (condition, is_negated);
    for _ in 0..8 {
        match &condition.kind {
            ExprKind::Parenthesized(inner) => condition = inner,
            ExprKind::UnaryPrefix(unary) if unary.op == UnaryPrefixOp::BooleanNot => {
                is_negated = !is_negated;
                condition = unary.operand;
            }
            ExprKind::FunctionCall(call) if is_negated => {
                let ExprKind::Name(name) = &call.name.kind else { return None };
                let is_defined =
                    name.parts_slice().last().is_some_and(|name| name.eq_ignore_ascii_case("defined"));
                let ArgKind::Value(argument) = &call.args.first()?.kind else { return None };
                let ExprKind::String(bytes) = &argument.kind else { return None };
                return if is_defined { bytes.to_str() } else { None };
            }
            _ => return None,
        }
    }
    None
}
