//! Child processes: what waits for one, or for its pipes, waits in a thread.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Helper, Import, Piece};

use super::green_blocking::{by, in_thread};
use super::green_colour::call_until;
use crate::catalog::{Api, Kind};
use crate::common::green::{CutShort, anchor, each, helper, waits};
use crate::common::objects::receiver;
use crate::context::{Context, View};

mod timed;

const RULE: &str = "green-subprocess";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    entered(cx, changes);
    each(cx, RULE, changes, |use_, api, view| {
        moved(cx, use_, api, view)
    });
}

/// Why a process that is entered as a context stays.
const LEFT: &str = "leaving it waits for the process; `wait` for it by itself";

/// Processes in a `with`, whose end waits for them.
fn entered(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let class_of = |value| match value {
        Value::Object(class, _) => Some(cx.program.flow.text(class)),
        _ => None,
    };
    let is_process = |value| class_of(value).is_some_and(|it| it.ends_with(".subprocess.Popen"));
    // In most programs there are none.
    if !cx.program.flow.values.iter().any(is_process) {
        return;
    }
    for view in cx.views() {
        for node in view.tree.nodes() {
            let AnyNodeRef::WithItem(item) = node else {
                continue;
            };
            let place = view.place(&item.context_expr);
            let class = cx.program.values_at(place).find_map(class_of);
            if let Some(class) = class.filter(|it| it.ends_with(".subprocess.Popen")) {
                changes.push(Change::declined(
                    RULE,
                    place,
                    format!("{class}.__exit__"),
                    LEFT,
                ));
            }
        }
    }
}

fn moved(cx: &Context<'_>, use_: &Use, api: &Api, view: &View<'_>) -> Result<Change, String> {
    let name = use_.api.rsplit('.').next().unwrap_or_default();
    if let Some(why_not) = api.why_not.as_deref() {
        return Err(why_not.to_owned());
    }
    if !use_.only {
        return Err("it may be something else than a child process".to_owned());
    }
    match name {
        "__next__" => return Err("it is asked for its next line by itself".to_owned()),
        "__exit__" => return Err(LEFT.to_owned()),
        _ => {}
    }
    if name == "readline"
        && let Some(call) = call_until(cx, view, use_.place.range)
    {
        return lines(cx, use_, view, call);
    }
    if waits(api) || api.blocks {
        let call = view.call_of(use_.place.range);
        let call = call.ok_or("it is passed on as a function")?;
        if let Some(helper) = in_turns(cx, use_, call) {
            let message = format!("`{}` looks again and again", use_.api);
            let opens = vec!["await ".into(), Piece::Helper(helper), "(".into()];
            let process = receiver(view, use_.place.range).ok_or("its process was not found")?;
            let process = vec![process.range().into()];
            return by(cx, use_, view, RULE, message, opens, process);
        }
        let mut caveats = Change::new(RULE, use_.place, &*use_.api, "");
        let function = function(cx, use_, call);
        let function = timed::in_time(cx, call, &use_.api, function, &mut caveats);
        let mut change = in_thread(cx, use_, view, RULE, function)?;
        for what in caveats.caveats {
            change.caveat(what);
        }
        goes_on(cx, use_.place, &mut change);
        return Ok(change);
    }
    let mut change = Change::new(RULE, use_.place, &*use_.api, format!("`{name}` stays"));
    if api.kind == Kind::Class && cx.recipe.moves(&use_.api) {
        made(cx, use_, api, view, &mut change)?;
    }
    Ok(change)
}

/// The helper for a wait that may be cut short, after which nothing may go on in a thread.
fn in_turns(cx: &Context<'_>, use_: &Use, call: &ExprCall) -> Option<&'static Helper> {
    let timed =
        |call: &ExprCall, place: usize| call.arguments.find_argument("timeout", place).is_some();
    let input = call.arguments.find_argument("input", 0);
    let (name, place) = if use_.api.ends_with(".Popen.communicate") {
        // The standard library forgets the rest of the input where it goes on.
        if input.is_some_and(|it| !it.value().is_none_literal_expr()) {
            return None;
        }
        ("communicate", 1)
    } else if use_.api.ends_with(".Popen.wait") {
        ("wait_process", 0)
    } else {
        return None;
    };
    let is_cut = cx.once(CutShort::new).reaches(cx, use_.place);
    helper(name).filter(|_| is_cut && !timed(call, place))
}

/// `iter(pipe.readline, "")`: the lines of the pipe up to its end.
fn lines(cx: &Context<'_>, use_: &Use, view: &View<'_>, call: &ExprCall) -> Result<Change, String> {
    let ends = match call.arguments.args.get(1) {
        Some(Expr::StringLiteral(it)) => it.value.is_empty(),
        Some(Expr::BytesLiteral(it)) => it.value.bytes().next().is_none(),
        _ => false,
    };
    let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    let (Some(Expr::Attribute(method)), Some(AnyNodeRef::StmtFor(it)), true) =
        (call.arguments.args.first(), view.tree.parent(expr), ends)
    else {
        return Err("only a `for` up to the end can go through its lines".to_owned());
    };
    let helper = helper("lines").ok_or("a helper is missing")?;
    let owner = cx.program.function_at(use_.place);
    let mut change = Change::new(RULE, use_.place, &*use_.api, "lines are read in a thread");
    change.requires.push(anchor(cx, owner));
    change.edit(Edit::insert(it.start(), "async ", &[]));
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: vec![
            Piece::Helper(helper),
            "(".into(),
            method.value.range().into(),
            ")".into(),
        ],
    });
    goes_on(cx, use_.place, &mut change);
    Ok(change)
}

/// Says what differs where the wait at a use may be cut short.
pub(super) fn goes_on(cx: &Context<'_>, place: Place, change: &mut Change) {
    if cx.once(CutShort::new).reaches(cx, place) {
        change.caveat("it goes on in its thread where the task is cancelled");
    }
}

/// The class: that of the standard library, which starts a process in the same way.
fn made<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
    change: &mut Change,
) -> Result<(), String> {
    let expr = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it can't be found")?;
    if view.call_of(expr.range()).is_some() {
        let (_, bound) = cx.direct_call(use_, api, view)?;
        if bound.get("threadpool").is_some() {
            return Err("it is given a pool of threads to fork in".to_owned());
        }
    } else if is_base(view, expr) {
        return Err("a class of the program derives from it".to_owned());
    }
    change.edit(Edit::Replace {
        range: expr.range(),
        pieces: plain(use_),
    });
    Ok(())
}

fn is_base(view: &View<'_>, expr: &Expr) -> bool {
    view.tree.ancestors(expr).any(|node| match node {
        AnyNodeRef::StmtClassDef(it) => it.bases().iter().any(|base| base.range() == expr.range()),
        _ => false,
    })
}

/// What runs in the thread.
fn function(cx: &Context<'_>, use_: &Use, call: &ExprCall) -> Vec<Piece> {
    if cx.recipe.moves(&use_.api) && !use_.member {
        return plain(use_);
    }
    vec![Piece::Source(call.func.range())]
}

/// The same name of the standard library.
fn plain(use_: &Use) -> Vec<Piece> {
    let name = use_.api.rsplit('.').next().unwrap_or_default();
    let import = Import {
        module: "subprocess".into(),
        name: None,
    };
    vec![Piece::Import(import), format!(".{name}").into()]
}
