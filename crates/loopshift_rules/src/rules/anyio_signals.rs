//! `loop.add_signal_handler` becomes a task that receives the signal, in a group around the rest of the block.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, FileId};
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt, StmtFunctionDef};
use loopshift_python::edit::{Edit, Helper, Piece, Wrap, pieces};
use loopshift_python::{Ranged, TextRange};

use crate::common::arguments::{add_argument, add_parameter, by_name, inside, is_open};
use crate::common::cancellation::end_a_cancellation;
use crate::common::code::definition;
use crate::common::gather_helpers::{FIRST_ERROR, FIRST_ERROR_310};
use crate::common::lasting::lasts;
use crate::common::leaving::first_exit;
use crate::common::raising::Raising;
use crate::context::{Context, View};

const RULE: &str = "anyio-signals";

/// The signal is received from the call on, where nothing waits.
static ON_SIGNAL: Helper = Helper {
    name: "_on_signal",
    source: "\
def {name}(tg, signum, callback, *args):
    \"\"\"Calls back whenever the signal comes.\"\"\"
    stack = {@contextlib:ExitStack}()
    received = stack.enter_context({@anyio}.open_signal_receiver(signum))

    async def receive():
        with stack:
            async for _ in received:
                callback(*args)

    tg.start_soon(receive)
",
};

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut groups: BTreeMap<(FileId, u32), Vec<&Use>> = BTreeMap::new();
    for (use_, _, _) in cx.uses_for(RULE) {
        let function = cx.program.function_at(use_.place);
        groups
            .entry((use_.place.file, function.0))
            .or_default()
            .push(use_);
    }
    let removes = |use_: &&Use| use_.api.ends_with("remove_signal_handler");
    let elsewhere = groups.values().any(|uses| uses.iter().all(removes));
    for uses in groups.values() {
        let converted = if elsewhere {
            Err("a handler is removed in another function than it is added".to_owned())
        } else {
            convert(cx, uses)
        };
        match converted {
            Ok(change) => changes.push(change),
            Err(reason) => changes.extend(
                uses.iter()
                    .map(|use_| Change::declined(RULE, use_.place, &*use_.api, reason.clone())),
            ),
        }
    }
}

/// The call of a function that installs handlers for a coroutine, where nobody else calls it.
struct Outer<'c> {
    view: &'c View<'c>,
    def: &'c StmtFunctionDef,
    call: &'c ExprCall,
}

/// Who installs the handlers by a function that is not async, which is only called there, as a statement.
fn outer<'c>(cx: &Context<'c>, function: FuncId) -> Option<(Outer<'c>, &'c StmtFunctionDef)> {
    let known = cx.program.function(function);
    let (_, inner) = definition(cx, function)?;
    let [site] = cx.callers.of(function) else {
        return None;
    };
    if known.decorated || known.is_generator || cx.callers.is_handed_over(function) || !site.only {
        return None;
    }
    let view = cx.view(site.place.file)?;
    let call = view.tree.expr_at(site.place.range)?.as_call_expr()?;
    let (_, def) = definition(cx, site.owner).filter(|(_, def)| def.is_async)?;
    let direct = matches!(view.tree.parent(call), Some(AnyNodeRef::StmtExpr(_)));
    let alone = !call.arguments.args.iter().any(Expr::is_generator_expr);
    (direct && alone).then_some((Outer { view, def, call }, inner))
}

