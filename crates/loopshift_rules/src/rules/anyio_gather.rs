//! `asyncio.gather` over coroutines becomes `anyio.gather`.
//!
//! `AnyIO` gives a tuple, raises groups of errors, and cancels the others when one fails. Where that can be seen, it is
//! mended by a block (`first_error`), by a small function in the module, or said to be unsafe.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Keyword, Stmt};
use loopshift_python::edit::{Edit, Piece, Wrap};
use loopshift_python::{Ranged, TextRange};

use super::anyio_tasks;
use crate::common::awaited::{Awaited, awaited, coroutines, of_all, offloaded, statement_around};
use crate::common::cancellation::{ends_as_cancelled, handlers_by_function};
use crate::common::code::{Reach, has_comment};
use crate::common::exits::may_exit;
use crate::common::gather_helpers::{
    FIRST_ERROR, FIRST_ERROR_310, GATHER, GATHER_40, GATHER_40_310, GATHER_40_QUIET, GATHER_310,
    GATHER_ALL, GATHER_EITHER, GATHER_IN, GATHER_QUIET, OUTCOME,
};
use crate::common::in_place::{declined, give_coroutines, made_in, unmade};
use crate::common::raising::{Raising, is_builtin_call, is_told, may_be_caught};
use crate::common::siblings::{
    Around, block_around, ends_alike, is_seen, is_seen_in_pool, runs_alone,
};
use crate::context::{Context, View};
use crate::rules::anyio_to_thread::drained::is_drained;

const RULE: &str = "anyio-gather";

const ENDS_AS_CANCELLED: &str =
    "what ends as cancelled by itself is no result: asyncio gives its `CancelledError`";

struct Facts<'r, 'c> {
    raising: Raising<'r, 'c>,
    reach: Arc<Reach>,
    handlers: BTreeMap<FuncId, Vec<Place>>,
    /// The files where some `gather` may raise: they get one function that stands in for all of them.
    raising_files: BTreeSet<FileId>,
}

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut uses = cx.uses_for(RULE).peekable();
    if uses.peek().is_none() {
        return;
    }
    let mut facts = Facts {
        raising: Raising::new(cx),
        reach: cx.once(Reach::new),
        handlers: handlers_by_function(cx),
        raising_files: BTreeSet::new(),
    };
    for (use_, _, view) in cx.uses_for(RULE) {
        if let Some(call) = view.call_of(use_.place.range)
            && keyword(call).is_ok_and(|keyword| keyword.is_none())
            && may_raise(&facts, view, call)
        {
            facts.raising_files.insert(view.file);
        }
    }
    anyio_tasks::plan_gathered(cx, changes);
    for (use_, _, view) in uses {
        if anyio_tasks::covers(cx, use_.place) {
            continue;
        }
        match moved(cx, &facts, use_, view) {
            Ok(change) => changes.push(change),
            Err(reason) => changes.extend(declined(cx, RULE, use_, view, &reason)),
        }
    }
}

