//! Whether a program could tell who gets a lock next.
//!
//! The order is the same where no task asks for the lock again before it has let others run since its release. A task
//! that takes the lock in one place, once, does not; neither does a loop that sleeps outside of the lock.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::facts::Cause;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_engine::objects::{Cluster, Member};
use loopshift_python::ast::{AnyNodeRef, Stmt};
use loopshift_python::{Ranged, TextRange};

use crate::common::code::{Reach, called_within};
use crate::common::green::sleeps;
use crate::common::objects::method;
use crate::context::{Context, View};

/// How many calls a task may be away from where it takes the lock.
const DEPTH: usize = 4;

/// Whether nobody could tell.
pub(super) fn is_unseen(cx: &Context<'_>, cluster: &Cluster, members: &[Member]) -> bool {
    let mut taken: Vec<Place> = entered(cx, cluster);
    taken.extend(
        members
            .iter()
            .filter(|member| method(member) == "acquire")
            .map(|member| member.place),
    );
    // What nobody holds while others run, nobody waits for.
    let only_entered = members.iter().all(|member| method(member) != "acquire");
    if only_entered && taken.iter().all(|place| !waits_within(cx, *place)) {
        return true;
    }
    let mut seen = BTreeSet::new();
    taken
        .iter()
        .all(|place| is_once(cx, *place, DEPTH, &mut seen))
}

/// Whether other tasks may run within a `with`.
fn waits_within(cx: &Context<'_>, place: Place) -> bool {
    let func = cx.program.function_at(place);
    let caused = cx.facts().causes(func).iter().any(|cause| match cause {
        Cause::Api { place: at, .. }
        | Cause::Call { place: at, .. }
        | Cause::Sibling { place: at, .. } => {
            at.file == place.file && at.range != place.range && place.range.contains_range(at.range)
        }
        // Where that is does not stand there.
        Cause::Operation(_) => true,
        Cause::Override(_) | Cause::Spawned { .. } => false,
    });
    let entered = cx.view(place.file).is_none_or(|view| {
        view.tree.nodes_within(place.range).any(|node| {
            let inner = matches!(node, AnyNodeRef::StmtWith(_) | AnyNodeRef::StmtFor(_));
            inner && node.range() != place.range
        })
    });
    caused || entered
}

/// A place that takes one of the locks while it is held, as only a lock that counts allows.
pub(super) fn taken_again(cx: &Context<'_>, cluster: &Cluster) -> Option<Place> {
    let reach = cx.once(Reach::new);
    let taken = entered(cx, cluster);
    let functions: Vec<FuncId> = taken.iter().map(|it| cx.program.function_at(*it)).collect();
    taken.iter().copied().find(|place| {
        let called = reach.from(called_within(cx, *place));
        let inside = taken.iter().any(|other| {
            other != place && other.file == place.file && place.range.contains_range(other.range)
        });
        inside || functions.iter().any(|func| called.contains(func))
    })
}

/// The `with` statements that take one of the locks.
fn entered(cx: &Context<'_>, cluster: &Cluster) -> Vec<Place> {
    let mut out = Vec::new();
    for held in &cluster.places {
        let Some(view) = cx.view(held.place.file) else {
            continue;
        };
        let Some(expr) = view.tree.expr_at(held.place.range) else {
            continue;
        };
        let item = view.tree.parent(expr);
        if let Some(node @ AnyNodeRef::WithItem(_)) = item
            && let Some(AnyNodeRef::StmtWith(with)) = view.tree.parent(node)
        {
            out.push(view.place(with));
        }
    }
    out
}

/// Whether a task comes to this place once, or sleeps before it comes there again.
fn is_once(cx: &Context<'_>, place: Place, depth: usize, seen: &mut BTreeSet<FuncId>) -> bool {
    let Some(view) = cx.view(place.file) else {
        return false;
    };
    if !loops_sleep(cx, view, place.range) {
        return false;
    }
    let func = cx.program.function_at(place);
    // A task that is in a function twice may take the lock twice.
    if !seen.insert(func) {
        return false;
    }
    if cx.program.function(func).kind == FunctionKind::Module {
        return true;
    }
    let sites: Vec<_> = cx
        .callers
        .of(func)
        .iter()
        .filter(|site| site.owner != FuncId::NONE)
        .collect();
    match sites[..] {
        // Only tasks run it.
        [] => true,
        [site] => depth > 0 && is_once(cx, site.place, depth - 1, seen),
        _ => false,
    }
}

/// Whether each loop around the range sleeps at each turn, outside of it.
fn loops_sleep(cx: &Context<'_>, view: &View<'_>, range: TextRange) -> bool {
    for node in view.tree.around(range) {
        let body: &[Stmt] = match node {
            AnyNodeRef::StmtFor(it) => &it.body,
            AnyNodeRef::StmtWhile(it) => &it.body,
            AnyNodeRef::Comprehension(_)
            | AnyNodeRef::ExprListComp(_)
            | AnyNodeRef::ExprSetComp(_)
            | AnyNodeRef::ExprDictComp(_)
            | AnyNodeRef::ExprGenerator(_) => return false,
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) => return true,
            _ => continue,
        };
        if !body.iter().any(|stmt| sleeps(cx, view, stmt)) {
            return false;
        }
    }
    true
}
