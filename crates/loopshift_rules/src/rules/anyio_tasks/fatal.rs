//! Errors of tasks that end the program: who waits for the tasks does so at once, and nobody catches what one of them raises.
//! In a task group such an error ends the program as well, so that nothing has to keep it.

use std::collections::BTreeSet;

use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt, StmtAssign};

use super::cancelled::is_cancelled;
use super::family::{Family, MemberUse, Model, Spawn, Wait, WaitKind};
use super::region::{Region, waits_of};
use crate::common::awaited::coroutines;
use crate::common::code::{Reach, is_switch, own, own_of};
use crate::common::exits::may_exit;
use crate::common::raising::{Passed, is_told, passed, passed_around};
use crate::common::siblings::{clean_up, ends_program};
use crate::context::{Context, View};

/// Whether an error of a task of the family ends the program no later than it does in asyncio, and no sooner.
pub(super) fn ends(model: &Model<'_>, region: &Region<'_>, index: usize) -> bool {
    let family = &model.families[index];
    let asks = |member: &MemberUse<'_>| member.name == "exception";
    let at_once = |wait: &Wait<'_>| is_awaited_at_once(region, family, wait);
    region.is_fatal
        && !is_cancelled(family)
        && !family.members.iter().any(asks)
        && !family.callbacks.tells()
        && family.callbacks.all.is_empty()
        && waits_of(model, index).all(|wait| wait.kind.raises())
        && waits_of(model, index).any(at_once)
}

/// Whether an error that leaves the region ends the program, with all that runs in it.
pub(super) fn is_fatal(cx: &Context<'_>, model: &Model<'_>, region: &Region<'_>) -> bool {
    let place = region.place();
    region.starts.is_empty()
        && !is_told(cx, place)
        && !may_exit(cx, place)
        && coroutines_of(cx, model, &region.families)
            .is_some_and(|roots| ends_program(cx, &cx.once(Reach::new), &roots, place))
}

/// Whether an error that leaves the region passes code that cleans up before what runs beside it does in asyncio, and behind
/// that in a task group.
pub(super) fn cleans_up_first(cx: &Context<'_>, model: &Model<'_>, region: &Region<'_>) -> bool {
    let range = region.run.range();
    let place = region.place();
    let passes = passed(cx, place).unwrap_or_else(|| passed_around(cx, region.view, range));
    passes == Passed::AtOnce
        && coroutines_of(cx, model, &region.families)
            .is_some_and(|roots| clean_up(cx, &cx.once(Reach::new), &roots))
}

/// The functions that run as tasks of the families; none where one is not known.
pub(super) fn coroutines_of(
    cx: &Context<'_>,
    model: &Model<'_>,
    families: &BTreeSet<usize>,
) -> Option<BTreeSet<FuncId>> {
    let mut out = BTreeSet::new();
    let spawns = families
        .iter()
        .flat_map(|index| &model.families[*index].spawns);
    for (view, coro) in spawns.flat_map(|spawn| spawn.coros().map(|coro| (spawn.view, coro))) {
        let found = coroutines(cx, view, coro);
        if found.is_empty() {
            return None;
        }
        out.extend(found);
    }
    Some(out)
}

/// Whether all tasks of the family are waited for together, right after the last one was made.
fn is_awaited_at_once(region: &Region<'_>, family: &Family<'_>, wait: &Wait<'_>) -> bool {
    let view = region.view;
    if wait.function != region.function || wait.view.file != view.file {
        return false;
    }
    let together = match wait.kind {
        WaitKind::Gather { exceptions } => !exceptions,
        // Of several that are awaited in turn a later one may fail before.
        WaitKind::Await => region.families.len() == 1 && family.spawns.len() == 1,
        _ => false,
    };
    let stmt = view.tree.enclosing_statement(wait.await_.range());
    let Some((suite, last)) = stmt.and_then(|stmt| view.tree.suite_of(stmt)) else {
        return false;
    };
    together
        && is_asked_once(&suite[last], wait)
        && family.spawns.iter().all(|spawn| {
            let sites = wait.sites.contains(&spawn.site());
            let first = suite[..last]
                .iter()
                .position(|stmt| stmt.range().contains_range(spawn.call.range()));
            sites
                && first.is_some_and(|first| {
                    let between = &suite[first..last];
                    is_held(view, spawn, wait, &between[0])
                        && !own(between).into_iter().any(gets_away)
                })
        })
}