/// All handlers of one function.
fn convert(cx: &Context<'_>, uses: &[&Use]) -> Result<Change, String> {
    let first = uses.first().ok_or("there is no handler")?;
    let view = cx
        .view(first.place.file)
        .ok_or("the file can't be edited")?;
    let function = view
        .tree
        .enclosing_function(first.place.range)
        .ok_or("it is called outside of a function")?;
    let by_outer = if function.is_async() {
        None
    } else {
        Some(outer(cx, cx.program.function_at(first.place)).ok_or(
            "it is called in a function that is not async, and that is not just called once by a coroutine: the task that receives the signals needs a task group there",
        )?)
    };
    let mut change = Change::new(
        RULE,
        first.place,
        &*first.api,
        "the signal handler becomes a task that receives signals",
    );
    let mut statements: Vec<&Stmt> = Vec::new();
    let (mut added, mut removed) = (BTreeSet::new(), BTreeSet::new());
    let scope = view.scopes.at(first.place.range.start());
    let is_free = |name: &str| {
        let above = |it: &Outer<'_>| {
            let scope = it.view.scopes.at(it.call.start());
            it.view.scopes.is_free(scope, name)
        };
        view.scopes.is_free(scope, name) && by_outer.as_ref().is_none_or(|(it, _)| above(it))
    };
    let group = loopshift_python::scope::fresh("signals", is_free);
    for use_ in uses {
        change.covers.push(use_.place);
        if use_.api.ends_with("remove_signal_handler") {
            if by_outer.is_some() {
                return Err(
                    "a handler is removed again, in a function that is not async".to_owned(),
                );
            }
            let stmt = removal(view, use_, function.range())
                .filter(|stmt| (statements.iter()).all(|it| it.start() < stmt.start()))
                .ok_or("a handler is removed again: the block in which the signal is received has to end there")?;
            let range = stmt.range();
            removed.extend(signals_of(view, use_));
            let rest = TextRange::new(range.end(), function.range().end());
            if awaits(view, rest) {
                change.caveat("the handler is there until the end of the block");
            }
            change
                .edits
                .push((use_.place.file, Edit::DeleteStatement { range }));
            continue;
        }
        let call = view
            .call_of(use_.place.range)
            .ok_or("it is passed on as a function")?;
        if !use_.only || !matches!(view.tree.parent(call), Some(AnyNodeRef::StmtExpr(_))) {
            return Err("it is not a statement of its own".to_owned());
        }
        let top = top_statement(view, call, function.range())
            .ok_or("it is called in a loop that may run again, or in a block that may not run")?;
        statements.push(top);
        added.extend(signals_of(view, use_));
        change.edits.push((
            use_.place.file,
            Edit::Replace {
                range: call.func.range(),
                pieces: vec![Piece::Helper(&ON_SIGNAL)],
            },
        ));
        // On a line of its own where the arguments are.
        let open = inside(call).start();
        let first = call.arguments.args.first().map_or(open, Ranged::start);
        let before = TextRange::new(open, first.max(open));
        let text = view.text(before);
        let (range, pieces) = if text.contains('\n') && text.trim().is_empty() {
            let pieces = vec![
                before.into(),
                group.clone().into(),
                ",".into(),
                before.into(),
            ];
            (before, pieces)
        } else {
            let start = TextRange::empty(open);
            (start, vec![format!("{group}, ").into()])
        };
        change
            .edits
            .push((use_.place.file, Edit::Replace { range, pieces }));
    }
    // The block is around the rest of the coroutine.
    let mut block = (view, first.place, Vec::new());
    std::mem::swap(&mut block.2, &mut statements);
    if let Some((it, inner)) = &by_outer {
        let stmt = top_statement(it.view, it.call, it.def.range())
            .ok_or("the function that adds it is called in a loop that may run again, or in a block that may not run")?;
        block = (it.view, it.view.place(it.call), vec![stmt]);
        add_parameter(&mut change, view, inner, &group);
        let value = if by_name(inner) || is_open(it.call) {
            format!("{group}={group}")
        } else {
            group.clone()
        };
        add_argument(&mut change, it.view, it.call, value);
    }
    let (view, place, statements) = block;
    if !added.is_subset(&removed) && !lasts(cx, cx.program.function_at(place)) {
        return Err(
            "the handler would end with the function, and code that waits goes on after it: add it in the coroutine that the program runs"
                .to_owned(),
        );
    }
    let start = statements
        .iter()
        .min_by_key(loopshift_python::Ranged::start)
        .ok_or("there is no handler")?;
    let (suite, index) = view
        .tree
        .suite_of(start)
        .ok_or("it is not in the body of the function")?;
    let rest = suite.get(index..).unwrap_or_default();
    let last = rest.last().ok_or("it is not in the body of the function")?;
    // A `return` at the end, with nothing to wait for, can follow the cancellation.
    let ends = (rest.len() > 1 && matches!(last, Stmt::Return(_)) && !awaits(view, last.range()))
        .then_some(last);
    let checked = if ends.is_some() {
        rest.get(..rest.len() - 1).unwrap_or_default()
    } else {
        rest
    };
    if first_exit(checked).is_some() {
        return Err(
            "the function is left before its end, and the task that receives signals would hold it"
                .to_owned(),
        );
    }
    if end_a_cancellation(cx, view, rest) {
        return Err(
            "the function ends its own cancellation, and AnyIO would cancel the wait for the task that receives signals, too: raise it again"
                .to_owned(),
        );
    }
    let cancel: Vec<Piece> = vec![format!("{group}.cancel_scope.cancel()").into()];
    let mut lines = vec![cancel.clone()];
    if let Some(stmt) = ends {
        lines.clear();
        let mut before = cancel;
        before.push("\n".into());
        let range = TextRange::empty(stmt.start());
        let edit = Edit::Replace {
            range,
            pieces: before,
        };
        change.edits.push((view.file, edit));
    }
    let range = TextRange::new(start.start(), last.end());
    // A group raises groups, also of what is raised beside its tasks.
    if Raising::new(cx).function(cx.program.function_at(place)) {
        let helper = if cx.settings.python_has(3, 11) {
            &FIRST_ERROR
        } else {
            &FIRST_ERROR_310
        };
        let header = vec!["with ".into(), Piece::Helper(helper), "():".into()];
        change
            .edits
            .push((view.file, around(range, header, Vec::new())));
    }
    let mut header = pieces("async with {@anyio}.create_task_group() as ", &[]);
    header.push(format!("{group}:").into());
    change.edits.push((view.file, around(range, header, lines)));
    Ok(change)
}

