//! Tasks become tasks of a group: `asyncio.create_task`, `ensure_future`, `loop.create_task`, and what is done with them.
//!
//! A task of asyncio lives on its own; one of `AnyIO` lives in a task group, which is a block of one function and waits for
//! its tasks. So for each task the block must be found: from where it is made to where it is over ([`region`], [`life`]).
//! Tasks that meet in a variable or a list move together or not at all ([`family`]).

mod abandoned;
mod annotations;
mod beside;
mod callable;
mod callbacks;
mod cancelled;
mod conditions;
mod direct;
mod emit;
mod ending;
mod entered;
mod entry;
mod factory;
mod failure;
mod family;
mod fatal;
mod forms;
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
mod members;
mod mistaken;
mod offered;
mod offload;
mod ordered;
mod outside;
mod region;
mod rename;
mod results;
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

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, StmtFunctionDef};

use crate::context::{Context, View};
use crate::rules::code::definition;
use crate::rules::in_place::Sites;
use family::{Family, Model, Spawn, held};
use region::{Region, Wanted, regions};
use thread::Thread;

const RULE: &str = "anyio-tasks";

/// Whether an expression may be a task, or a container of tasks: rules for other waits leave it to this one.
pub(crate) fn may_be_task(cx: &Context<'_>, place: Place) -> bool {
    !held(cx, place).sites.is_empty()
}

pub(crate) use group::plan as plan_groups;
pub(crate) use region::is_context_manager;
pub(crate) use thread::is_root;

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
        let free = family.spawns.iter().filter(|spawn| !spawn.in_group);
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

/// Where the groups of all families are.
struct Places<'c> {
    /// In functions.
    regions: Vec<Region<'c>>,
    /// Up the chain of callers, or in objects that are entered and left there.
    threads: BTreeMap<usize, Thread>,
}

/// Finds the place of the group of each family: a region of the function that makes its tasks, or one of a function up
/// the chain of callers, with the way to it.
fn place<'c>(cx: &Context<'c>, model: &mut Model<'c>) -> Places<'c> {
    let mut wanted: BTreeMap<FuncId, BTreeSet<usize>> = BTreeMap::new();
    let mut outliving: BTreeMap<usize, String> = BTreeMap::new();
    for index in 0..model.families.len() {
        if model.families[index].refusal.is_some() || model.families[index].is_direct {
            continue;
        }
        if let Some(place) = identity::compared(cx, &model.families[index]) {
            let line = cx.program.line(place);
            model.families[index].refusal = Some(format!(
                "at line {line} it is compared with a task that asyncio names: AnyIO's handles are not known there"
            ));
            continue;
        }
        if let Some(reason) = results::refusal(cx, model, index) {
            model.families[index].refusal = Some(reason);
            continue;
        }
        match owner(cx, &model.families[index]) {
            Ok(Some(function)) => {
                wanted.entry(function).or_default().insert(index);
            }
            Ok(None) => {}
            Err(reason) => {
                outliving.insert(index, reason);
            }
        }
    }
    spread(model);
    let mut found: BTreeMap<FuncId, Vec<Region<'c>>> = BTreeMap::new();
    for (function, families) in &wanted {
        let families: BTreeSet<usize> = families
            .iter()
            .copied()
            .filter(|index| model.families[*index].refusal.is_none())
            .collect();
        let (regions, lost) = regions_of(cx, model, *function, families, &[]);
        found.insert(*function, regions);
        outliving.extend(lost);
    }
    let mut threads: BTreeMap<usize, Thread> = BTreeMap::new();
    let called_later = timers::sites(model);
    for (index, reason) in outliving {
        let family = &mut model.families[index];
        if family.refusal.is_some() {
            continue;
        }
        let mixed = family.spawns.iter().any(|spawn| spawn.in_group);
        match thread::thread(cx, family, &called_later) {
            Ok(thread) if !mixed => {
                threads.insert(index, thread);
            }
            Ok(_) => family.refusal = Some(reason),
            Err(why) => family.refusal = Some(format!("{reason}; and {why}")),
        }
    }
    spread(model);
    threads.retain(|index, _| model.families[*index].refusal.is_none());
    let roots: BTreeSet<FuncId> = threads
        .values()
        .flat_map(|thread| thread.roots.keys().copied())
        .filter(|root| !host::is_host(cx, *root))
        .collect();
    for root in roots {
        let families: BTreeSet<usize> = wanted
            .get(&root)
            .into_iter()
            .flatten()
            .copied()
            .filter(|index| {
                model.families[*index].refusal.is_none() && !threads.contains_key(index)
            })
            .collect();
        let mut starts: BTreeSet<Place> = BTreeSet::new();
        for (index, thread) in &threads {
            starts.extend(thread.roots.get(&root).into_iter().flatten());
            for spawn in &model.families[*index].spawns {
                if spawn.function == root {
                    starts.insert(spawn.site());
                }
            }
        }
        let (regions, lost) = regions_of(cx, model, root, families, &Vec::from_iter(starts));
        for (index, reason) in lost {
            model.families[index].refusal = Some(reason);
        }
        if !regions.iter().any(|region| !region.starts.is_empty()) {
            for (index, thread) in &threads {
                if thread.roots.contains_key(&root) {
                    model.families[*index].refusal.get_or_insert_with(|| {
                        "its task group would have to be open over a `yield`".to_owned()
                    });
                }
            }
        }
        found.insert(root, regions);
    }
    spread(model);
    threads.retain(|index, _| model.families[*index].refusal.is_none());
    let regions = found
        .into_values()
        .flatten()
        .filter(|region| {
            region
                .families
                .iter()
                .all(|index| model.families[*index].refusal.is_none())
        })
        .collect();
    Places { regions, threads }
}

