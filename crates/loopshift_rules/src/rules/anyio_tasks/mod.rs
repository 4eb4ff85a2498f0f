//! Tasks become tasks of a group: `asyncio.create_task`, `ensure_future`, `loop.create_task`, and what is done with them.
//!
//! A task of asyncio lives on its own; one of `AnyIO` lives in a task group, which is a block of one function and waits for
//! its tasks. So for each task the block must be found: from where it is made to where it is over ([`region`], [`life`]).
//! Tasks that meet in a variable or a list move together or not at all ([`family`]).

mod abandoned;
mod again;
mod annotations;
mod beside;
mod callable;
mod callbacks;
mod cancelled;
mod caught;
mod conditions;
mod cut_off;
mod direct;
mod emit;
mod ending;
mod entered;
mod entry;
mod factory;
mod failure;
mod family;
mod fatal;
mod fixtures;
mod forms;
pub(crate) mod gather_left;
mod gathered;
mod gotten;
mod group;
mod handles;
mod helpers;
mod host;
mod identity;
mod keep;
mod known;
mod left;
mod life;
mod managers;
mod members;
mod mistaken;
mod offered;
mod offload;
mod ordered;
mod outside;
mod places;
mod region;
mod rename;
mod results;
mod served;
mod shielded;
mod silent;
mod spawning;
mod state;
pub(crate) mod suites;
mod thread;
mod timers;
mod told;
mod unstarted;
mod waiting;
mod waits;
mod woken;

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_python::Ranged;
use loopshift_python::ast::StmtFunctionDef;

use crate::common::in_place::Sites;
use crate::context::Context;
use family::{Model, Spawn, held};
use places::{Places, place};

const RULE: &str = "anyio-tasks";

/// Whether an expression may be a task, or a container of tasks: rules for other waits leave it to this one.
pub(crate) fn may_be_task(cx: &Context<'_>, place: Place) -> bool {
    !held(cx, place).sites.is_empty()
}

pub(crate) use fixtures::{WaitingFixtures, is_left_last};
pub(crate) use group::plan as plan_groups;
pub(crate) use region::is_context_manager;
pub(crate) use thread::{is_root, share_loops};

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    plan_for(cx, RULE, changes);
}

/// The changes for what event loops call later, for the rule that speaks for it.
pub(crate) fn plan_timers(cx: &Context<'_>, changes: &mut Vec<Change>) {
    if cx.uses.iter().any(|it| timers::timer(&it.api).is_some()) {
        plan_for(cx, timers::RULE, changes);
    }
}

/// The changes for calls that run in a thread and are waited for later, for the rule that speaks for them.
pub(crate) fn plan_offloaded(cx: &Context<'_>, changes: &mut Vec<Change>) {
    if !offload::spawns(cx).is_empty() {
        plan_for(cx, offload::RULE, changes);
    }
}

/// The changes for calls in a shield that go on by themselves, for the rule that speaks for it.
pub(crate) fn plan_shielded(cx: &Context<'_>, changes: &mut Vec<Change>) {
    plan_for(cx, shielded::RULE, changes);
}

/// The changes for calls of `gather` that others run on from, for the rule that speaks for it.
pub(crate) fn plan_gathered(cx: &Context<'_>, changes: &mut Vec<Change>) {
    plan_for(cx, gathered::RULE, changes);
}

/// Whether a change of tasks speaks for what stands there.
pub(crate) fn covers(cx: &Context<'_>, place: Place) -> bool {
    let all = cx.once(all_changes);
    (all.iter()).any(|it| it.declined.is_none() && it.covers.contains(&place))
}

/// The changes of one of the rules.
fn plan_for(cx: &Context<'_>, rule: &str, changes: &mut Vec<Change>) {
    let all = cx.once(all_changes);
    changes.extend(all.iter().filter(|change| change.rule == rule).cloned());
}

/// The changes of all of them. Tasks and timers share groups, so that they are looked at together.
fn all_changes(cx: &Context<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut model = family::model(cx);
    members::check(cx, &mut model);
    told::check(cx, &mut model);
    outside::check(cx, &mut model);
    gotten::check(cx, &mut model);
    factory::check(cx, &mut model);
    direct::mark(cx, &mut model);
    unstarted::mark(cx, &mut model);
    woken::check(cx, &mut model);
    if !model.families.is_empty() && !handles::are_there(cx) {
        for index in 0..model.families.len() {
            let family = &model.families[index];
            if !family.is_of_timers() && family.refusal.is_none() && !family.is_direct {
                model.families[index].refusal = handles::refusal(&model, index);
            }
        }
    }
    spread(&mut model);
    let Places { regions, threads } = loop {
        let places = place(cx, &mut model);
        if !mistaken::check_left(cx, &mut model) {
            break places;
        }
        spread(&mut model);
    };
    changes.extend(emit::changes(cx, &model, &regions, &threads));
    changes.extend(direct::changes(&model));
    for family in &model.families {
        let is_free = |spawn: &&Spawn<'_>| !spawn.in_group && !spawn.is_gathered();
        let free = family.spawns.iter().filter(is_free);
        if let Some(reason) = &family.refusal {
            for spawn in free {
                let rule = spawn.rule();
                changes.push(Change::declined(rule, spawn.callee, &*spawn.api, &**reason));
            }
            for member in &family.members {
                let place = member.view.place(member.attribute);
                let rule = family.spawns.first().map_or(RULE, family::Spawn::rule);
                changes.push(Change::declined(rule, place, &*member.api, &**reason));
            }
        }
    }
    stuck_waits(cx, &model, &mut changes);
    annotations::plan(cx, &model, &mut changes);
    unknown_spawns(cx, &model, &mut changes);
    changes
}

