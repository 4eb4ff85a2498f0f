//! Tasks that may be told to stop before they start: asyncio never runs them, `AnyIO` runs them up to their first wait.
//!
//! The functions are walked through with the tasks that were made and have not started, since nothing in between surely
//! lets others run. Where one of them is told to stop, its coroutine is given to a function that looks first.

mod walk;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use loopshift_engine::change::Place;
use loopshift_engine::ir::FuncId;
use loopshift_python::edit::Helper;

use self::walk::{Stops, Summary, Unstarted, walk};
use super::family::{Family, Model};
use super::silent::starts_silently;
use super::timers;
use crate::context::Context;

/// Runs a coroutine, unless its task was told to stop before.
pub(super) static UNLESS_CANCELLED: Helper = Helper {
    name: "_unless_cancelled",
    source: "async def {name}(coro):
    \"\"\"Run a task, unless it is told to stop before it starts.\"\"\"
    try:
        await {@anyio.lowlevel}.checkpoint_if_cancelled()
    except BaseException:
        coro.close()
        raise
    return await coro
",
};

/// Marks the calls that make tasks which may be told to stop before they start, where that makes a difference.
pub(super) fn mark(cx: &Context<'_>, model: &mut Model<'_>) {
    let made: BTreeSet<Place> = model.by_site.keys().copied().collect();
    for family in &mut model.families {
        if family.is_of_timers() || family.refusal.is_some() {
            continue;
        }
        let found = stopped_early(cx, family, &made, false);
        if found.is_empty() {
            continue;
        }
        // What a `join` does not wait for has no items.
        let surely = stopped_early(cx, family, &made, true);
        for spawn in &mut family.spawns {
            let site = Some(spawn.site());
            if !found.contains(&site) {
                continue;
            }
            if spawn.offloaded {
                family.refusal = Some(
                    "it is cancelled before it can start: asyncio never runs it then, and AnyIO does"
                        .to_owned(),
                );
                break;
            }
            let empty = !surely.contains(&site);
            spawn.looks_first = !starts_silently(cx, spawn.view.place(spawn.coro), empty);
        }
    }
}

/// The calls that make tasks of a family which may be told to stop before they start.
/// `made` are all that make tasks; `joins`: a wait for all items of a queue is taken to let others run.
fn stopped_early(
    cx: &Context<'_>,
    family: &Family<'_>,
    made: &BTreeSet<Place>,
    joins: bool,
) -> Unstarted {
    let mut stops = stops(family, made, joins);
    let in_group = family.spawns.iter().any(|spawn| spawn.in_group);
    if stops.places.is_empty() && !in_group {
        return Unstarted::new();
    }
    if in_group {
        stops.grouped.extend(&family.cluster.sites);
    }
    let makers = family.spawns.iter().map(|spawn| spawn.function);
    let mut found = before(cx, &stops, makers);
    found.retain(|site| site.is_some_and(|site| family.cluster.sites.contains(&site)));
    found
}

/// Those of some calls behind which nothing surely lets others run before tasks of the family are told to stop.
pub(super) fn just_before(
    cx: &Context<'_>,
    family: &Family<'_>,
    calls: &BTreeSet<Place>,
) -> BTreeSet<Place> {
    let stops = stops(family, calls, false);
    let owners = calls.iter().map(|place| cx.program.function_at(*place));
    before(cx, &stops, owners).into_iter().flatten().collect()
}

/// What tells the tasks of a family to stop.
fn stops<'m>(family: &Family<'_>, made: &'m BTreeSet<Place>, joins: bool) -> Stops<'m> {
    let mut stops = Stops {
        places: BTreeSet::new(),
        functions: BTreeSet::new(),
        made,
        grouped: BTreeSet::new(),
        joins,
    };
    for member in family.members.iter().filter(|it| it.name == "cancel") {
        match member.call {
            Some(call) => stops.places.insert(member.view.place(call)),
            None if timers::waits_first(member) => continue,
            None => stops.places.insert(member.view.place(member.attribute)),
        };
        stops.functions.insert(member.function);
    }
    stops
}

/// The calls among those that are looked for, in the functions `makers` and others, behind which nothing surely lets others run
/// before tasks are told to stop.
fn before(cx: &Context<'_>, stops: &Stops<'_>, makers: impl Iterator<Item = FuncId>) -> Unstarted {
    let mut known: BTreeMap<FuncId, Summary> = BTreeMap::new();
    let mut work: VecDeque<FuncId> = makers.chain(stops.functions.iter().copied()).collect();
    let mut found = Unstarted::new();
    while let Some(func) = work.pop_front() {
        let walked = walk(cx, func, stops, &known);
        found.extend(walked.found.iter().copied());
        let summary = Summary::of(&walked);
        if known.get(&func) == Some(&summary) {
            continue;
        }
        let plain = summary == Summary::default();
        if known.insert(func, summary).is_none() && plain {
            continue;
        }
        let callers = cx.callers.of(func).iter().map(|site| site.owner);
        let owners = cx.callers.by_language(func).iter().copied();
        for owner in callers.chain(owners).filter(|it| *it != FuncId::NONE) {
            if !work.contains(&owner) {
                work.push_back(owner);
            }
        }
    }
    found
}