/// The regions of a function, and the families that have none there; the others get another try.
fn regions_of<'c>(
    cx: &Context<'c>,
    model: &Model<'c>,
    function: FuncId,
    mut families: BTreeSet<usize>,
    starts: &[Place],
) -> (Vec<Region<'c>>, BTreeMap<usize, String>) {
    let mut lost = BTreeMap::new();
    let Some((view, def)) = definition(cx, function) else {
        return (Vec::new(), lost);
    };
    let is_entry = thread::runs_all(cx, function);
    while !families.is_empty() || !starts.is_empty() {
        let wanted = Wanted {
            view,
            function,
            def,
            families: families.clone(),
            starts: starts.to_vec(),
            is_entry,
            model,
        };
        match regions(cx, &wanted) {
            Ok(found) => match abandoned::forgotten(cx, &wanted, &found) {
                refused if refused.is_empty() => return (found, lost),
                refused => {
                    for index in refused {
                        families.remove(&index);
                        lost.insert(index, abandoned::RUNS_ON.to_owned());
                    }
                }
            },
            Err((refused, reason)) => {
                if refused.is_empty() {
                    break;
                }
                for index in refused {
                    families.remove(&index);
                    lost.insert(index, reason.clone());
                }
            }
        }
    }
    (Vec::new(), lost)
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

/// The function whose block holds the tasks; none for tasks of a group of asyncio.
///
/// # Errors
/// Why there is none.
fn owner(cx: &Context<'_>, family: &Family<'_>) -> Result<Option<FuncId>, String> {
    if family.spawns.iter().all(|spawn| spawn.in_group) {
        return Ok(None);
    }
    if family.spawns.iter().any(|spawn| spawn.in_group) {
        return Err("tasks of a group and others meet in one place".to_owned());
    }
    if family.spawns.iter().any(Spawn::is_shielded) {
        return Err(shielded::OUTLIVES.to_owned());
    }
    let mut functions: Vec<FuncId> = family.spawns.iter().map(|spawn| spawn.function).collect();
    functions.dedup();
    let [function] = functions[..] else {
        return Err("tasks that several functions make meet in one place".to_owned());
    };
    let Some((view, def)) = definition(cx, function) else {
        return Err("it is made outside of a function, or in a `lambda`".to_owned());
    };
    if !def.is_async {
        return Err(
            "it is made in a function that is not `async`, so that it goes on when the function returns"
                .to_owned(),
        );
    }
    for held in &family.cluster.places {
        let Some(other) = cx.view(held.place.file) else {
            return Err("it is used in a file that is not looked at".to_owned());
        };
        let expr = other.tree.expr_at(held.place.range);
        let inside = other.file == view.file && def.range().contains_range(held.place.range);
        if let Some(why) = leaves(other, expr, inside) {
            return Err(why);
        }
    }
    for container in &family.cluster.containers {
        if container.file != view.file || !def.range().contains_range(container.range) {
            return Err(
                "it is kept in a container that lives on when the function returns".to_owned(),
            );
        }
        if let Some(expr) = view.tree.expr_at(container.range) {
            let kept = view.tree.ancestors(expr).find(|node| node.is_statement());
            if let Some(AnyNodeRef::StmtAssign(assign)) = kept
                && !assign.targets.iter().all(is_of_names)
            {
                return Err("it is kept on an object, which outlives the function".to_owned());
            }
            if let Some(AnyNodeRef::StmtReturn(_)) = kept
                && !matches!(view.tree.parent(expr), Some(AnyNodeRef::ExprStarred(_)))
            {
                return Err("it is returned from the function that makes it".to_owned());
            }
        }
    }
    Ok(Some(function))
}

/// Whether a target binds variables only.
fn is_of_names(target: &Expr) -> bool {
    match target {
        Expr::Name(_) => true,
        Expr::Starred(it) => is_of_names(&it.value),
        Expr::Tuple(it) => it.elts.iter().all(is_of_names),
        Expr::List(it) => it.elts.iter().all(is_of_names),
        _ => false,
    }
}

/// Why the expression shows that a task outlives the function that makes it.
fn leaves(view: &View<'_>, expr: Option<&Expr>, inside: bool) -> Option<String> {
    let Some(expr) = expr else {
        return None; // a parameter
    };
    match expr {
        Expr::Attribute(_) => {
            return Some("it is kept on an object, which outlives the function".to_owned());
        }
        Expr::Name(name) => {
            let scope = view.scopes.at(name.range.start());
            let target = view.scopes.resolve(name.id.as_str(), scope);
            if target == Some(0) {
                return Some("it is kept in a global variable".to_owned());
            }
        }
        Expr::Subscript(subscript) if !subscript.value.is_name_expr() => {
            return Some("it is kept on an object, which outlives the function".to_owned());
        }
        _ if !inside => return Some("it is returned from the function that makes it".to_owned()),
        _ => {}
    }
    let mut node = view.tree.parent(expr);
    while let Some(AnyNodeRef::ExprTuple(_) | AnyNodeRef::ExprList(_)) = node {
        node = node.and_then(|node| view.tree.parent(node));
    }
    match node {
        Some(AnyNodeRef::StmtReturn(_)) => {
            Some("it is returned from the function that makes it".to_owned())
        }
        Some(AnyNodeRef::ExprYield(_)) => {
            Some("it is yielded by the function that makes it".to_owned())
        }
        _ => None,
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