/// Whether the statement waits once, and before it does anything else.
fn is_asked_once(stmt: &Stmt, wait: &Wait<'_>) -> bool {
    let nodes = match stmt {
        Stmt::Expr(_) | Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::Return(_) => {
            own(std::slice::from_ref(stmt))
        }
        Stmt::For(it) if it.iter.range().contains_range(wait.await_.range()) => own_of(&it.iter),
        _ => return false,
    };
    nodes.into_iter().filter(|node| is_switch(*node)).count() == 1
}

/// What may let others run, leave, or take a task away again.
fn gets_away(node: AnyNodeRef<'_>) -> bool {
    is_switch(node)
        || matches!(
            node,
            AnyNodeRef::StmtReturn(_)
                | AnyNodeRef::StmtRaise(_)
                | AnyNodeRef::StmtBreak(_)
                | AnyNodeRef::StmtContinue(_)
                | AnyNodeRef::StmtDelete(_)
                | AnyNodeRef::ExprYield(_)
        )
        || matches!(node, AnyNodeRef::ExprAttribute(it) if matches!(
            it.attr.as_str(),
            "pop" | "popleft" | "popitem" | "remove" | "discard" | "clear"
        ))
}

/// Whether what the wait is given holds the task for sure: by its name, or in a list that it is put into.
fn is_held(view: &View<'_>, spawn: &Spawn<'_>, wait: &Wait<'_>, stmt: &Stmt) -> bool {
    let mut at = spawn.call.range();
    for node in view.tree.ancestors(spawn.call) {
        match node {
            AnyNodeRef::ExprList(_)
            | AnyNodeRef::ExprTuple(_)
            | AnyNodeRef::ExprSet(_)
            | AnyNodeRef::ExprListComp(_)
            | AnyNodeRef::ExprSetComp(_) => at = node.range(),
            AnyNodeRef::ExprDictComp(it) if it.value.range() == at => at = it.range(),
            AnyNodeRef::Arguments(_) => {}
            AnyNodeRef::ExprCall(call) => {
                return puts(call).is_some_and(|list| is_given(view, wait, list, true));
            }
            AnyNodeRef::StmtAssign(assign) if assign.value.range() == at => {
                let [Expr::Name(name)] = &assign.targets[..] else {
                    return false;
                };
                let name = name.id.as_str();
                let several = at != spawn.call.range();
                if assign.range() == stmt.range() {
                    return is_given(view, wait, name, several);
                }
                // In a loop it is put into a list right away.
                let list = put_next(view, assign, name);
                return !several && list.is_some_and(|list| is_given(view, wait, list, true));
            }
            _ => return false,
        }
    }
    false
}

/// The list into which a call of `append` or `add` puts something.
fn puts(call: &ExprCall) -> Option<&str> {
    match &*call.func {
        Expr::Attribute(it) if matches!(it.attr.as_str(), "append" | "add") => {
            it.value.as_name_expr().map(|name| name.id.as_str())
        }
        _ => None,
    }
}

/// The list into which the statement after this one puts the variable.
fn put_next<'v>(view: &View<'v>, assign: &'v StmtAssign, name: &str) -> Option<&'v str> {
    let stmt = view.tree.enclosing_statement(assign.range())?;
    let (suite, at) = view.tree.suite_of(stmt)?;
    let Stmt::Expr(next) = suite.get(at + 1)? else {
        return None;
    };
    let call = next.value.as_call_expr()?;
    let [Expr::Name(put)] = &call.arguments.args[..] else {
        return None;
    };
    puts(call).filter(|_| put.id.as_str() == name)
}

/// Whether the wait is given the variable, which is bound only once, as it is or with all that is in it.
fn is_given(view: &View<'_>, wait: &Wait<'_>, name: &str, all: bool) -> bool {
    let scope = view.scopes.at(wait.await_.start());
    let once = view.scopes.scopes[scope]
        .bindings
        .get(name)
        .is_some_and(|bindings| bindings.len() == 1);
    let is_it = |expr: &Expr| expr.as_name_expr().is_some_and(|it| it.id.as_str() == name);
    let is_given = |operand: &&Expr| match operand {
        Expr::Starred(starred) if all => match &*starred.value {
            Expr::Call(call) => matches!(&*call.func, Expr::Attribute(it)
                if it.attr.as_str() == "values" && is_it(&it.value)),
            plain => is_it(plain),
        },
        plain => !all && is_it(plain),
    };
    once && wait.operands.iter().any(is_given)
}
