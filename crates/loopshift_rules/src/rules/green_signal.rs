//! What gevent calls on a signal, the event loop calls.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::graph::functions;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use crate::catalog::{Api, Kind};
use crate::common::code::Reach;
use crate::common::green::{Needs, becomes_async, each, helper};
use crate::common::shared::is_statement;
use crate::context::{Context, View};

const RULE: &str = "green-signal";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    each(cx, RULE, changes, |use_, api, view| {
        moved(cx, use_, api, view)
    });
    if cx.mentions("signal") {
        wake(cx, changes);
    }
}

/// Handlers that Python itself calls, whatever runs: they must leave to the event loop what has to do with it, and wake it.
fn wake(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let flow = &cx.program.flow;
    let is_signal =
        |value| matches!(value, Value::External(sym) if flow.text(sym) == "signal.signal");
    let calls = cx.program.calls();
    let calls = calls.filter(|(_, call)| flow.values_of(call.callee).any(is_signal));
    let calls: Vec<_> = calls.collect();
    if calls.is_empty() {
        return;
    }
    let using = cx
        .uses
        .iter()
        .map(|use_| cx.program.function_at(use_.place));
    let using: BTreeSet<FuncId> = using.collect();
    let reach = cx.once(Reach::new);
    for (file, call) in calls {
        let Some(view) = cx.view(file) else { continue };
        let expr = view.tree.expr_at(call.range).and_then(Expr::as_call_expr);
        let Some([_, handler]) = expr.map(|it| &*it.arguments.args) else {
            continue;
        };
        let values = cx.program.values_at(view.place(handler));
        if reach.from(functions(flow, values)).is_disjoint(&using) {
            continue;
        }
        let place = view.place(handler);
        let message = "the event loop calls the handler, and wakes for it";
        let mut change = Change::new(RULE, place, "signal.signal", message);
        let Some(helper) = helper("in_loop") else {
            continue;
        };
        change.edit(Edit::Replace {
            range: TextRange::empty(handler.start()),
            pieces: vec![Piece::Helper(helper), "(".into()],
        });
        change.edit(Edit::insert(handler.end(), ")", &[]));
        changes.push(change);
    }
}

fn moved(cx: &Context<'_>, use_: &Use, api: &Api, view: &View<'_>) -> Result<Change, String> {
    let message = format!("`{}` becomes a handler of the event loop", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    if use_.member || api.kind == Kind::Method {
        // What takes the place of the object has it.
        return Ok(change);
    }
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function")?;
    if !use_.only {
        return Err("it is called through a variable that may hold something else".to_owned());
    }
    let handler = match &*call.arguments.args {
        [number, handler, ..] if !number.is_starred_expr() && !handler.is_starred_expr() => handler,
        _ => return Err("its signal and its handler are not its first arguments".to_owned()),
    };
    if serves(cx) {
        return Err("the server in place of the program's has handlers of its own".to_owned());
    }
    let owner = cx.program.function_at(view.place(call));
    cx.once(Needs::new).entries(cx, owner)?;
    let waits = becomes_async(cx, view, handler)?;
    change.covers.push(view.place(handler));
    let plain = !waits && is_statement(view, call) && call.arguments.keywords.is_empty();
    // A loop has one handler for each signal: the class lets all be called that were given to it.
    let plain = plain && cx.once(Alone::new).0;
    let mut text = if plain {
        pieces("{@asyncio}.get_running_loop().add_signal_handler", &[])
    } else {
        vec![Piece::Helper(
            helper("Signal").ok_or("a helper is missing")?,
        )]
    };
    text.push(Piece::Source(call.arguments.range()));
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: text,
    });
    Ok(change)
}

/// Whether the program serves the web: what serves it then ends on signals by itself.
fn serves(cx: &Context<'_>) -> bool {
    let mut uses = cx.uses.iter();
    uses.any(|use_| {
        let row = cx.catalog.get(&use_.api);
        row.is_some_and(|row| row.rule.as_deref() == Some("green-wsgi"))
    })
}

/// Whether no signal of the program gets a second handler.
struct Alone(bool);

impl Alone {
    fn new(cx: &Context<'_>) -> Alone {
        let mut handlers = cx.uses_for(RULE).filter_map(|(use_, api, view)| {
            let is_object = use_.member || api.kind == Kind::Method;
            let call = view.call_of(use_.place.range).filter(|_| !is_object)?;
            Some((view, call))
        });
        Alone(handlers.all(|(view, call)| is_alone(cx, view, call)))
    }
}

/// Whether the signal gets no other handler.
fn is_alone(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let signal = |view: &View<'_>, call: &ExprCall| {
        let text = call.arguments.args.first().map(|it| view.text(it.range()));
        text.and_then(|text| text.rsplit('.').next().map(str::to_owned))
    };
    let name = signal(view, call);
    let same = cx.uses_for(RULE).filter(|(use_, _, view)| {
        let call = view.call_of(use_.place.range);
        call.is_some_and(|call| signal(view, call) == name)
    });
    same.count() == 1 && is_once(cx, view.place(call), name.as_deref(), 4)
}

/// Whether the program comes to this place once, or with another value of the variable each time.
fn is_once(cx: &Context<'_>, place: Place, variable: Option<&str>, depth: usize) -> bool {
    let Some(view) = cx.view(place.file).filter(|_| depth > 0) else {
        return false;
    };
    for node in view.tree.around(place.range) {
        match node {
            AnyNodeRef::StmtFor(it) if Some(view.text(it.target.range())) == variable => {}
            AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_) | AnyNodeRef::Comprehension(_) => {
                return false;
            }
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) => break,
            _ => {}
        }
    }
    let func = cx.program.function_at(place);
    if cx.program.function(func).kind == FunctionKind::Module {
        return true;
    }
    let sites = cx.callers.of(func);
    match sites {
        [site] => site.owner != FuncId::NONE && is_once(cx, site.place, None, depth - 1),
        _ => false,
    }
}
