//! `asyncio.run(main(…))` becomes `anyio.run(main, …)`.
//!
//! `anyio.run` takes a function and its positional arguments; its keywords are its own.

use loopshift_engine::change::Change;
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use crate::context::{Bound, Context, View};

const RULE: &str = "anyio-run";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for (use_, api, view) in cx.uses_for(RULE) {
        if use_.api != "asyncio.run" {
            continue;
        }
        let decline = |reason: &str| Change::declined(RULE, use_.place, &*use_.api, reason);
        let Some(call) = view.call_of(use_.place.range) else {
            changes.push(decline(
                "it is passed on as a function, and AnyIO's takes no coroutine",
            ));
            continue;
        };
        if !use_.only || !view.is_direct(&call.func) {
            changes.push(decline(
                "it is called through a variable that may hold something else",
            ));
            continue;
        }
        let bound = match cx.bind(api, call) {
            Ok(bound) => bound,
            Err(error) => {
                changes.push(decline(&error.to_string()));
                continue;
            }
        };
        let Some(main) = bound.get("main") else {
            changes.push(decline("there is no coroutine"));
            continue;
        };
        let mut change = Change::new(
            RULE,
            use_.place,
            &*use_.api,
            "`asyncio.run` becomes `anyio.run`",
        );
        let mut pieces = match runnable(cx, view, main) {
            Ok(pieces) => pieces,
            Err(reason) => {
                changes.push(decline(reason));
                continue;
            }
        };
        pieces.extend(options(&bound));
        change.edit(Edit::replace(call.func.range(), "{@anyio}.run", &[]));
        change.edit(Edit::Replace {
            range: inside(call),
            pieces,
        });
        changes.push(change);
    }
}

/// What stands between the brackets of a call.
pub(super) fn inside(call: &ExprCall) -> TextRange {
    let range = call.arguments.range();
    TextRange::new(
        range.start() + loopshift_python::TextSize::new(1),
        range.end() - loopshift_python::TextSize::new(1),
    )
}

/// The function and arguments that make the coroutine `main`, as `anyio.run` and its like take them.
///
/// # Errors
/// Why it can't be said.
pub(super) fn runnable(
    cx: &Context<'_>,
    view: &View<'_>,
    main: &Expr,
) -> Result<Vec<Piece>, &'static str> {
    let Expr::Call(call) = main else {
        // A coroutine made before: a lambda hands it over once it runs.
        let is_coroutine = cx
            .program
            .values_at(view.place(main))
            .all(|value| matches!(value, Value::Coroutine(_)));
        if !is_coroutine || cx.program.node_at(view.place(main)) == loopshift_engine::ir::Node::NONE
        {
            return Err("it is not known to be given a coroutine");
        }
        return Ok(vec!["lambda: ".into(), main.range().into()]);
    };
    let mut any = false;
    for value in cx.program.values_at(view.place(main)) {
        any = true;
        if !matches!(
            value,
            Value::Coroutine(_) | Value::Awaitable(_) | Value::Unknown(_) | Value::External(_)
        ) {
            return Err("what it runs is not the coroutine of an `async def`");
        }
    }
    let callee_known = cx
        .program
        .values_at(view.place(&*call.func))
        .all(|value| !matches!(value, Value::Unknown(_)));
    if !any || !callee_known {
        return Err("what it runs is not known to be the coroutine of an `async def`");
    }
    let mut pieces: Vec<Piece> = Vec::new();
    let arguments = &call.arguments;
    let partial = !arguments.keywords.is_empty();
    if partial {
        pieces.extend(loopshift_python::edit::pieces("{@functools:partial}(", &[]));
    }
    pieces.push(call.func.range().into());
    if !arguments.is_empty() {
        pieces.push(", ".into());
        // As they stand, with their comments and line ends.
        let inner = inside(call);
        let last = arguments
            .iter_source_order()
            .map(|argument| argument.range().end())
            .max()
            .unwrap_or(inner.end());
        pieces.push(TextRange::new(inner.start(), last).into());
    }
    if partial {
        pieces.push(")".into());
    }
    Ok(pieces)
}

/// `debug` and `loop_factory` are options of the asyncio backend.
fn options(bound: &Bound<'_>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for name in ["debug", "loop_factory"] {
        if let Some(value) = bound.get(name)
            && !value.is_none_literal_expr()
        {
            pieces.push(
                if pieces.is_empty() {
                    ", backend_options={"
                } else {
                    ", "
                }
                .into(),
            );
            pieces.push(format!("\"{name}\": ").into());
            pieces.push(value.range().into());
        }
    }
    if !pieces.is_empty() {
        pieces.push("}".into());
    }
    pieces
}
