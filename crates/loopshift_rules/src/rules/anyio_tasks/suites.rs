//! Statements and the lists they stand in: the smallest run of whole statements around several places.

use loopshift_python::ast::{ExceptHandler, Expr, Stmt};
use loopshift_python::{Ranged, TextRange};

/// A run of whole statements of one list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    /// The list.
    pub(crate) suite: &'a [Stmt],
    /// The first statement.
    pub(crate) first: usize,
    /// Behind the last statement.
    pub(crate) end: usize,
}

impl<'a> Run<'a> {
    /// The statements.
    pub(crate) fn stmts(&self) -> &'a [Stmt] {
        self.suite.get(self.first..self.end).unwrap_or_default()
    }

    /// From the start of the first to the end of the last.
    pub(crate) fn range(&self) -> TextRange {
        match (self.stmts().first(), self.stmts().last()) {
            (Some(first), Some(last)) => TextRange::new(first.start(), last.end()),
            _ => TextRange::default(),
        }
    }
}

/// The lists inside a statement, but not those of functions and classes defined there.
pub(crate) fn inner_suites(stmt: &Stmt) -> Vec<&[Stmt]> {
    match stmt {
        Stmt::If(it) => {
            let mut out: Vec<&[Stmt]> = vec![&it.body];
            out.extend(it.elif_else_clauses.iter().map(|clause| &clause.body[..]));
            out
        }
        Stmt::For(it) => vec![&it.body, &it.orelse],
        Stmt::While(it) => vec![&it.body, &it.orelse],
        Stmt::With(it) => vec![&it.body],
        Stmt::Match(it) => it.cases.iter().map(|case| &case.body[..]).collect(),
        Stmt::Try(it) => {
            let mut out: Vec<&[Stmt]> = vec![&it.body];
            for ExceptHandler::ExceptHandler(handler) in &it.handlers {
                out.push(&handler.body);
            }
            out.push(&it.orelse);
            out.push(&it.finalbody);
            out
        }
        _ => Vec::new(),
    }
}

/// The way from the body of a function down to the statement that holds `range`: lists, with the place in each.
fn path(body: &[Stmt], range: TextRange) -> Vec<(&[Stmt], usize)> {
    let mut out = Vec::new();
    let mut suites = vec![body];
    while let Some((suite, at)) = suites.iter().find_map(|suite| {
        let at = suite
            .iter()
            .position(|stmt| stmt.range().contains_range(range))?;
        Some((*suite, at))
    }) {
        out.push((suite, at));
        suites = inner_suites(&suite[at]);
    }
    out
}

/// The smallest run of statements in the body of a function that holds all the ranges.
pub(crate) fn hull<'a>(body: &'a [Stmt], ranges: &[TextRange]) -> Option<Run<'a>> {
    let paths: Vec<Vec<(&[Stmt], usize)>> = ranges.iter().map(|range| path(body, *range)).collect();
    let mut found = None;
    for depth in 0.. {
        let steps: Option<Vec<(&[Stmt], usize)>> =
            paths.iter().map(|path| path.get(depth).copied()).collect();
        let Some(steps) = steps else { break };
        let Some((suite, _)) = steps.first().copied() else {
            break;
        };
        if steps.iter().any(|(other, _)| !std::ptr::eq(*other, suite)) {
            break;
        }
        let places = steps.iter().map(|(_, at)| *at);
        let first = places.clone().min().unwrap_or(0);
        let end = places.max().unwrap_or(0) + 1;
        found = Some(Run { suite, first, end });
        if end - first > 1 {
            break;
        }
    }
    found
}

/// The expressions of a statement itself, without the lists inside it.
pub(crate) fn header(stmt: &Stmt) -> Vec<TextRange> {
    let exprs: Vec<&Expr> = match stmt {
        Stmt::If(it) => vec![&it.test],
        Stmt::For(it) => vec![&it.iter],
        Stmt::While(it) => vec![&it.test],
        Stmt::With(it) => it.items.iter().map(|item| &item.context_expr).collect(),
        Stmt::Match(it) => vec![&it.subject],
        Stmt::Try(_) | Stmt::FunctionDef(_) | Stmt::ClassDef(_) => Vec::new(),
        _ => return vec![stmt.range()],
    };
    exprs.into_iter().map(Ranged::range).collect()
}

/// Calls `visit` for every statement of the lists, also of those inside, but not in functions and classes.
pub(crate) fn each<'a>(stmts: &'a [Stmt], visit: &mut impl FnMut(&'a Stmt)) {
    for stmt in stmts {
        visit(stmt);
        for suite in inner_suites(stmt) {
            each(suite, visit);
        }
    }
}
