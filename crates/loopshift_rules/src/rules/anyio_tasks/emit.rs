//! The edits that move the tasks of a region into its group.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::Expr;
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::again::{ENDS_OTHERS, awaits_together, is_waited_for_beside};
use super::failure::handlers;
use super::family::{Model, Spawn, Wait, WaitKind};
use super::forms::{Out, edit_wait, under_timeout};
use super::places::{LINGERS, ends_seen};
use super::region::{Region, waits_of};
use super::rename::{asked_early, rename_cancelled, rename_results, rename_state};
use super::spawning::edit_spawn;
use super::thread::{self, Thread};
use super::{
    callbacks, ending, fatal, fixtures, gathered, host, left, members, offered, offload, results,
    timers, woken,
};
use crate::common::cancel::can_be_cut_short;
use crate::common::raising::Raising;
use crate::context::{Context, View};

/// What becomes of the error of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errors {
    /// There is none, as far as the text of the coroutine shows.
    None,
    /// It leaves the group.
    Leave,
    /// The same, where it ends the program in asyncio, too.
    Fatal,
    /// It is kept in the value, for the awaiter.
    Kept,
    /// It is logged: nobody waits for the task.
    Logged,
}

/// What must change at once: regions, and the families in them or handed their groups.
#[derive(Default)]
struct Component {
    regions: BTreeSet<usize>,
    families: BTreeSet<usize>,
    threaded: BTreeSet<usize>,
    /// The `__aenter__` of objects that hold the group of some that are handed it.
    hosts: BTreeSet<FuncId>,
}

