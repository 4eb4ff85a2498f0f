//! `asyncio.sleep` becomes `anyio.sleep`.
//!
//! `AnyIO` refuses negative delays (on trio always, on asyncio from 4.16) and gives no value.

use loopshift_engine::change::Change;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt};
use loopshift_python::edit::{Edit, Helper, Piece};
use loopshift_python::{Ranged, TextRange};

use crate::catalog::Api;
use crate::common::collected::references;
use crate::common::non_negative::is_non_negative;
use crate::common::shared::is_statement;
use crate::context::{Context, View};

const RULE: &str = "anyio-sleep";

/// `asyncio.sleep` where it is more than a wait: it gives a value back, and is passed on.
static SLEEP: Helper = Helper {
    name: "_sleep",
    source: "\
async def {name}(delay, result=None):
    \"\"\"Sleep, and give the result.\"\"\"
    await {@anyio}.sleep(max(delay, 0))
    return result
",
};

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for (use_, api, view) in cx.uses_for(RULE) {
        changes.push(
            moved(cx, use_, api, view)
                .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
}

fn moved(cx: &Context<'_>, use_: &Use, api: &Api, view: &View<'_>) -> Result<Change, String> {
    let message = "`asyncio.sleep` becomes `anyio.sleep`";
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let Some(call) = view.call_of(use_.place.range) else {
        let expr = view.tree.expr_at(use_.place.range);
        if !use_.only || !expr.is_some_and(|expr| view.is_direct(expr)) {
            return Err(
                "it is passed on through a variable that may hold something else".to_owned(),
            );
        }
        if expr.is_some_and(|expr| is_only_called(cx, view, expr) || is_wrapped(cx, view, expr)) {
            change.edit(Edit::replace(use_.place.range, "{@anyio}.sleep", &[]));
            return Ok(change);
        }
        if shows_names(cx) {
            return Err("it is passed on as a function where the names of functions are read, and its would be another".to_owned());
        }
        by_helper(&mut change, use_.place.range);
        return Ok(change);
    };
    let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
    if !use_.only || !view.is_direct(&call.func) {
        return Err("it is called through a variable that may hold something else".to_owned());
    }
    let delay = bound.get("delay").ok_or("there is no delay")?;
    if !bound.only(&["delay", "result"]) {
        return Err("it is given a loop".to_owned());
    }
    // Not awaited here, it is a coroutine that travels, and AnyIO's is one as well.
    let await_ = view.await_of(call.range());
    let result = bound.get("result");
    match (result, await_) {
        (None, _) => {}
        (Some(result), Some(await_)) if result.is_literal_expr() => {
            if is_statement(view, await_) {
                change.edit(Edit::delete(TextRange::new(delay.end(), result.end())));
            } else {
                // `(await anyio.sleep(0), "value")[1]`
                change.edit(Edit::insert(await_.start(), "(", &[]));
                let between = TextRange::new(delay.end(), result.start());
                change.edit(Edit::replace(between, "), ", &[]));
                change.edit(Edit::insert(call.end(), "[1]", &[]));
            }
        }
        // What it gives is what it was before the wait.
        (Some(_), _) => {
            by_helper(&mut change, call.func.range());
            return Ok(change);
        }
    }
    change.edit(Edit::replace(call.func.range(), "{@anyio}.sleep", &[]));
    if !is_non_negative(cx, view, delay) {
        change.edit(Edit::insert(delay.start(), "max(", &[]));
        change.edit(Edit::insert(delay.end(), ", 0)", &[]));
    }
    Ok(change)
}

fn by_helper(change: &mut Change, range: TextRange) {
    change.edit(Edit::Replace {
        range,
        pieces: vec![Piece::Helper(&SLEEP)],
    });
}

/// Whether a mock that takes its place calls it: `patch("app.asyncio.sleep", wraps=asyncio.sleep)`. It gets the arguments of the
/// calls that move.
fn is_wrapped(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let Some(AnyNodeRef::Keyword(keyword)) = view.tree.parent(expr) else {
        return false;
    };
    let is_its =
        (keyword.arg.as_ref()).is_some_and(|it| matches!(it.as_str(), "wraps" | "side_effect"));
    let call = view.tree.call_around(expr);
    is_its
        && call.is_some_and(|call| {
            let target = call.arguments.args.first();
            cx.api_of(view, &call.func) == Some("unittest.mock.patch")
                && target.is_some_and(|it| {
                    view.text(it.range())
                        .trim_matches(['"', '\''])
                        .ends_with("asyncio.sleep")
                })
        })
}

/// Whether a variable of this file is made of it that is only called with a delay, which is not below zero: `real = asyncio.sleep`.
fn is_only_called(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let Some(Stmt::Assign(assign)) = view.tree.enclosing_statement(expr.range()) else {
        return false;
    };
    // `real, waits = asyncio.sleep, []`
    let target = match (&*assign.targets, &*assign.value) {
        ([Expr::Tuple(targets)], Expr::Tuple(values)) if targets.len() == values.len() => values
            .iter()
            .position(|value| value.range() == expr.range())
            .map(|at| &targets.elts[at]),
        ([target], value) if value.range() == expr.range() => Some(target),
        _ => None,
    };
    let Some(Expr::Name(target)) = target else {
        return false;
    };
    let Some((scope, reads)) = references(view, target) else {
        return false;
    };
    let id = target.id.as_str();
    let is_own = |range: &TextRange| {
        let callee = view.tree.expr_at(*range);
        let call = callee.and_then(|callee| view.tree.parent(callee));
        matches!(call, Some(AnyNodeRef::ExprCall(call)) if call.func.range() == *range
            && call.arguments.keywords.is_empty()
            && matches!(&*call.arguments.args, [delay] if is_non_negative(cx, view, delay)))
    };
    let bindings = view.scopes.scopes[scope].bindings.get(id);
    bindings.is_some_and(|it| it.len() == 1)
        && reads.iter().all(is_own)
        && (view.tree.enclosing_function(assign.range()).is_some()
            || cx.views_naming([id]).all(|other| other.file == view.file))
}

/// Whether the program reads the names of functions.
fn shows_names(cx: &Context<'_>) -> bool {
    cx.views_naming(["__name__", "__qualname__"]).any(|view| {
        view.tree.exprs().any(|expr| {
            matches!(expr, Expr::Attribute(it) if matches!(it.attr.as_str(), "__name__" | "__qualname__"))
        })
    })
}
