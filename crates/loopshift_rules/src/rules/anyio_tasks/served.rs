//! Handlers of connections that make tasks: the server is given them with the group.

use std::collections::BTreeMap;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::edit::{Edit, pieces};

use crate::common::arguments::add_argument;
use crate::context::{Context, View};

const APIS: &[&str] = &["asyncio.start_server", "asyncio.start_unix_server"];

/// The calls that start servers, with the functions that hold them.
pub(super) fn sites(cx: &Context<'_>) -> BTreeMap<Place, FuncId> {
    let servers = cx.uses.iter().filter(|use_| APIS.contains(&&*use_.api));
    let calls = servers.filter_map(|use_| {
        let view = cx.view(use_.place.file)?;
        let call = view.call_of(use_.place.range)?;
        handler(cx, view, call)?;
        Some((view.place(call), cx.program.function_at(use_.place)))
    });
    calls.collect()
}

/// The handler that a call starts a server with; none for other calls.
pub(super) fn handler<'v>(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &'v ExprCall,
) -> Option<&'v Expr> {
    let api = cx.api_of(view, &call.func)?;
    let handler = call
        .arguments
        .find_argument_value("client_connected_cb", 0)?;
    let can_take = match handler {
        Expr::Name(_) | Expr::Attribute(_) => true,
        Expr::Call(made) => {
            cx.api_of(view, &made.func) == Some("functools.partial")
                && !made.arguments.args.iter().any(Expr::is_starred_expr)
        }
        _ => false,
    };
    (APIS.contains(&api) && can_take).then_some(handler)
}

/// Gives a handler the group as the argument of that name.
pub(super) fn edit(
    change: &mut Change,
    view: &View<'_>,
    handler: &Expr,
    parameter: &str,
    group: &str,
) {
    if let Expr::Call(partial) = handler {
        add_argument(change, view, partial, format!("{parameter}={group}"));
        return;
    }
    let range = handler.range();
    let name = view.text(range);
    let mut with_group = pieces("{@functools}.partial(", &[]);
    with_group.push(format!("{name}, {parameter}={group})").into());
    let edit = Edit::Replace {
        range,
        pieces: with_group,
    };
    change.edits.push((view.file, edit));
}
