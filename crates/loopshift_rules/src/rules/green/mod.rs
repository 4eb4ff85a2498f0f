//! What the rules for green threads share: where `await` may stand, and what needs a running event loop.

mod coroutine;
mod entry;
mod escaped;
mod helpers;
mod kept;
mod links;
mod named;
mod needs;

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::facts::Colour;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::Piece;
use loopshift_python::{Ranged, TextRange, TextSize};
use rustc_hash::FxHashMap;

pub(crate) use coroutine::{becomes_async, coroutine, coroutine_from, handed};
pub(crate) use entry::entry;
pub(crate) use escaped::Escaped;
pub(crate) use helpers::{helper, with_needs};
pub(crate) use kept::{kept, only_of, task_of, waits};
pub(crate) use links::{are_cut_short, are_followed};
pub(crate) use named::{awaited, named};
pub(crate) use needs::Needs;

use crate::context::{Context, View};

/// The place by which other changes require that a function becomes async, or that a module's body runs in an
/// event loop.
pub(crate) fn anchor(cx: &Context<'_>, func: FuncId) -> Place {
    let file = cx.program.function_file(func);
    let function = cx.program.function(func);
    let range = match function.kind {
        FunctionKind::Module => TextRange::empty(TextSize::new(0)),
        FunctionKind::Lambda => function.range,
        FunctionKind::Def => function.name_range,
    };
    Place { file, range }
}

/// Whether a function is async after the migration, or can't be and should.
pub(crate) fn is_coloured(cx: &Context<'_>, func: FuncId) -> bool {
    let facts = cx.facts();
    matches!(facts.colour(func), Colour::Becomes(_)) || !facts.causes(func).is_empty()
}

/// Who makes each call.
pub(crate) fn owners(cx: &Context<'_>) -> FxHashMap<Place, FuncId> {
    let calls = cx.program.calls();
    calls
        .map(|(file, call)| {
            let range = call.range;
            (Place { file, range }, call.owner)
        })
        .collect()
}

/// The function that is the body of a file.
pub(crate) fn body_of(cx: &Context<'_>, file: FileId) -> FuncId {
    cx.program.flow.linked.modules[file.0 as usize].body
}

/// The pieces around an expression that is awaited where it stands. `(await f()).x` needs brackets.
///
/// # Errors
/// Why it can't be awaited there.
pub(crate) fn around_await(
    view: &View<'_>,
    expr: &Expr,
) -> Result<(&'static str, &'static str), String> {
    if let Some(AnyNodeRef::ExprGenerator(_)) = view.tree.comprehension_around(expr) {
        return Err("it is called in a generator expression, which can't wait".to_owned());
    }
    Ok(if needs_brackets(view, expr) {
        ("(await ", ")")
    } else {
        ("await ", "")
    })
}

/// Whether an `await` in the place of the expression has to stand in brackets, and does not yet.
fn needs_brackets(view: &View<'_>, expr: &Expr) -> bool {
    let range = expr.range();
    let binds_tighter = match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprAttribute(_) | AnyNodeRef::ExprAwait(_)) => true,
        Some(AnyNodeRef::ExprSubscript(it)) => it.value.range() == range,
        Some(AnyNodeRef::ExprCall(it)) => it.func.range() == range,
        _ => false,
    };
    let before = view.source[..range.start().to_usize()].ends_with('(');
    let after = view.source[range.end().to_usize()..].starts_with(')');
    binds_tighter && !(before && after)
}

/// The pieces of a replacement that may begin with `await`, in brackets where these are needed.
pub(crate) fn bracketed(view: &View<'_>, expr: &Expr, mut pieces: Vec<Piece>) -> Vec<Piece> {
    if awaits(&pieces) && needs_brackets(view, expr) {
        pieces.insert(0, "(".into());
        pieces.push(")".into());
    }
    pieces
}

/// Whether the text begins with `await`.
pub(crate) fn awaits(pieces: &[Piece]) -> bool {
    matches!(pieces.first(), Some(Piece::Text(text)) if text.starts_with("await "))
}

/// Whether the sockets of an API are those of eventlet; those of the standard library are, where eventlet patches it.
pub(crate) fn is_of_eventlet(cx: &Context<'_>, api: &str) -> bool {
    match crate::recipe::root(api) {
        "eventlet" => true,
        "gevent" => false,
        _ => cx.uses.iter().any(|it| it.api.starts_with("eventlet.")),
    }
}