fn moved<'c>(
    cx: &Context<'c>,
    facts: &Facts<'_, 'c>,
    use_: &Use,
    view: &'c View<'c>,
) -> Result<Change, String> {
    let message = "`asyncio.gather` becomes `anyio.gather`";
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let callee = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it can't be found")?;
    if !use_.only || !view.is_direct(callee) {
        return Err("it is called through a variable that may hold something else".to_owned());
    }
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function; call it in a function of your own instead")?;
    let keyword = keyword(call)?;
    let returns_errors = match keyword.map(|keyword| &keyword.value) {
        None => false,
        Some(Expr::BooleanLiteral(literal)) => literal.value,
        Some(_) if !cx.anyio_has(4, 15) || !cx.settings.python_has(3, 11) => {
            return Err("whether it returns exceptions is computed".to_owned());
        }
        Some(_) => false,
    };
    let is_computed = keyword.is_some_and(|keyword| !keyword.value.is_boolean_literal_expr());
    match of_all(cx, view, call) {
        Awaited::Coroutine => {}
        Awaited::Future => {
            return Err("it waits for tasks or futures, which need a task group".to_owned());
        }
        Awaited::Shield => {
            return Err("it waits for `asyncio.shield`, which has no counterpart here".to_owned());
        }
        Awaited::Unknown if kept_object(cx, view, call) => {
            return Err(
                "what it waits for is not known, and may be a task or a future, which AnyIO's does not take"
                    .to_owned(),
            );
        }
        Awaited::Unknown => {
            change.caveat(
                "what it waits for is not known: AnyIO takes coroutines only, no tasks and no futures",
            );
            if returns_errors {
                change.caveat(ENDS_AS_CANCELLED);
            }
        }
    }
    let started = call.arguments.args.iter();
    let started = started.flat_map(|argument| coroutines(cx, view, inner(argument)));
    let reached = facts.reach.from(started);
    for func in &reached {
        if let Some(places) = facts.handlers.get(func) {
            change.requires.extend(places.iter().copied());
        }
    }
    if ends_as_cancelled(cx, &reached) {
        change.caveat(if returns_errors {
            ENDS_AS_CANCELLED
        } else {
            "what ends as cancelled by itself is passed over: asyncio raises its `CancelledError`"
        });
    }
    // A thread's future is nothing that AnyIO takes; the coroutine it becomes is.
    change.requires.extend(offloaded(cx, view, call));
    give_coroutines(cx, &mut change, view, &made_in(cx, view, call))?;
    let may_raise = !returns_errors && may_raise(facts, view, call);
    let value = value_of(cx, view, call)?;
    if may_raise && !is_computed && is_seen_in_pool(cx, view, call) && is_drained(cx, view, call) {
        change.edit(Edit::Replace {
            range: call.func.range(),
            pieces: vec![Piece::Helper(&GATHER_ALL)],
        });
        arguments(cx, &mut change, view, call, keyword, returns_errors)?;
        return Ok(change);
    }
    if may_raise
        && !is_computed
        && let Waiter::Await(await_) = value
        && view.await_of(call.range()).map(Ranged::range) == Some(await_.range())
        && is_seen(cx, &facts.reach, view, call)
        && let Some(around) = group_around(cx, facts, view, call)
    {
        in_group(cx, &mut change, view, call, &around);
        if may_exit(cx, view.place(call)) {
            change.caveat("what ends the program leaves the entry point in a group");
        }
        arguments(cx, &mut change, view, call, keyword, returns_errors)?;
        return Ok(change);
    }
    if is_computed {
        change.edit(Edit::Replace {
            range: call.func.range(),
            pieces: vec![Piece::Helper(&GATHER_EITHER)],
        });
    } else {
        edit(cx, facts, &mut change, view, call, &value, may_raise);
    }
    if may_raise && !ends_alike(cx, &facts.reach, view, call, view.place(call)) {
        change.caveat("when one fails the others are cancelled, where asyncio lets them run on");
    }
    if !is_computed {
        arguments(cx, &mut change, view, call, keyword, returns_errors)?;
    }
    Ok(change)
}

fn may_raise(facts: &Facts<'_, '_>, view: &View<'_>, call: &ExprCall) -> bool {
    call.arguments
        .args
        .iter()
        .any(|argument| facts.raising.awaiting(view, argument))
}

/// Whether something is waited for that was made elsewhere and is not known: more often a task than a coroutine.
fn kept_object(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    call.arguments.args.iter().any(|argument| {
        matches!(argument, Expr::Name(_) | Expr::Attribute(_))
            && awaited(cx, view, argument) == Awaited::Unknown
    })
}

fn inner(argument: &Expr) -> &Expr {
    match argument {
        Expr::Starred(starred) => &starred.value,
        plain => plain,
    }
}

fn keyword(call: &ExprCall) -> Result<Option<&Keyword>, String> {
    let mut found = None;
    for keyword in &call.arguments.keywords {
        match keyword
            .arg
            .as_ref()
            .map(loopshift_python::ast::Identifier::as_str)
        {
            Some("return_exceptions") => found = Some(keyword),
            Some(_) => return Err("it is given a loop".to_owned()),
            None => return Err("unpacking hides which argument is which".to_owned()),
        }
    }
    Ok(found)
}

/// Who waits for a call of `gather`.
pub(crate) enum Waiter<'v> {
    /// This `await`, perhaps through `wait_for`.
    Await(&'v Expr),
    /// Something that takes any coroutine.
    Coroutine,
}

/// Who waits for the call.
///
/// # Errors
/// Where it is awaited elsewhere.
pub(crate) fn value_of<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    call: &'v ExprCall,
) -> Result<Waiter<'v>, String> {
    let mut at = call.range();
    for _ in 0..20 {
        if let Some(await_) = view.await_of(at) {
            return view
                .tree
                .expr_at(await_.range())
                .map(Waiter::Await)
                .ok_or_else(|| "it can't be found".to_owned());
        }
        let Some(parent) = view
            .tree
            .expr_at(at)
            .and_then(|expr| outer_call(view, expr))
        else {
            break;
        };
        match cx.api_of(view, &parent.func) {
            Some("asyncio.wait_for") => at = parent.range(),
            Some(
                "asyncio.gather"
                | "asyncio.run"
                | "asyncio.AbstractEventLoop.run_until_complete"
                | "asyncio.ensure_future"
                | "asyncio.as_completed",
            ) => return Ok(Waiter::Coroutine),
            _ => break,
        }
    }
    Err(
        "it starts its coroutines here and is awaited elsewhere: await it where it is called"
            .to_owned(),
    )
}

