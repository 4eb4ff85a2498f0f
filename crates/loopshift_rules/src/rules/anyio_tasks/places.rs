//! Where the task group of each family is: in the function that makes its tasks, or in one up the chain of callers.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::Place;
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr};

use super::cancelled::{end_is_seen, is_cancelled};
use super::family::{Family, Model, Spawn};
use super::region::{Region, Wanted, regions};
use super::thread::{self, Thread};
use super::{
    abandoned, beside, gathered, host, identity, results, served, shielded, spread, timers,
};
use crate::common::code::definition;
use crate::context::{Context, View};

/// Where the groups of all families are.
pub(super) struct Places<'c> {
    /// In functions.
    pub(super) regions: Vec<Region<'c>>,
    /// Up the chain of callers, or in objects that are entered and left there.
    pub(super) threads: BTreeMap<usize, Thread>,
}

/// Finds the place of the group of each family: a region of the function that makes its tasks, or one of a function up
/// the chain of callers, with the way to it.
pub(super) fn place<'c>(cx: &Context<'c>, model: &mut Model<'c>) -> Places<'c> {
    let mut wanted: BTreeMap<FuncId, BTreeSet<usize>> = BTreeMap::new();
    let mut outliving: BTreeMap<usize, Lost> = BTreeMap::new();
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
                outliving.insert(index, Lost::outright(reason));
            }
        }
    }
    spread(model);
    let mut found: BTreeMap<FuncId, Vec<Region<'c>>> = BTreeMap::new();
    let mut kept = BTreeSet::new();
    for (function, families) in &wanted {
        let mut families = families.clone();
        families.retain(|index| model.families[*index].refusal.is_none());
        let (regions, lost, _) = regions_of(cx, model, *function, families, &[], &kept);
        found.insert(*function, regions);
        outliving.extend(lost);
    }
    let mut threads: BTreeMap<usize, Thread> = BTreeMap::new();
    let mut called_later = timers::sites(model);
    called_later.extend(served::sites(cx));
    for (index, lost) in outliving {
        let family = &mut model.families[index];
        if family.refusal.is_some() {
            continue;
        }
        let mixed = family.spawns.iter().any(|spawn| spawn.in_group);
        match thread::thread(cx, family, &called_later) {
            Ok(thread) if !mixed => {
                threads.insert(index, thread);
            }
            _ if lost.may_stay => {
                kept.insert(index);
            }
            Ok(_) => family.refusal = Some(lost.reason),
            Err(why) => family.refusal = Some(format!("{}; and {why}", lost.reason)),
        }
    }
    for (function, families) in &wanted {
        let mut families = families.clone();
        families.retain(|index| {
            model.families[*index].refusal.is_none() && !threads.contains_key(index)
        });
        if !families.is_disjoint(&kept) {
            let (regions, lost, _) = regions_of(cx, model, *function, families, &[], &kept);
            found.insert(*function, regions);
            for (index, lost) in lost {
                model.families[index].refusal = Some(lost.reason);
            }
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
        let starts = Vec::from_iter(starts);
        let (regions, lost, why) = regions_of(cx, model, root, families, &starts, &kept);
        for (index, lost) in lost {
            model.families[index].refusal = Some(lost.reason);
        }
        if !regions.iter().any(|region| !region.starts.is_empty()) {
            for (index, thread) in &threads {
                if thread.roots.contains_key(&root) {
                    let refusal = &mut model.families[*index].refusal;
                    refusal.get_or_insert_with(|| why.clone().unwrap_or_default());
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

/// Why a family has no group in the function that makes its tasks.
struct Lost {
    reason: String,
    /// Whether it may have one all the same, with a caveat.
    may_stay: bool,
}

impl Lost {
    /// There can't be one.
    fn outright(reason: String) -> Self {
        Lost {
            reason,
            may_stay: false,
        }
    }
}

/// The regions of a function, and the families that have none there; the others get another try. Those of `kept` stay even
/// where an error ends them too early. Where there is none for what the function starts, it is told why.
fn regions_of<'c>(
    cx: &Context<'c>,
    model: &Model<'c>,
    function: FuncId,
    mut families: BTreeSet<usize>,
    starts: &[Place],
    kept: &BTreeSet<usize>,
) -> (Vec<Region<'c>>, BTreeMap<usize, Lost>, Option<String>) {
    let mut lost = BTreeMap::new();
    let Some((view, def)) = definition(cx, function) else {
        return (Vec::new(), lost, None);
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
            Ok(found) => {
                let forgotten = abandoned::forgotten(cx, &wanted, &found);
                let mut failing = beside::failing(cx, &wanted, &found);
                failing.retain(|index| !kept.contains(index) && !forgotten.contains(index));
                let mut lingering = lingering(cx, model, &found);
                lingering.retain(|index| !kept.contains(index) && !forgotten.contains(index));
                if forgotten.is_empty() && failing.is_empty() && lingering.is_empty() {
                    return (found, lost, None);
                }
                let outright = |_: &usize| Lost::outright(abandoned::RUNS_ON.to_owned());
                lost.extend(forgotten.iter().map(|index| (*index, outright(index))));
                let early = |_: &usize| Lost {
                    reason: beside::ENDS_OTHERS.to_owned(),
                    may_stay: true,
                };
                lost.extend(failing.iter().map(|index| (*index, early(index))));
                let late = |_: &usize| Lost {
                    reason: LINGERS.to_owned(),
                    may_stay: true,
                };
                lost.extend(lingering.iter().map(|index| (*index, late(index))));
                families.retain(|index| !lost.contains_key(index));
            }
            Err((refused, reason)) => {
                if refused.is_empty() {
                    return (Vec::new(), lost, Some(reason));
                }
                for index in refused {
                    families.remove(&index);
                    lost.insert(index, Lost::outright(reason.clone()));
                }
            }
        }
    }
    (Vec::new(), lost, None)
}

/// What differs where a block ends while a task that was told to stop may not have ended yet.
pub(super) const LINGERS: &str = "the function waits until a task that it told to stop has ended";

/// The families of which a task may be told to stop and still run where its block ends, which somebody can see: a group that
/// lasts longer waits for it later.
fn lingering(cx: &Context<'_>, model: &Model<'_>, regions: &[Region<'_>]) -> BTreeSet<usize> {
    let is_seen = |index: &usize| {
        let family = &model.families[*index];
        is_cancelled(family) && ends_seen(cx, family)
    };
    let lingering = (regions.iter()).filter(|region| region.lingers && !cx.settings.plain);
    lingering
        .flat_map(|region| region.families.iter().copied().filter(is_seen))
        .collect()
}

/// Whether somebody can see when a task of the family ends that is told to stop.
pub(super) fn ends_seen(cx: &Context<'_>, family: &Family<'_>) -> bool {
    !family.is_of_timers() && end_is_seen(cx, family)
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
    if family.spawns.iter().any(Spawn::is_gathered) {
        return Err(gathered::OUTLIVES.to_owned());
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
