//! What the tests of this crate share.
#![allow(dead_code, missing_docs, unreachable_pub)]

use loopshift_python::ast::Stmt;
use loopshift_python::edit::{Edit, Piece, Wrap, pieces};
use loopshift_python::parse::parse_module;
use loopshift_python::render::{Conflict, render};
use loopshift_python::{ParsedModule, PythonVersion, Ranged, TextRange, TextSize};

pub fn parse(source: &str) -> ParsedModule {
    parse_module(source, PythonVersion::latest())
        .unwrap_or_else(|error| panic!("{error}\n{source}"))
}

/// The range of the only `needle` in `source`.
pub fn at(source: &str, needle: &str) -> TextRange {
    let mut found = source.match_indices(needle);
    let (start, _) = found
        .next()
        .unwrap_or_else(|| panic!("no {needle:?} in {source:?}"));
    assert!(found.next().is_none(), "several {needle:?} in {source:?}");
    TextRange::at(TextSize::new(start as u32), TextSize::of(needle))
}

/// Renders, and checks that the result parses.
pub fn apply(source: &str, edits: &[Edit]) -> String {
    let after = try_apply(source, edits).unwrap_or_else(|it| panic!("{it}: {edits:#?}"));
    parse(&after);
    after
}

pub fn try_apply(source: &str, edits: &[Edit]) -> Result<String, Conflict> {
    render(source, &parse(source), edits)
}

pub fn replace(source: &str, needle: &str, text: &'static str) -> Edit {
    Edit::replace(at(source, needle), text, &[])
}

pub fn delete(source: &str, needle: &str) -> Edit {
    Edit::DeleteStatement {
        range: at(source, needle),
    }
}

pub fn before(source: &str, needle: &str, text: &'static str) -> Edit {
    Edit::insert(at(source, needle).start(), text, &[])
}

pub fn behind(source: &str, needle: &str, text: &'static str) -> Edit {
    Edit::insert(at(source, needle).end(), text, &[])
}

/// `with w:` around the statements from the one that starts at `first` to the one that ends with `last`.
pub fn wrap(source: &str, first: &str, last: &str) -> Edit {
    wrap_in(source, first, last, "with w:")
}

pub fn wrap_in(source: &str, first: &str, last: &str, header: &'static str) -> Edit {
    Edit::Wrap(Wrap {
        range: TextRange::new(at(source, first).start(), at(source, last).end()),
        before: Vec::new(),
        header: pieces(header, &[]),
        last: Vec::new(),
        after: Vec::new(),
    })
}

pub fn line(text: &'static str) -> Vec<Piece> {
    pieces(text, &[])
}

/// All statement lists of a module.
pub fn suites(body: &[Stmt]) -> Vec<&[Stmt]> {
    use loopshift_python::ast::ExceptHandler;
    let mut out = vec![body];
    let mut at = 0;
    while at < out.len() {
        for stmt in out[at] {
            match stmt {
                Stmt::FunctionDef(it) => out.push(&it.body),
                Stmt::ClassDef(it) => out.push(&it.body),
                Stmt::With(it) => out.push(&it.body),
                Stmt::For(it) => out.extend([&it.body[..], &it.orelse]),
                Stmt::While(it) => out.extend([&it.body[..], &it.orelse]),
                Stmt::If(it) => {
                    out.push(&it.body);
                    out.extend(it.elif_else_clauses.iter().map(|it| &it.body[..]));
                }
                Stmt::Try(it) => {
                    out.extend([&it.body[..], &it.orelse, &it.finalbody]);
                    for ExceptHandler::ExceptHandler(handler) in &it.handlers {
                        out.push(&handler.body);
                    }
                }
                Stmt::Match(it) => out.extend(it.cases.iter().map(|it| &it.body[..])),
                _ => {}
            }
        }
        at += 1;
    }
    out.retain(|it| !it.is_empty());
    out
}

pub fn range_of(stmts: &[Stmt]) -> TextRange {
    TextRange::new(stmts[0].start(), stmts[stmts.len() - 1].end())
}

/// Checks what the edits make of `source`.
pub fn check(source: &str, edits: &[Edit], expected: &str) {
    let after = apply(source, edits);
    assert!(
        after == expected,
        "--- source\n{source}--- got\n{after}--- expected\n{expected}---\n{after:?}"
    );
}
