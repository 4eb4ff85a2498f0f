//! The brackets around what stands before a dot, an index or arguments: `(a or b).get()`. They belong to it wherever it goes,
//! and the tree leaves them out of its range.

use std::collections::BTreeMap;

use crate::parse::ParsedModule;
use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_python_ast::visitor::source_order::{SourceOrderVisitor, walk_expr};
use ruff_python_ast::{Expr, ExprRef};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::parse::with_deep_stack;

/// What stands before the dot, the index or the arguments of `expr`, an attribute, a subscript or a call of a module with
/// these `tokens`: the expression, and its range with the brackets around it. `None` for other expressions.
pub fn object<'e>(tokens: &Tokens, expr: ExprRef<'e>) -> Option<(&'e Expr, TextRange)> {
    let (object, after) = match expr {
        ExprRef::Attribute(it) => (&*it.value, it.attr.start()),
        ExprRef::Subscript(it) => (&*it.value, it.slice.start()),
        ExprRef::Call(it) => (&*it.func, it.arguments.start()),
        _ => return None,
    };
    // Such an expression begins with what stands first in it: only brackets come before.
    if expr.start() == object.start() {
        return Some((object, object.range()));
    }
    let within = |start: TextSize, end: TextSize, kind: TokenKind| {
        let from = tokens.partition_point(|it| it.start() < start);
        let tokens = tokens[from..].iter().take_while(move |it| it.end() <= end);
        tokens.filter(move |it| it.kind() == kind)
    };
    let opened = within(expr.start(), object.start(), TokenKind::Lpar).count();
    let mut closed = within(object.end(), after, TokenKind::Rpar);
    let last = closed.nth(opened.saturating_sub(1));
    let end = last.map_or(object.end(), Ranged::end);
    Some((object, TextRange::new(expr.start(), end)))
}

/// The ranges with their brackets, by the ranges without.
pub(crate) struct Brackets {
    found: BTreeMap<(TextSize, TextSize), TextRange>,
}

impl Brackets {
    /// Finds all in a module.
    pub(crate) fn new(parsed: &ParsedModule) -> Self {
        let mut finder = Finder {
            tokens: parsed.tokens(),
            found: BTreeMap::new(),
        };
        with_deep_stack(|| finder.visit_body(&parsed.syntax().body));
        Brackets {
            found: finder.found,
        }
    }

    /// The range with the brackets around it, where these lie in `limit`.
    pub(crate) fn around(&self, range: TextRange, limit: TextRange) -> TextRange {
        let found = self.found.get(&(range.start(), range.end()));
        let found = found.filter(|it| limit.contains_range(**it));
        found.copied().unwrap_or(range)
    }
}

struct Finder<'t> {
    tokens: &'t Tokens,
    found: BTreeMap<(TextSize, TextSize), TextRange>,
}

impl SourceOrderVisitor<'_> for Finder<'_> {
    fn visit_expr(&mut self, expr: &Expr) {
        if let Some((object, whole)) = object(self.tokens, expr.into())
            && object.range() != whole
        {
            self.found.insert((object.start(), object.end()), whole);
        }
        walk_expr(self, expr);
    }
}
