//! Annotations written as strings: `queue: "asyncio.Queue[int]"`.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_python::ast::visitor::source_order::{SourceOrderVisitor, walk_expr, walk_stmt};
use loopshift_python::ast::{Expr, ExprStringLiteral, Stmt};
use loopshift_python::{Ranged, TextRange, TextSize};
use memchr::memmem;

use super::{Family, Mention, mention};
use crate::context::{Context, View};

/// A string that names a class.
pub(crate) struct Written {
    /// The string.
    pub place: Place,
    /// The names in it.
    pub ranges: Vec<TextRange>,
    /// The clusters that the annotation speaks of.
    pub clusters: BTreeSet<usize>,
}

/// The string annotations of a file that name the class of the family.
pub(crate) fn written(cx: &Context<'_>, view: &View<'_>, family: &Family) -> Vec<Written> {
    let Some((module, name)) = family.ty.rsplit_once('.') else {
        return Vec::new();
    };
    // Also what stands for it has its name from it.
    if memmem::find(view.source.as_bytes(), name.as_bytes()).is_none() {
        return Vec::new();
    }
    let mut collector = Collector {
        module,
        name,
        spelled: BTreeSet::new(),
        strings: Vec::new(),
    };
    collector.visit_body(&view.parsed.syntax().body);
    let Collector {
        spelled, strings, ..
    } = collector;
    let mut out = Vec::new();
    for literal in strings {
        let Some(part) = literal.as_single_part_string() else {
            continue;
        };
        let content = part.content_range();
        let ranges: Vec<TextRange> = spelled
            .iter()
            .flat_map(|spelled| find(view.text(content), spelled))
            .map(|(start, end)| TextRange::new(content.start() + start, content.start() + end))
            .collect();
        if ranges.is_empty() {
            continue;
        }
        let clusters = match mention(cx, view, literal.range()) {
            Mention::Annotation(node) => family.of(cx, node),
            Mention::Test => BTreeSet::new(),
            _ => continue,
        };
        out.push(Written {
            place: view.place(literal),
            ranges,
            clusters,
        });
    }
    out
}

/// Where a dotted name stands in a text.
fn find(text: &str, name: &str) -> Vec<(TextSize, TextSize)> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name)
        .filter(|(at, _)| {
            let before = text[..*at].chars().next_back();
            let after = text[at + name.len()..].chars().next();
            !before.is_some_and(|c| word(c) || c == '.') && !after.is_some_and(word)
        })
        .filter_map(|(at, _)| {
            let start = TextSize::try_from(at).ok()?;
            let end = TextSize::try_from(at + name.len()).ok()?;
            Some((start, end))
        })
        .collect()
}

struct Collector<'n, 'a> {
    module: &'n str,
    name: &'n str,
    spelled: BTreeSet<String>,
    strings: Vec<&'a ExprStringLiteral>,
}

impl<'a> SourceOrderVisitor<'a> for Collector<'_, 'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => {
                for alias in &import.names {
                    if alias.name.as_str() == self.module {
                        let local = alias.asname.as_ref().unwrap_or(&alias.name);
                        self.spelled.insert(format!("{local}.{}", self.name));
                    }
                }
            }
            Stmt::ImportFrom(import) if import.module.as_deref() == Some(self.module) => {
                for alias in &import.names {
                    if alias.name.as_str() == self.name {
                        let local = alias.asname.as_ref().unwrap_or(&alias.name);
                        self.spelled.insert(local.to_string());
                    }
                }
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::StringLiteral(literal) = expr {
            self.strings.push(literal);
        }
        walk_expr(self, expr);
    }
}