/// Refuses every family that is waited for together with a refused one.
fn spread(model: &mut Model<'_>) {
    loop {
        let mut moved = false;
        for wait in &model.waits {
            let families: BTreeSet<usize> = wait
                .sites
                .iter()
                .filter_map(|site| model.by_site.get(site).copied())
                .collect();
            let reason = families
                .iter()
                .find_map(|index| model.families[*index].refusal.clone());
            let Some(reason) = reason else { continue };
            for index in families {
                if model.families[index].refusal.is_none() {
                    model.families[index].refusal = Some(format!(
                        "it is waited for together with a task that stays: {reason}"
                    ));
                    moved = true;
                }
            }
        }
        if !moved {
            return;
        }
    }
}

/// Calls of `asyncio.wait` that stay, with what is named in them.
fn stuck_waits(cx: &Context<'_>, model: &Model<'_>, changes: &mut Vec<Change>) {
    let mut decline = |place: Place, reason: &str| {
        if let Some(use_) = cx.uses.iter().find(|use_| use_.place == place) {
            changes.push(Change::declined(RULE, place, &*use_.api, reason));
        }
    };
    for (place, reason) in &model.odd_waits {
        decline(*place, reason);
    }
    for wait in model.waits.iter().filter(|wait| wait.kind.is_wait()) {
        let refusal = wait
            .sites
            .iter()
            .filter_map(|site| model.by_site.get(site))
            .find_map(|index| model.families[*index].refusal.as_deref());
        for use_ in refusal.iter().flat_map(|_| &wait.uses) {
            decline(*use_, refusal.unwrap_or_default());
        }
    }
    // The constants are mentioned in other places, too.
    for use_ in cx.uses {
        let constant = matches!(
            use_.api.as_str(),
            "asyncio.ALL_COMPLETED" | "asyncio.FIRST_COMPLETED" | "asyncio.FIRST_EXCEPTION"
        );
        let ours = model
            .waits
            .iter()
            .any(|wait| wait.uses.contains(&use_.place));
        if constant && !ours {
            changes.push(Change::declined(
                RULE,
                use_.place,
                &*use_.api,
                "it is no argument of a call of `asyncio.wait` that moves",
            ));
        }
    }
}

/// Calls that make tasks of what is not known to be a coroutine, and the like.
fn unknown_spawns(cx: &Context<'_>, model: &Model<'_>, changes: &mut Vec<Change>) {
    let known: BTreeSet<Place> = model
        .families
        .iter()
        .flat_map(|family| family.spawns.iter().map(|spawn| spawn.callee))
        .collect();
    let in_place = cx.once(Sites::new);
    for use_ in cx.uses {
        let spawns = matches!(
            use_.api.as_str(),
            "asyncio.create_task"
                | "asyncio.ensure_future"
                | "asyncio.AbstractEventLoop.create_task"
        );
        if !spawns || known.contains(&use_.place) {
            continue;
        }
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let reason = match view.call_of(use_.place.range) {
            None => {
                "it is passed on as a function; a task group must be at hand where it is called"
            }
            Some(call) if in_place.has(view.place(call)) => continue,
            Some(_) if !use_.only => "it is called through a variable that may hold something else",
            Some(call) => {
                let coroutine = call.arguments.args.first().is_some_and(|arg| {
                    cx.program
                        .values_at(view.place(arg))
                        .any(|value| matches!(value, Value::Coroutine(_)))
                });
                if coroutine {
                    "its arguments, or what becomes of the task, are not known"
                } else {
                    "it is not known to be given a coroutine: a future or a task would be handed back as it is"
                }
            }
        };
        changes.push(Change::declined(RULE, use_.place, &*use_.api, reason));
    }
}

/// The body of a function.
pub(super) fn body_range(def: &StmtFunctionDef) -> loopshift_python::TextRange {
    match (def.body.first(), def.body.last()) {
        (Some(first), Some(last)) => loopshift_python::TextRange::new(first.start(), last.end()),
        _ => def.range(),
    }
}
