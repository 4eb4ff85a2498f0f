//! Threads of a patched standard library are green threads, and become tasks.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt, StmtClassDef};
use loopshift_python::edit::{Edit, Piece};
use rustc_hash::FxHashMap;

use crate::catalog::{Api, Kind};
use crate::common::arguments::inside;
use crate::common::green::{LEFT_THREAD, anchor, bracketed, each, helper, owners, runs_no_library};
use crate::context::{Context, View};

const RULE: &str = "green-thread";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let owners = cx.once(owners);
    let left = *cx.once(are_left);
    each(cx, RULE, changes, |use_, api, view| {
        moved(cx, &owners, use_, api, view, left)
    });
}

fn moved<'c>(
    cx: &Context<'c>,
    owners: &FxHashMap<Place, FuncId>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
    left: bool,
) -> Result<Change, String> {
    let method = use_.api.rsplit('.').next().unwrap_or_default();
    let message = format!("`{method}` of threads that are tasks");
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    match (api.kind, method) {
        (Kind::Class, _) => made(cx, use_, api, view, left, &mut change)?,
        (Kind::Function, _) => {
            let (call, _) = cx.direct_call(use_, api, view)?;
            let thread = helper("Thread").ok_or("a helper is missing")?;
            change.edit(Edit::Replace {
                range: call.func.range(),
                pieces: vec![Piece::Helper(thread), ".current".into()],
            });
        }
        (Kind::Method, "start" | "join") => {
            if !use_.only {
                return Err("it is called on what may be something else".to_owned());
            }
            let call = view
                .call_of(use_.place.range)
                .ok_or("it is passed on as a function")?;
            let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
            let text = vec![
                "await ".into(),
                Piece::Source(call.func.range()),
                "(".into(),
                Piece::Source(inside(call)),
                ")".into(),
            ];
            change.edit(Edit::Replace {
                range: call.range(),
                pieces: bracketed(view, expr, text),
            });
            let owner = owners.get(&view.place(call));
            let owner = owner.ok_or("the function that waits was not found")?;
            change.requires.push(anchor(cx, *owner));
        }
        _ => {}
    }
    Ok(change)
}

/// The class: called, or derived from.
fn made<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
    left: bool,
    change: &mut Change,
) -> Result<(), String> {
    let expr = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it can't be found")?;
    match role(view, expr)? {
        Role::Called => {
            let (_, bound) = cx.direct_call(use_, api, view)?;
            if let Some(run) = bound.get("target").or_else(|| bound.get("function")) {
                runs_no_library(cx, view, run)?;
            }
        }
        Role::Base(_) if use_.api.ends_with(".Timer") => {
            return Err("a class derives from it, and what that calls may wait".to_owned());
        }
        Role::Base(class) => {
            keeps_to_its_own(class)?;
            asks_nothing_else(cx)?;
        }
        Role::Constructor => {}
    }
    let thread = if left {
        Some(&LEFT_THREAD)
    } else {
        helper("Thread")
    };
    let thread = thread.ok_or("a helper is missing")?;
    let mut pieces = vec![Piece::Helper(thread)];
    if use_.api.ends_with(".Timer") {
        let timer = helper("Timer").ok_or("a helper is missing")?;
        pieces = vec![Piece::Helper(timer), Piece::Needs(thread)];
    }
    change.edit(Edit::Replace {
        range: use_.place.range,
        pieces,
    });
    Ok(())
}

/// Whether threads may still run when the program has come to its end, and it waits for them. eventlet's does not.
pub(crate) fn are_left(cx: &Context<'_>) -> bool {
    let waits = |(use_, _, view): &(&Use, &Api, &View<'_>)| {
        let call = view.call_of(use_.place.range);
        use_.api.ends_with(".Thread.join") && call.is_some_and(|call| call.arguments.is_empty())
    };
    let joined = cx.uses_for(RULE).any(|found| waits(&found));
    let is_left = |(use_, api, view): (&Use, &Api, &View<'_>)| {
        api.kind == Kind::Class
            && use_.api.starts_with("gevent.")
            && !is_daemon(cx, use_, api, view)
    };
    !joined && cx.uses_for(RULE).any(is_left)
}

