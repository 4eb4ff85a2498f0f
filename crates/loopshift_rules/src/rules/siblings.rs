//! What the coroutines of a `gather` do after one of them failed: asyncio lets them run on.

use loopshift_engine::flow::Target;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, ExprContext, Stmt};
use loopshift_python::{Ranged, TextRange};

use super::awaited::coroutines;
use super::code::{Reach, definition, is_switch, is_yield, own};
use super::raising::caught_around;
use super::runners::runners;
use crate::context::{Context, View};

/// What can be called without anybody seeing it.
const UNSEEN: &[&str] = &[
    "asyncio.sleep",
    "anyio.sleep",
    "asyncio.Event.wait",
    "asyncio.Lock.acquire",
];

/// Whether somebody can see what the coroutines of the call do after their first wait.
pub(crate) fn is_seen(cx: &Context<'_>, reach: &Reach, view: &View<'_>, call: &ExprCall) -> bool {
    let mut roots = std::collections::BTreeSet::new();
    for argument in &call.arguments.args {
        let inner = match argument {
            Expr::Starred(starred) => &starred.value,
            plain => plain,
        };
        roots.extend(coroutines(cx, view, inner));
    }
    if roots.is_empty() {
        return true;
    }
    for func in reach.from(roots.iter().copied()) {
        let Some((view, def)) = definition(cx, func) else {
            return true;
        };
        let nodes = own(&def.body);
        let first = nodes
            .iter()
            .filter(|node| is_switch(**node))
            .map(Ranged::start)
            .min();
        let from = if roots.contains(&func) { first } else { None };
        let after = nodes
            .iter()
            .filter(|node| from.is_none_or(|from| node.start() >= from));
        for node in after {
            let seen = match node {
                AnyNodeRef::ExprCall(call) => is_effect(cx, view, call),
                AnyNodeRef::ExprAttribute(it) => it.ctx != ExprContext::Load,
                AnyNodeRef::ExprSubscript(it) => it.ctx != ExprContext::Load,
                AnyNodeRef::StmtGlobal(_) | AnyNodeRef::StmtNonlocal(_) => true,
                _ => false,
            };
            if seen {
                return true;
            }
        }
    }
    false
}

fn is_effect<'v>(cx: &Context<'_>, view: &View<'v>, call: &'v ExprCall) -> bool {
    if matches!(view.tree.parent(call), Some(AnyNodeRef::StmtRaise(_))) {
        return false;
    }
    let mut any = false;
    let unseen = cx
        .program
        .calls_within(view.place(call))
        .filter(|other| other.range == call.range())
        .flat_map(|other| cx.program.callees(other))
        .all(|target| {
            any = true;
            match target {
                Target::Func(_) => true,
                Target::External(sym) => UNSEEN.contains(&cx.program.flow.text(*sym)),
            }
        });
    !(any && unseen)
}

/// The rest of the function from the statement on in which the `await` stands, where the function is what the program
/// runs and a group around that rest changes nothing else.
pub(crate) fn rest_of_entry(cx: &Context<'_>, view: &View<'_>, await_: &Expr) -> Option<TextRange> {
    let func = cx.program.function_at(view.place(await_));
    let (_, def) = definition(cx, func)?;
    let sites = cx.callers.of(func);
    if sites.is_empty() || cx.callers.is_handed_over(func) {
        return None;
    }
    for site in sites {
        let other = cx.view(site.place.file)?;
        let run = runners(cx, other, site.place.range)?;
        let caught = run.into_iter().chain([site.place]).any(|place| {
            cx.view(place.file)
                .is_none_or(|view| caught_around(view, place.range))
        });
        if caught {
            return None;
        }
    }
    let at = def
        .body
        .iter()
        .position(|stmt| stmt.range().contains_range(await_.range()))?;
    let rest = def.body.get(at..)?;
    let hindered = own(rest).into_iter().any(|node| {
        is_yield(node)
            || matches!(node, AnyNodeRef::StmtReturn(_))
            || matches!(node, AnyNodeRef::ExprName(name)
                if matches!(name.id.as_str(), "exit" | "quit" | "SystemExit" | "sys" | "os"))
    });
    let (first, last) = (rest.first()?, rest.last()?);
    let range = TextRange::new(first.start(), last.end());
    let plain = !matches!(last, Stmt::Return(_) | Stmt::Raise(_));
    (!hindered && plain && view.can_wrap(range).is_ok()).then_some(range)
}