/// One change for all that belongs together.
pub(super) fn changes(
    cx: &Context<'_>,
    model: &Model<'_>,
    regions: &[Region<'_>],
    threads: &BTreeMap<usize, Thread>,
) -> Vec<Change> {
    let mut components: Vec<Component> = Vec::new();
    for (at, region) in regions.iter().enumerate() {
        let mut component = Component {
            regions: [at].into(),
            families: region.families.clone(),
            ..Component::default()
        };
        for (index, thread) in threads {
            let starts = region.starts.iter().any(|start| {
                thread.roots.values().any(|places| places.contains(start))
                    || model.families[*index]
                        .spawns
                        .iter()
                        .any(|it| it.site() == *start)
            });
            if starts {
                component.threaded.insert(*index);
            }
        }
        components.push(component);
    }
    for (index, thread) in threads {
        let roots = thread.roots.keys().copied();
        let hosts: BTreeSet<FuncId> = roots.filter(|it| host::is_host(cx, *it)).collect();
        if !hosts.is_empty() {
            components.push(Component {
                threaded: [*index].into(),
                hosts,
                ..Component::default()
            });
        }
    }
    // Families that share a function with a parameter, or a group, go together.
    let related = |a: &Component, b: &Component| {
        a.threaded.iter().any(|first| {
            b.threaded.iter().any(|second| {
                first == second
                    || threads[first]
                        .functions
                        .iter()
                        .any(|it| threads[second].functions.contains(it))
            })
        }) || a.families.iter().any(|index| b.families.contains(index))
            || !a.hosts.is_disjoint(&b.hosts)
    };
    let mut at = 0;
    while at < components.len() {
        let other =
            (at + 1..components.len()).find(|it| related(&components[at], &components[*it]));
        if let Some(other) = other {
            let taken = components.remove(other);
            components[at].regions.extend(taken.regions);
            components[at].families.extend(taken.families);
            components[at].threaded.extend(taken.threaded);
            components[at].hosts.extend(taken.hosts);
        } else {
            at += 1;
        }
    }
    let stopped = stopped_functions(cx, model);
    components
        .iter()
        .flat_map(|component| change(cx, model, regions, threads, &stopped, component))
        .collect()
}

/// Whether the tasks are told to stop in the same function before it waits for them.
fn is_told_before(model: &Model<'_>, families: &BTreeSet<usize>, wait: &Wait<'_>) -> bool {
    families.iter().all(|index| {
        (model.families[*index].members.iter()).any(|member| {
            member.name == "cancel"
                && member.function == wait.function
                && member.attribute.start() < wait.await_.start()
        })
    })
}

/// The functions that run in tasks which are told to stop.
fn stopped_functions(cx: &Context<'_>, model: &Model<'_>) -> BTreeSet<FuncId> {
    let families = model.families.iter();
    let coros: Vec<Place> = families
        .filter(|family| super::cancelled::is_cancelled(family) && !family.is_of_timers())
        .flat_map(|family| &family.spawns)
        .flat_map(Spawn::runs)
        .collect();
    super::cancelled::functions(cx, &coros)
}

fn change(
    cx: &Context<'_>,
    model: &Model<'_>,
    regions: &[Region<'_>],
    threads: &BTreeMap<usize, Thread>,
    stopped: &BTreeSet<FuncId>,
    component: &Component,
) -> Vec<Change> {
    let all: BTreeSet<usize> = component
        .families
        .union(&component.threaded)
        .copied()
        .collect();
    let spawns: Vec<(usize, &Spawn<'_>)> = all
        .iter()
        .flat_map(|index| {
            let spawns = &model.families[*index].spawns;
            spawns.iter().map(move |spawn| (*index, spawn))
        })
        .collect();
    let Some(first) = spawns
        .iter()
        .map(|(_, spawn)| *spawn)
        .min_by_key(|it| it.callee)
    else {
        return Vec::new();
    };
    let decline = |reason: &str| -> Vec<Change> {
        let declined =
            |spawn: &Spawn<'_>| Change::declined(spawn.rule(), spawn.callee, &*spawn.api, reason);
        // The rule for calls of `gather` finds another way for them.
        let spawns = spawns.iter().map(|(_, spawn)| *spawn);
        let spawns = spawns.filter(|spawn| !spawn.is_gathered());
        spawns.map(declined).collect()
    };
    let first = spawns
        .iter()
        .map(|(_, spawn)| *spawn)
        .find(|it| it.timer.is_none())
        .unwrap_or(first);
    let mut change = Change::new(
        first.rule(),
        first.callee,
        &*first.api,
        match first.timer {
            None if first.is_gathered() => {
                "`asyncio.gather` runs in a task group, where the others go on when one fails"
            }
            None => "the task becomes one of a task group",
            Some(_) => "what the loop calls later becomes a task that waits, then calls",
        },
    );
    let mut way = Thread::default();
    for index in &component.threaded {
        let thread = &threads[index];
        way.functions.extend(&thread.functions);
        way.inner_calls.extend(&thread.inner_calls);
        for (root, places) in &thread.roots {
            way.roots.entry(*root).or_default().extend(places);
        }
    }
    let named = |region: &Region<'_>| {
        let scope = region.view.scopes.at(super::body_range(region.def).start());
        region.view.scopes.fresh_name(scope, "tg")
    };
    // A function that is handed a group may have one of its own for other tasks.
    let others = (0..regions.len()).filter(|at| !component.regions.contains(at));
    let grouped = others
        .map(|at| (regions[at].function, named(&regions[at])))
        .collect();
    let parameter = thread::parameter_name(cx, &way, &grouped);
    let mut groups: BTreeMap<FuncId, String> = BTreeMap::new();
    for function in &way.functions {
        groups.insert(*function, parameter.clone());
    }
    for function in &component.hosts {
        if let Some((view, def)) = crate::common::code::definition(cx, *function) {
            let scope = view.scopes.at(super::body_range(def).start());
            groups.insert(*function, view.scopes.fresh_name(scope, "tg"));
        }
    }
    let runs: Vec<Place> = (all.iter())
        .flat_map(|index| model.families[*index].runs())
        .collect();
    change.requires.extend(awaits_together(cx, &runs));
    let mut deleted: Vec<TextRange> = Vec::new();
    let mut last: BTreeMap<usize, Vec<Vec<Piece>>> = BTreeMap::new();
    for at in &component.regions {
        let region = &regions[*at];
        let by_hand = super::entry::runs_by_hand(cx, region.function);
        change.requires.extend(by_hand);
        change.requires.extend(fixtures::needed(cx, region));
        groups.insert(region.function, named(region));
        last.insert(*at, Vec::new());
    }
    let errors = all
        .iter()
        .map(|index| {
            let region = component
                .regions
                .iter()
                .map(|at| &regions[*at])
                .find(|region| region.families.contains(index));
            (*index, errors_of(cx, model, region, *index))
        })
        .collect();
    let errors = kept_together(model, &all, errors);
    let kept = |index: &usize| errors.get(index) == Some(&Errors::Kept);
    for wait in model.waits_of(&all) {
        let families: BTreeSet<usize> = wait
            .sites
            .iter()
            .filter_map(|site| model.by_site.get(site).copied())
            .collect();
        let guarded = families.iter().any(kept);
        for use_ in &wait.uses {
            change.covers.push(*use_);
        }
        let place = wait.view.place(wait.await_);
        let region = component
            .regions
            .iter()
            .copied()
            .find(|at| regions[*at].function == wait.function);
        let apart = !region.is_some_and(|at| families.is_subset(&regions[at].families));
        let apart = apart && !is_told_before(model, &families, wait);
        // A call in a shield goes on.
        let shielded = wait.kind == WaitKind::Await && wait.call.is_some();
        let timed = !shielded && under_timeout(cx, wait)
            || !shielded
                && apart
                && (stopped.contains(&wait.function) || can_be_cut_short(cx, place));
        if timed && matches!(wait.kind, WaitKind::Gather { .. } | WaitKind::GatherFor) {
            return decline(
                "it is waited for with others where a timeout or a cancellation may come, which asyncio hands on to them, and AnyIO does not",
            );
        }
        let ends_task = timed && wait.kind == WaitKind::Await;
        if ends_task && is_waited_for_beside(cx, model, &families, wait) {
            change.caveat(ENDS_OTHERS);
        }
        let is_cancelled = |index| results::may_be_cancelled(&model.families[index], wait);
        let cancelled = families.iter().copied().any(is_cancelled);
        let mut out = Out {
            timed,
            group: groups.get(&wait.function).cloned(),
            is_tail: region.is_some_and(|at| regions[at].tail.contains(&place)),
            deleted: Vec::new(),
            last: Vec::new(),
            late: false,
            cancelled,
            leaving: families
                .iter()
                .any(|index| model.families[*index].callbacks.leave),
        };
        if let Err(reason) = edit_wait(cx, &mut change, &mut out, wait, guarded) {
            return decline(&reason);
        }
        deleted.extend(out.deleted);
        if let Some(at) = region {
            last.entry(at).or_default().extend(out.last);
        }
        if out.late {
            change.caveat(
                "the error of a task that is gathered arrives when those before it have ended",
            );
        }
        rename_cancelled(cx, model, &mut change, wait);
        if cancelled {
            match results::tests(cx, wait) {
                Ok(tests) => rename_results(&mut change, tests),
                Err(reason) => return decline(&reason),
            }
        }
    }
    for index in &all {
        if let Some(caveat) = members::unnamed(&model.families[*index]) {
            change.caveat(caveat);
        }
        for member in &model.families[*index].members {
            change.covers.push(member.view.place(member.attribute));
            if model.families[*index].is_of_timers() {
                timers::edit_member(&mut change, member);
                continue;
            }
            members::edit(cx, &mut change, member, kept(index));
            if matches!(member.name.as_str(), "result" | "exception") {
                rename_state(cx, &mut change, member.view, member.attribute.range());
                asked_early(cx, model, &mut change, *index, member);
            }
        }
    }
    let mut gone: BTreeSet<Place> = BTreeSet::new();
    for index in &all {
        let family = &model.families[*index];
        gone.extend(family.gone());
        change.covers.extend(&family.callbacks.asked);
        woken::edit(&mut change, family);
    }
    for place in gone {
        deleted.push(place.range);
        change
            .edits
            .push((place.file, Edit::DeleteStatement { range: place.range }));
    }
    for (index, spawn) in &spawns {
        change.covers.push(spawn.callee);
        let Some(group) = groups.get(&spawn.function) else {
            return decline("its task group is not at hand where it is made");
        };
        let (family, waits) = (&model.families[*index], waits_of(model, *index));
        callbacks::edit_watched(&mut change, spawn, family, group);
        if let Some(timer) = spawn.timer {
            timers::edit(cx, &mut change, spawn, timer, family, group);
        } else if callbacks::edit_spawn(cx, &mut change, spawn, family, errors[index], group) {
        } else if spawn.offloaded {
            let errors = errors[index];
            if let Err(reason) = offload::edit(cx, &mut change, spawn, family, waits, errors, group)
            {
                return decline(&reason);
            }
        } else if spawn.is_gathered() {
            if let Err(reason) = gathered::edit(cx, &mut change, spawn, group) {
                return decline(&reason);
            }
        } else {
            edit_spawn(cx, &mut change, spawn, errors[index], group, &deleted);
        }
    }
    thread::edit(cx, &mut change, &way, &parameter, &groups);
    let held = |function: &FuncId| -> Vec<usize> {
        (component.threaded.iter().copied())
            .filter(|index| threads[index].roots.contains_key(function))
            .collect()
    };
    for function in &component.hosts {
        if let Err(reason) = host::edit(cx, &mut change, *function, &groups[function]) {
            return decline(&reason);
        }
        let starts = way.roots.get(function).cloned().unwrap_or_default();
        change
            .requires
            .extend(left::fixtures_entering(cx, *function));
        if !left::is_alike(cx, model, *function, &held(function), &starts) {
            change.caveat(
                "the object must be left by the task that entered it, and what it started ends with it",
            );
        }
    }
    let mut observed = false;
    for at in &component.regions {
        let region = &regions[*at];
        let last = last.remove(at).unwrap_or_default();
        observed |= ending::edit(cx, &mut change, region, &groups[&region.function], last);
        let seen = |index: &usize| ends_seen(cx, &model.families[*index]);
        if region.lingers && region.families.iter().any(seen) {
            change.caveat(LINGERS);
        }
        super::beside::caveats(cx, &mut change, model, region, &errors);
        super::cut_off::caveats(cx, &mut change, model, region, &held(&region.function));
    }
    if errors.values().any(|errors| *errors == Errors::Leave) {
        change.caveat(if observed {
            "an error of the task cancels what runs beside it in the task group"
        } else {
            "an error of the task arrives as an ExceptionGroup, and cancels what runs beside it in the task group"
        });
    }
    let made: Vec<&Spawn<'_>> = spawns.iter().map(|(_, spawn)| *spawn).collect();
    timers::caveats(&mut change, &made);
    let tells = |index: &usize| {
        let is_waited_for = waits_of(model, *index).next().is_some();
        model.families[*index].callbacks.tells() && is_waited_for
    };
    if all.iter().any(tells) {
        change.caveat(
            "a task of its own calls back: what waits for the task may go on before that, and asyncio calls back first",
        );
    }
    if (way.functions.iter()).any(|function| offered::is_offered(cx, *function)) {
        change.caveat(
            "functions that make tasks get a task group as a parameter, and others may call them",
        );
    }
    let ends = !component.hosts.is_empty()
        || component
            .regions
            .iter()
            .any(|at| !regions[*at].stops.is_empty());
    let stopped: Vec<Place> = spawns
        .iter()
        .filter(|(index, _)| ends || super::cancelled::is_cancelled(&model.families[*index]))
        .flat_map(|(_, spawn)| spawn.runs())
        .collect();
    change.covers.sort();
    change.covers.dedup();
    if let Err(reason) = super::cancelled::prepare(cx, &mut change, &stopped) {
        return decline(&reason);
    }
    vec![change]
}

/// Tasks that are waited for in one place keep their errors together or not at all.
fn kept_together(
    model: &Model<'_>,
    all: &BTreeSet<usize>,
    mut errors: BTreeMap<usize, Errors>,
) -> BTreeMap<usize, Errors> {
    loop {
        let mut more = BTreeSet::new();
        for wait in model.waits_of(all) {
            let sites = wait.sites.iter();
            let here: Vec<usize> = sites
                .filter_map(|site| model.by_site.get(site).copied())
                .filter(|index| errors.contains_key(index))
                .collect();
            if here.iter().any(|index| errors[index] == Errors::Kept) {
                more.extend(here);
            }
        }
        more.retain(|index| errors[index] != Errors::Kept);
        if more.is_empty() {
            return errors;
        }
        errors.extend(more.into_iter().map(|index| (index, Errors::Kept)));
    }
}

/// What to do with errors of the tasks of a family.
pub(super) fn errors_of(
    cx: &Context<'_>,
    model: &Model<'_>,
    region: Option<&Region<'_>>,
    index: usize,
) -> Errors {
    let family = &model.families[index];
    if family.is_of_timers() {
        return Errors::None;
    }
    if (waits_of(model, index)).any(|wait| results::may_be_cancelled(family, wait)) {
        return Errors::Kept;
    }
    if waits_of(model, index).any(|wait| wait.kind == WaitKind::GatherFor) {
        return Errors::Kept;
    }
    let raising = Raising::new(cx);
    if family.spawns.iter().all(|spawn| !spawn.may_raise(&raising)) {
        return Errors::None;
    }
    if region.is_some_and(|region| fatal::ends(model, region, index)) {
        return Errors::Fatal;
    }
    if family.callbacks.tells() {
        return Errors::Kept;
    }
    let mut waited = false;
    for wait in waits_of(model, index) {
        waited = true;
        if wait.kind == (WaitKind::Gather { exceptions: true }) || wait.kind.is_wait() {
            return Errors::Kept;
        }
        if caught_inside(cx, region, wait.view, wait.await_.range()) {
            return Errors::Kept;
        }
    }
    for member in &family.members {
        match member.name.as_str() {
            "exception" => return Errors::Kept,
            "result" if caught_inside(cx, region, member.view, member.attribute.range()) => {
                return Errors::Kept;
            }
            "result" => waited = true,
            _ => {}
        }
    }
    // A callback is what several tasks meet in, of which some may be waited for and others not.
    let all_waited = family.spawns.iter().all(|spawn| {
        let site = spawn.site();
        waits_of(model, index).any(|wait| wait.sites.contains(&site))
    });
    let some_unwaited = !all_waited && !family.callbacks.all.is_empty();
    let exact = !cx.settings.plain && can_keep(model, index);
    if waited && (some_unwaited || exact) {
        Errors::Kept
    } else if waited {
        Errors::Leave
    } else if family.callbacks.look {
        Errors::Kept
    } else {
        Errors::Logged
    }
}

/// Whether each wait for the tasks has a form that gives the awaiter the error that the task kept.
fn can_keep(model: &Model<'_>, index: usize) -> bool {
    waits_of(model, index).all(|wait| match wait.kind {
        WaitKind::Await
        | WaitKind::Next
        | WaitKind::For
        | WaitKind::GatherFor
        | WaitKind::Shield
        | WaitKind::ShieldedFor => true,
        WaitKind::Gather { exceptions: false } => {
            wait.operands.iter().all(|operand| match operand {
                Expr::Call(call) => wait.sites.contains(&wait.view.place(call)),
                _ => true,
            })
        }
        _ => false,
    })
}

/// Whether a handler between the place and the edge of the region catches errors of tasks.
fn caught_inside(
    cx: &Context<'_>,
    region: Option<&Region<'_>>,
    view: &View<'_>,
    range: TextRange,
) -> bool {
    let Some(region) = region else {
        // It fails beside code that has nothing to do with it.
        return true;
    };
    handlers(cx, view, range).iter().any(|(at, catches, _)| {
        catches.errors
            && (view.file != region.view.file
                || !at.contains_range(region.run.range())
                || at == &region.run.range())
    })
}