/// Whether the threads that a mention makes do not keep the program from its end.
fn is_daemon(cx: &Context<'_>, use_: &Use, api: &Api, view: &View<'_>) -> bool {
    let expr = view.tree.expr_at(use_.place.range);
    match expr.and_then(|expr| role(view, expr).ok()) {
        Some(Role::Called) => {
            let Some(call) = view.call_of(use_.place.range) else {
                return false;
            };
            let bound = cx.bind(api, call);
            let made: Vec<Value> = cx.program.values_at(view.place(call)).collect();
            bound.is_ok_and(|bound| bound.get("daemon").is_some_and(is_true))
                || is_made_daemon(cx, |value| made.contains(&value))
        }
        Some(Role::Base(class)) => {
            let derives = |entry: &MroEntry| match entry {
                MroEntry::Class(base) => {
                    let (file, it) = cx.program.class(*base);
                    file == view.file && it.range == class.range()
                }
                MroEntry::External(_) => false,
            };
            makes_itself_daemon(view, class)
                || is_made_daemon(cx, |value| match value {
                    Value::Instance(it) => cx.program.flow.mro[it.0 as usize].iter().any(derives),
                    _ => false,
                })
        }
        // The call of what a class of the program derives from: its constructor, whose class the other mentions cover.
        Some(Role::Constructor) | None => true,
    }
}

/// What a mention of the class is.
enum Role<'v> {
    /// It is called.
    Called,
    /// A class derives from it.
    Base(&'v StmtClassDef),
    /// `Thread.__init__(self)`
    Constructor,
}

fn role<'v>(view: &'v View<'_>, expr: &'v Expr) -> Result<Role<'v>, String> {
    if view.call_of(expr.range()).is_some() {
        return Ok(Role::Called);
    }
    let found = view.tree.ancestors(expr).find_map(|node| match node {
        AnyNodeRef::ExprAttribute(it) if it.attr.as_str() == "__init__" => Some(Role::Constructor),
        AnyNodeRef::StmtClassDef(it)
            if (it.bases().iter()).any(|base| base.range() == expr.range()) =>
        {
            Some(Role::Base(it))
        }
        _ => None,
    });
    found.ok_or_else(|| "the class is not called".to_owned())
}

/// That a class overrides nothing of a thread but what it runs.
fn keeps_to_its_own(class: &StmtClassDef) -> Result<(), String> {
    let methods = class.body.iter().filter_map(Stmt::as_function_def_stmt);
    let taken = ["start", "current", "is_alive"];
    match methods
        .map(|it| it.name.as_str())
        .find(|it| taken.contains(it))
    {
        Some(name) => Err(format!(
            "a class that derives from it has a `{name}` of its own"
        )),
        None => Ok(()),
    }
}

/// That the program asks threads for nothing that the class in their place does not have.
fn asks_nothing_else(cx: &Context<'_>) -> Result<(), String> {
    const OTHERS: &[&str] = &[
        "setDaemon",
        "isDaemon",
        "getName",
        "setName",
        "isAlive",
        "ident",
        "native_id",
        "_target",
        "_args",
        "_kwargs",
        "_started",
        "_is_stopped",
        "_stderr",
        "_bootstrap",
        "_bootstrap_inner",
        "_invoke_excepthook",
    ];
    for view in cx.views() {
        let attributes = view.tree.exprs().filter_map(Expr::as_attribute_expr);
        for it in attributes {
            if OTHERS.contains(&it.attr.as_str()) {
                let name = &it.attr;
                return Err(format!(
                    "a class derives from it, and the program asks for a `{name}`, as threads have"
                ));
            }
        }
    }
    Ok(())
}

/// Whether a class hands `daemon=True` on to what it derives from.
fn makes_itself_daemon(view: &View<'_>, class: &StmtClassDef) -> bool {
    let calls = view.tree.exprs().filter_map(Expr::as_call_expr);
    let mut inside = calls.filter(|call| class.range().contains_range(call.range()));
    inside.any(|call| {
        let name = call.func.as_attribute_expr().map(|it| it.attr.as_str());
        let given = call.arguments.find_keyword("daemon");
        name == Some("__init__") && given.is_some_and(|it| is_true(&it.value))
    })
}

fn is_true(expr: &Expr) -> bool {
    !matches!(expr, Expr::BooleanLiteral(it) if !it.value)
}

/// Whether the program makes a daemon of a thread afterwards.
fn is_made_daemon(cx: &Context<'_>, is_it: impl Fn(Value) -> bool) -> bool {
    cx.views().any(|view| {
        view.tree.exprs().any(|expr| {
            let Expr::Attribute(it) = expr else {
                return false;
            };
            let set = match view.tree.parent(expr) {
                Some(AnyNodeRef::StmtAssign(assign)) => {
                    matches!(&*assign.value, Expr::BooleanLiteral(it) if it.value)
                }
                _ => false,
            };
            let mut values = cx.program.values_at(view.place(&*it.value));
            set && it.attr.as_str() == "daemon" && values.any(&is_it)
        })
    })
}