/// The call of which the expression is a direct argument.
fn outer_call<'v>(view: &View<'v>, expr: &'v Expr) -> Option<&'v ExprCall> {
    view.tree
        .ancestors(expr)
        .take(2)
        .find_map(|node| match node {
            AnyNodeRef::ExprCall(call) if call.func.range() != expr.range() => Some(call),
            _ => None,
        })
}

fn edit(
    cx: &Context<'_>,
    facts: &Facts<'_, '_>,
    change: &mut Change,
    view: &View<'_>,
    call: &ExprCall,
    value: &Waiter<'_>,
    may_raise: bool,
) {
    let new = cx.anyio_has(4, 15);
    let groups = cx.settings.python_has(3, 11);
    let here = view.place(call);
    let caught = may_raise && (may_be_caught(cx, here) || is_told(cx, here) || may_exit(cx, here));
    if new
        && let Waiter::Await(await_) = value
        && let Some(stmt) = (if caught {
            statement_around(view, await_)
        } else {
            view.tree.enclosing_statement(await_.range())
        })
    {
        change.edit(Edit::replace(call.func.range(), "{@anyio}.gather", &[]));
        if caught {
            first_error(change, stmt, groups);
        }
        if !is_any_sequence(view, await_) {
            change.edit(Edit::insert(await_.start(), "list(", &[]));
            change.edit(Edit::insert(await_.end(), ")", &[]));
        }
        return;
    }
    let helper = match (new, facts.raising_files.contains(&view.file), groups) {
        (true, false, _) => &GATHER_QUIET,
        (true, true, true) => &GATHER,
        (true, true, false) => &GATHER_310,
        (false, false, _) => &GATHER_40_QUIET,
        (false, true, true) => &GATHER_40,
        (false, true, false) => &GATHER_40_310,
    };
    change.edit(Edit::Replace {
        range: call.func.range(),
        pieces: vec![Piece::Helper(helper)],
    });
}

/// The block around which a group keeps what runs on after an error, where that can be seen.
fn group_around(
    cx: &Context<'_>,
    facts: &Facts<'_, '_>,
    view: &View<'_>,
    call: &ExprCall,
) -> Option<Around> {
    let here = view.place(call);
    // The group cancels what has not started, too.
    if is_seen_in_pool(cx, view, call)
        || may_be_caught(cx, here)
        || ends_alike(cx, &facts.reach, view, call, here)
    {
        return None;
    }
    block_around(cx, &facts.reach, view, call).map(Around::Block)
}

/// Gives a call of `gather` a group to run its coroutines in.
fn in_group(
    cx: &Context<'_>,
    change: &mut Change,
    view: &View<'_>,
    call: &ExprCall,
    around: &Around,
) {
    let scope = view.scopes.at(call.start());
    // Several groups in one function need names of their own.
    let func = cx.program.function_at(change.place);
    let earlier = cx
        .uses
        .iter()
        .filter(|use_| use_.api == "asyncio.gather" && use_.place < change.place)
        .filter(|use_| cx.program.function_at(use_.place) == func)
        .count();
    // The groups of tasks have the shorter name.
    let base = if runs_alone(cx) { "tg" } else { "gathered" };
    let base = match earlier {
        0 => base.to_owned(),
        earlier => format!("{base}{}", earlier + 1),
    };
    let name = view.scopes.fresh_name(scope, &base);
    change.edit(Edit::Replace {
        range: call.func.range(),
        pieces: vec![Piece::Helper(&GATHER_IN)],
    });
    let open = call.arguments.start() + loopshift_python::TextSize::new(1);
    let comma = if call.arguments.args.is_empty() {
        ""
    } else {
        ", "
    };
    change.edit(Edit::Replace {
        range: TextRange::empty(open),
        pieces: vec![format!("{name}{comma}").into()],
    });
    change.edit(around.group(&name));
}

fn first_error(change: &mut Change, stmt: &Stmt, groups: bool) {
    let helper = if groups {
        &FIRST_ERROR
    } else {
        &FIRST_ERROR_310
    };
    change.edit(Edit::Wrap(Wrap {
        range: stmt.range(),
        before: Vec::new(),
        header: vec!["with ".into(), Piece::Helper(helper), "():".into()],
        last: Vec::new(),
        after: Vec::new(),
    }));
}

