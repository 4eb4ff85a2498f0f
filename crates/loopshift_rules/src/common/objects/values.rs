//! What becomes of a value that `AnyIO` does not give: `await event.wait()` is `True` in asyncio, `None` in `AnyIO`.

use loopshift_python::ast::visitor::source_order::{SourceOrderVisitor, walk_expr};
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange, TextSize};

use crate::context::View;

/// The edits that put the awaited call on a line of its own, and `value` where its result stood. None where that would
/// change the order in which things happen.
pub(crate) fn split(view: &View<'_>, await_: TextRange, value: &'static str) -> Option<Vec<Edit>> {
    let stmt = view.tree.enclosing_statement(await_)?;
    let whole: &Expr = match stmt {
        Stmt::Expr(it) => &it.value,
        Stmt::Assign(it) => &it.value,
        Stmt::AnnAssign(it) => it.value.as_deref()?,
        Stmt::Return(it) => it.value.as_deref()?,
        _ => return None,
    };
    if !whole.range().contains_range(await_) || shares_its_line(view, stmt) {
        return None;
    }
    let expr = view.tree.expr_at(await_)?;
    let operand = expr.as_await_expr()?.value.range();
    let conditional = view
        .tree
        .ancestors(expr)
        .take_while(|node| !node.is_statement())
        .any(|node| {
            matches!(
                node,
                AnyNodeRef::ExprBoolOp(_)
                    | AnyNodeRef::ExprIf(_)
                    | AnyNodeRef::ExprLambda(_)
                    | AnyNodeRef::ExprListComp(_)
                    | AnyNodeRef::ExprSetComp(_)
                    | AnyNodeRef::ExprDictComp(_)
                    | AnyNodeRef::ExprGenerator(_)
                    | AnyNodeRef::ExprNamed(_)
                    | AnyNodeRef::InterpolatedElement(_)
            )
        });
    if conditional {
        return None;
    }
    let mut before = Before {
        end: await_.start(),
        plain: true,
    };
    before.visit_expr(whole);
    if !before.plain {
        return None;
    }
    Some(vec![
        Edit::Replace {
            range: TextRange::empty(stmt.start()),
            pieces: vec!["await ".into(), Piece::Source(operand), "\n".into()],
        },
        Edit::Replace {
            range: await_,
            pieces: vec![value.into()],
        },
    ])
}

/// Whether another statement, or the header of a block, stands on the first line of the statement.
pub(crate) fn shares_its_line(view: &View<'_>, stmt: &Stmt) -> bool {
    let start = stmt.start().to_usize();
    let line = view.source[..start].rfind('\n').map_or(0, |at| at + 1);
    if !view.source[line..start].trim().is_empty() {
        return true;
    }
    let end = stmt.end().to_usize();
    let rest = view.source[end..].split('\n').next().unwrap_or("");
    rest.trim_start().starts_with(';')
}

/// Whether all that is evaluated before an offset is plain: names and literals.
struct Before {
    end: TextSize,
    plain: bool,
}

impl<'a> SourceOrderVisitor<'a> for Before {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if expr.start() >= self.end {
            return;
        }
        let around = expr.end() > self.end;
        let literal = expr.is_literal_expr() || expr.is_name_expr();
        if !around && !literal {
            self.plain = false;
        }
        walk_expr(self, expr);
    }
}
