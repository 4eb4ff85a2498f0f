//! Who comes to wait for an event of gevent's while it still wakes others.
//!
//! gevent lets such a one wait behind the others, though the event is set by then: as the last of those who meet at a
//! barrier does, who opens it and waits for it himself. An `asyncio.Event` lets him go on at once.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::Target;
use loopshift_engine::graph::functions;
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::Cluster;
use loopshift_python::ast::{AnyNodeRef, Stmt};
use loopshift_python::{Ranged, TextRange, TextSize};

use crate::common::code::{Reach, called_within};
use crate::common::green::sleeps;
use crate::common::objects::{Family, method};
use crate::context::{Context, View};

/// The class.
pub(super) const EVENT: &str = "gevent.event.Event";

/// The calls that make events for which somebody may come to wait late.
pub(super) fn sites(cx: &Context<'_>) -> BTreeSet<Place> {
    let family = Family::new(cx, EVENT);
    let clusters = family.clusters.iter().filter(|it| has_late(cx, it));
    clusters.flat_map(|it| it.sites.iter().copied()).collect()
}

fn has_late(cx: &Context<'_>, cluster: &Cluster) -> bool {
    let calls = |name: &'static str| {
        let named = cluster.members.iter().filter(move |it| method(it) == name);
        named.map(|it| it.place).filter(|place| {
            let view = cx.view(place.file);
            view.is_some_and(|view| view.call_of(place.range).is_some())
        })
    };
    let sets: Vec<Place> = calls("set").collect();
    let waits: Vec<Place> = calls("wait").collect();
    let is_set = |place: Place| runs_before(cx, place, &sets, &mut BTreeSet::new());
    let begins = |place: Place| begins_before(cx, cluster, place, &waits);
    waits.iter().any(|wait| is_set(*wait)) || sets.iter().any(|set| begins(*set))
}

/// Whether one of `wanted` may run before a place without any sleep in between.
fn runs_before(
    cx: &Context<'_>,
    place: Place,
    wanted: &[Place],
    seen: &mut BTreeSet<FuncId>,
) -> bool {
    let Some(view) = cx.view(place.file) else {
        return false;
    };
    let Some(before) = stretch(cx, view, place) else {
        return false;
    };
    let reached = cx.once(Reach::new).from(called_within(cx, before));
    let stands = |it: &Place| {
        let inside = it.file == place.file && before.range.contains_range(it.range);
        let here = cx.program.function_at(*it) == cx.program.function_at(place);
        (inside && here) || reached.contains(&cx.program.function_at(*it))
    };
    if wanted.iter().any(stands) {
        return true;
    }
    let func = cx.program.function_at(place);
    let mut sites = cx.callers.of(func).iter();
    seen.insert(func)
        && sites.any(|site| site.owner != FuncId::NONE && runs_before(cx, site.place, wanted, seen))
}

/// Whether a green thread that waits for an event is started before it is set, without any sleep in between, and others
/// may wait by then.
fn begins_before(cx: &Context<'_>, cluster: &Cluster, set: Place, waits: &[Place]) -> bool {
    let Some(before) = cx.view(set.file).and_then(|view| stretch(cx, view, set)) else {
        return false;
    };
    let func = cx.program.function_at(set);
    let starts = cx.program.calls_within(before).any(|call| {
        let flow = &cx.program.flow;
        let spawns = cx.program.callees(call).iter().any(|target| match target {
            Target::External(sym) => {
                let row = cx.catalog.get(flow.text(*sym));
                row.is_some_and(|row| row.rule.as_deref() == Some("green-spawn"))
            }
            Target::Func(_) => false,
        });
        let given = call.args.iter().flat_map(|arg| flow.values_of(arg.node));
        let run = functions(flow, given);
        spawns && {
            let run = cx.once(Reach::new).from(run);
            let mut waits = waits.iter();
            waits.any(|wait| run.contains(&cx.program.function_at(*wait)))
        }
    });
    let mut sites = cluster.sites.iter();
    let is_made_before = sites.any(|site| {
        site.file != set.file
            || cx.program.function_at(*site) != func
            || site.range.start() < before.range.start()
    });
    starts && is_made_before
}

/// What runs before a place in its function since it has slept; where a loop is around both, the whole loop.
fn stretch(cx: &Context<'_>, view: &View<'_>, place: Place) -> Option<Place> {
    let function = view.tree.enclosing_function(place.range);
    let start = function.map_or(TextSize::new(0), |it| it.start());
    let mut stmt = view.tree.enclosing_statement(place.range)?;
    while let Some((suite, at)) = view.tree.suite_of(stmt) {
        let mut before = suite[..at].iter().rev();
        if let Some(rested) = before.find(|it| sleeps(cx, view, it) || joins(cx, view, it)) {
            return Some(between(place, rested.end()));
        }
        let outer = view.tree.ancestors(stmt).find(|node| node.is_statement());
        match outer {
            Some(node) if node.start() > start => {
                if let AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_) = node {
                    let turns = TextRange::new(node.start(), node.end());
                    return Some(Place {
                        range: turns,
                        ..place
                    });
                }
                stmt = view.tree.enclosing_statement(node.range())?;
            }
            _ => break,
        }
    }
    Some(between(place, start))
}

/// Whether a statement waits for several green threads, wherever that stands in it.
fn joins(cx: &Context<'_>, view: &View<'_>, stmt: &Stmt) -> bool {
    let is_plain = matches!(stmt, Stmt::Expr(_) | Stmt::Assign(_));
    is_plain
        && view.tree.nodes_within(stmt.range()).any(|node| match node {
            AnyNodeRef::ExprCall(call) => cx.api_of(view, &call.func) == Some("gevent.joinall"),
            _ => false,
        })
}

fn between(place: Place, start: TextSize) -> Place {
    Place {
        range: TextRange::new(start, place.range.start().max(start)),
        ..place
    }
}