/// Removes the keyword, and has exceptions returned.
fn arguments(
    cx: &Context<'_>,
    change: &mut Change,
    view: &View<'_>,
    call: &ExprCall,
    keyword: Option<&Keyword>,
    returns_errors: bool,
) -> Result<(), String> {
    if let Some(keyword) = keyword {
        let before = call
            .arguments
            .args
            .iter()
            .map(Ranged::end)
            .filter(|end| *end <= keyword.start())
            .max();
        let after = call
            .arguments
            .args
            .iter()
            .map(Ranged::start)
            .filter(|start| *start >= keyword.end())
            .min();
        let gone = match (before, after) {
            (_, Some(after)) => TextRange::new(keyword.start(), after),
            (Some(before), None) => TextRange::new(before, keyword.end()),
            (None, None) => keyword.range(),
        };
        if has_comment(view, gone) {
            return Err("a comment stands between its arguments".to_owned());
        }
        change.edit(Edit::delete(gone));
    }
    if !returns_errors {
        return Ok(());
    }
    let unmade = |coroutine| unmade(cx, view, coroutine);
    for argument in &call.arguments.args {
        match argument {
            Expr::Starred(starred) => match &*starred.value {
                Expr::ListComp(it) => outcome(change, unmade(&it.elt)),
                Expr::SetComp(it) => outcome(change, unmade(&it.elt)),
                Expr::Generator(it) => outcome(change, unmade(&it.elt)),
                other => {
                    change.edit(Edit::Replace {
                        range: TextRange::empty(other.start()),
                        pieces: vec!["map(".into(), Piece::Helper(&OUTCOME), ", ".into()],
                    });
                    change.edit(Edit::insert(other.end(), ")", &[]));
                }
            },
            plain => outcome(change, unmade(plain)),
        }
    }
    Ok(())
}

fn outcome(change: &mut Change, coroutine: &Expr) {
    change.edit(Edit::Replace {
        range: TextRange::empty(coroutine.start()),
        pieces: vec![Piece::Helper(&OUTCOME), "(".into()],
    });
    change.edit(Edit::insert(coroutine.end(), ")", &[]));
}

/// Whether nobody can tell a tuple from a list where the value goes.
pub(crate) fn is_any_sequence(view: &View<'_>, value: &Expr) -> bool {
    is_indifferent(view, value) || is_indifferent_variable(view, value)
}

/// The same, for what is done with the value at once.
fn is_indifferent(view: &View<'_>, value: &Expr) -> bool {
    let Some(parent) = view.tree.parent(value) else {
        return false;
    };
    let range = value.range();
    match parent {
        AnyNodeRef::StmtExpr(_) | AnyNodeRef::ExprStarred(_) => true,
        AnyNodeRef::StmtAssign(it) => it
            .targets
            .iter()
            .all(|target| matches!(target, Expr::Tuple(_) | Expr::List(_))),
        AnyNodeRef::StmtFor(it) => it.iter.range() == range,
        AnyNodeRef::Comprehension(it) => it.iter.range() == range,
        AnyNodeRef::ExprSubscript(it) => {
            it.value.range() == range
                && matches!(&*it.slice, Expr::NumberLiteral(_) | Expr::UnaryOp(_))
        }
        AnyNodeRef::Arguments(_) | AnyNodeRef::ExprCall(_) => {
            let Some(call) = outer_call(view, value) else {
                return false;
            };
            let builtin = [
                "sum",
                "max",
                "min",
                "sorted",
                "list",
                "tuple",
                "set",
                "frozenset",
                "dict",
                "enumerate",
                "zip",
                "len",
                "any",
                "all",
                "iter",
                "reversed",
                "map",
                "filter",
            ]
            .iter()
            .any(|name| is_builtin_call(view, call, name));
            let method = matches!(&*call.func, Expr::Attribute(it)
                if matches!(it.attr.as_str(), "join" | "extend" | "update"));
            builtin || method
        }
        _ => false,
    }
}

/// The same, for a local variable that is bound only here.
fn is_indifferent_variable(view: &View<'_>, value: &Expr) -> bool {
    let Some(AnyNodeRef::StmtAssign(assign)) = view.tree.parent(value) else {
        return false;
    };
    let [Expr::Name(name)] = assign.targets.as_slice() else {
        return false;
    };
    let scopes = &view.scopes;
    let name = name.id.as_str();
    let Some(scope) = scopes.resolve(name, scopes.at(assign.start())) else {
        return false;
    };
    let local = scopes.scopes[scope].kind == loopshift_python::scope::ScopeKind::Function;
    let once = scopes.scopes[scope]
        .bindings
        .get(name)
        .is_some_and(|bindings| bindings.len() == 1);
    local
        && once
        && scopes
            .references
            .iter()
            .filter(|it| it.name == name && scopes.resolve(name, it.scope) == Some(scope))
            .all(|it| {
                view.tree
                    .expr_at(it.range)
                    .is_some_and(|expr| is_indifferent(view, expr))
            })
}
