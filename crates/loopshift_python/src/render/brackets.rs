//! The brackets around what stands before a dot, an index or arguments: `(a or b).get()`. They belong to it wherever it goes,
//! and the tree leaves them out of its range.

use std::collections::BTreeMap;

use ruff_python_ast::visitor::source_order::{SourceOrderVisitor, walk_expr};
use ruff_python_ast::{Expr, ModModule};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::parse::with_deep_stack;

/// The ranges with their brackets, by the ranges without.
#[derive(Default)]
pub(super) struct Brackets {
    found: BTreeMap<(TextSize, TextSize), TextRange>,
}

impl Brackets {
    /// Finds all in a module.
    pub(super) fn new(source: &str, module: &ModModule) -> Self {
        let mut finder = Finder {
            source,
            found: BTreeMap::new(),
        };
        with_deep_stack(|| finder.visit_body(&module.body));
        Brackets {
            found: finder.found,
        }
    }

    /// The range with the brackets around it, where these lie in `limit`.
    pub(super) fn around(&self, range: TextRange, limit: TextRange) -> TextRange {
        let found = self.found.get(&(range.start(), range.end()));
        let found = found.filter(|it| limit.contains_range(**it));
        found.copied().unwrap_or(range)
    }
}

struct Finder<'s> {
    source: &'s str,
    found: BTreeMap<(TextSize, TextSize), TextRange>,
}

impl SourceOrderVisitor<'_> for Finder<'_> {
    fn visit_expr(&mut self, expr: &Expr) {
        let (object, after) = match expr {
            Expr::Attribute(it) => (&*it.value, it.attr.start()),
            Expr::Subscript(it) => (&*it.value, it.slice.start()),
            Expr::Call(it) => (&*it.func, it.arguments.start()),
            _ => return walk_expr(self, expr),
        };
        // Such an expression begins with what stands first in it: only brackets come before.
        if expr.start() < object.start() {
            let between = &self.source[TextRange::new(object.end(), after)];
            let opened = &self.source[TextRange::new(expr.start(), object.start())];
            let count = opened.matches('(').count();
            let last = between.match_indices(')').nth(count.saturating_sub(1));
            if let Some(end) = last.and_then(|(at, _)| TextSize::try_from(at + 1).ok()) {
                let whole = TextRange::new(expr.start(), object.end() + end);
                self.found.insert((object.start(), object.end()), whole);
            }
        }
        walk_expr(self, expr);
    }
}