/// A block around statements.
fn around(range: TextRange, header: Vec<Piece>, last: Vec<Vec<Piece>>) -> Edit {
    Edit::Wrap(Wrap {
        range,
        before: Vec::new(),
        header,
        last,
        after: Vec::new(),
    })
}

/// The statement in the body of the function that holds the call, where it surely runs there once or for each of some signals.
fn top_statement<'v>(view: &View<'v>, call: &'v ExprCall, function: TextRange) -> Option<&'v Stmt> {
    let mut top = None;
    for node in view.tree.ancestors(call) {
        match node {
            AnyNodeRef::StmtExpr(_)
            | AnyNodeRef::StmtFor(_)
            | AnyNodeRef::StmtIf(_)
            | AnyNodeRef::StmtWith(_)
            | AnyNodeRef::StmtTry(_) => top = view.tree.enclosing_statement(node.range()),
            AnyNodeRef::StmtFunctionDef(def) => {
                return (def.range() == function).then_some(top).flatten();
            }
            AnyNodeRef::StmtWhile(_) | AnyNodeRef::ExprLambda(_) => return None,
            _ => {}
        }
    }
    None
}

/// Which signals a call is about: their names, where they are written there, also in a loop that goes through some.
fn signals_of(view: &View<'_>, use_: &Use) -> BTreeSet<String> {
    let call = view.call_of(use_.place.range);
    let Some(signal) = call.and_then(|call| call.arguments.args.first()) else {
        return BTreeSet::new();
    };
    // `getattr(signal, name)` is the signal of that name.
    let named = match signal {
        Expr::Call(it) if view.text(it.func.range()) == "getattr" => it.arguments.args.get(1),
        _ => Some(signal),
    };
    let named = named.unwrap_or(signal);
    let iterated = view.tree.ancestors(signal).find_map(|node| match node {
        AnyNodeRef::StmtFor(it) if view.text(it.target.range()) == view.text(named.range()) => {
            Some(&*it.iter)
        }
        _ => None,
    });
    let all: Option<BTreeSet<String>> = match iterated {
        None => name_of(named).map(|name| [name].into()),
        Some(Expr::Tuple(it)) => it.elts.iter().map(name_of).collect(),
        Some(Expr::List(it)) => it.elts.iter().map(name_of).collect(),
        Some(Expr::Set(it)) => it.elts.iter().map(name_of).collect(),
        Some(_) => None,
    };
    let as_written = || match iterated {
        Some(it) => format!("each of {}", view.text(it.range())),
        None => view.text(signal.range()).to_owned(),
    };
    all.unwrap_or_else(|| [as_written()].into())
}

/// The name of a signal: of `signal.SIGTERM`, `SIGTERM`, `"SIGTERM"`.
fn name_of(signal: &Expr) -> Option<String> {
    let name = match signal {
        Expr::Attribute(it) => it.attr.as_str(),
        Expr::Name(it) => it.id.as_str(),
        Expr::StringLiteral(it) => it.value.to_str(),
        _ => return None,
    };
    name.starts_with("SIG").then(|| name.to_owned())
}

/// The statement that removes a handler, or the loop that does nothing but remove some. None where it may run before other
/// code of the function, or does more.
fn removal<'v>(view: &'v View<'v>, use_: &Use, function: TextRange) -> Option<&'v Stmt> {
    let call = view.call_of(use_.place.range).filter(|_| use_.only)?;
    if !matches!(view.tree.parent(call), Some(AnyNodeRef::StmtExpr(_))) {
        return None;
    }
    let mut stmt = view.tree.enclosing_statement(call.range())?;
    for node in view.tree.ancestors(call) {
        match node {
            AnyNodeRef::StmtFunctionDef(def) => {
                return (def.range() == function).then_some(stmt);
            }
            AnyNodeRef::StmtFor(it)
                if it.orelse.is_empty()
                    && matches!(&*it.body, [only] if only.range() == stmt.range()) =>
            {
                stmt = view.tree.enclosing_statement(it.range())?;
            }
            AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_) | AnyNodeRef::ExprLambda(_) => {
                return None;
            }
            _ => {}
        }
    }
    None
}

fn awaits(view: &View<'_>, range: TextRange) -> bool {
    view.tree
        .exprs()
        .any(|expr| expr.is_await_expr() && range.contains_range(expr.range()))
}
