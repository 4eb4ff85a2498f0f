//! What is put around an expression that the rule of colours may await.

use loopshift_engine::graph::functions;
use loopshift_python::ast::Expr;
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange, TextSize};

use super::is_coloured;
use crate::context::{Context, View};

/// Whether an expression is a call of what becomes async, so that it is awaited.
pub(crate) fn is_awaited(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    matches!(expr, Expr::Call(call) if calls_coloured(cx, view, &call.func))
}

/// Whether calling what an expression gives may run what becomes async.
pub(crate) fn calls_coloured(cx: &Context<'_>, view: &View<'_>, callee: &Expr) -> bool {
    let values = cx.program.values_at(view.place(callee));
    functions(&cx.program.flow, values).any(|func| is_coloured(cx, func))
}

/// The expression as what `helper` is given. Where it is awaited, `await` stands at its start, and what goes around both
/// takes the place of the space before.
///
/// # Errors
/// Where it is awaited and no space is before it, in words.
pub(crate) fn given_to(
    cx: &Context<'_>,
    view: &View<'_>,
    helper: Piece,
    expr: &Expr,
) -> Result<Vec<Edit>, String> {
    let range = expr.range();
    if !is_awaited(cx, view, expr) {
        let pieces = vec![helper, "(".into(), range.into(), ")".into()];
        return Ok(vec![Edit::Replace { range, pieces }]);
    }
    let before = &view.source[..range.start().to_usize()];
    if !before.ends_with(' ') {
        return Err("what makes it waits there: give it a name in a statement before".to_owned());
    }
    let pieces = vec![" ".into(), helper, "(".into()];
    let range = TextRange::new(range.start() - TextSize::of(' '), range.start());
    Ok(vec![
        Edit::Replace { range, pieces },
        Edit::insert(expr.end(), ")", &[]),
    ])
}
