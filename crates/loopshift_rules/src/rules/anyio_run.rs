//! Where an asynchronous program starts: `asyncio.run`, an event loop made by hand, a runner.
//!
//! `anyio.run` takes a function and its positional arguments; its keywords are its own.

mod entry;
mod layout;
mod outline;
mod runner;
mod several;
mod single;

use loopshift_engine::change::Change;
use loopshift_engine::flow::value::Value;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece};

use crate::catalog::Api;
pub(super) use crate::common::arguments::inside;
use crate::context::{Bound, Context, View};

const RULE: &str = "anyio-run";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for (use_, api, view) in cx.uses_for(RULE) {
        if use_.api == "asyncio.run" {
            changes.push(
                run(cx, use_, api, view).unwrap_or_else(|reason| {
                    Change::declined(RULE, use_.place, &*use_.api, reason)
                }),
            );
        }
    }
    entry::plan(cx, changes);
    runner::plan(cx, changes);
}

fn run(cx: &Context<'_>, use_: &Use, api: &Api, view: &View<'_>) -> Result<Change, String> {
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function, and AnyIO's takes no coroutine")?;
    if !use_.only || !view.is_direct(&call.func) {
        return Err("it is called through a variable that may hold something else".to_owned());
    }
    let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
    let main = bound.get("main").ok_or("there is no coroutine")?;
    let mut change = Change::new(
        RULE,
        use_.place,
        &*use_.api,
        "`asyncio.run` becomes `anyio.run`",
    );
    let mut pieces = runnable(cx, view, Some(call), main)?;
    pieces.extend(options(&bound));
    change.edit(Edit::replace(call.func.range(), "{@anyio}.run", &[]));
    change.edit(Edit::Replace {
        range: inside(call),
        pieces,
    });
    Ok(change)
}

/// The function and arguments that make the coroutine `main`, as `anyio.run` and its like take them; `outer` is the call
/// that holds nothing else, whose lines are kept.
///
/// # Errors
/// Why it can't be said.
pub(super) fn runnable(
    cx: &Context<'_>,
    view: &View<'_>,
    outer: Option<&ExprCall>,
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
    let of_asyncio = cx
        .api_of(view, &call.func)
        .is_some_and(|api| api.starts_with("asyncio.") && api != "asyncio.sleep");
    if of_asyncio {
        return Err("what it runs is asyncio's own: write an `async def` that awaits it");
    }
    let partial = !call.arguments.keywords.is_empty();
    Ok(layout::laid_out(view, outer, call, partial))
}

/// Whether a change hands over options that only the asyncio backend takes.
pub(crate) fn is_for_asyncio_only(change: &Change) -> bool {
    let options =
        |piece: &Piece| matches!(piece, Piece::Text(text) if text.contains("backend_options"));
    change.rule == RULE
        && change.edits.iter().any(|(_, edit)| match edit {
            Edit::Replace { pieces, .. } => pieces.iter().any(options),
            _ => false,
        })
}

/// `debug` and `loop_factory` are options of the asyncio backend. Debugging that is off needs none.
fn options(bound: &Bound<'_>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for name in ["debug", "loop_factory"] {
        let is_off = |value: &Expr| matches!(value, Expr::BooleanLiteral(it) if name == "debug" && !it.value);
        if let Some(value) = bound.get(name)
            && !value.is_none_literal_expr()
            && !is_off(value)
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
