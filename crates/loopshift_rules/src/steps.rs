//! The order in which a program can move gradually: leaves first, each step with what it costs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::facts::{Cause, Colour, Facts};
use loopshift_engine::ir::FuncId;
use loopshift_engine::program::Program;

/// Modules that move together: what becomes async in one of them waits for what does in another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Their files.
    pub files: Vec<FileId>,
    /// How many of their functions become async, by how many calls inside of the step they are away from what causes it.
    pub become_async: Vec<usize>,
    /// How many calls elsewhere have to wait for them, until what calls them moves, too.
    pub calls: usize,
}

/// The function because of which another one suspends.
fn other(cause: &Cause) -> Option<FuncId> {
    match cause {
        Cause::Call { callee: func, .. }
        | Cause::Operation(func)
        | Cause::Override(func)
        | Cause::Sibling { other: func, .. } => Some(*func),
        Cause::Api { .. } | Cause::Spawned { .. } => None,
    }
}

/// The steps, so that each waits only for what moved before it; the cheapest first where that leaves a choice.
pub(crate) fn steps(program: &Program<'_>, facts: &Facts) -> Vec<Step> {
    let becomes = |func: &FuncId| matches!(facts.colour(*func), Colour::Becomes(_));
    let functions: Vec<FuncId> = program.functions().filter(becomes).collect();
    let mut waits: BTreeMap<FileId, BTreeSet<FileId>> = BTreeMap::new();
    for func in &functions {
        let file = program.function_file(*func);
        let others = facts.causes(*func).iter().filter_map(other).filter(becomes);
        let others = others.map(|other| program.function_file(other));
        waits.entry(file).or_default().extend(others);
    }
    let together = together(&waits);
    let mut steps: BTreeMap<FileId, Step> = BTreeMap::new();
    for (file, first) in &together {
        steps.entry(*first).or_default().files.push(*file);
    }
    let mut inside: BTreeMap<FileId, Vec<FuncId>> = BTreeMap::new();
    for func in &functions {
        let first = together[&program.function_file(*func)];
        inside.entry(first).or_default().push(*func);
    }
    let step_of = |func: FuncId| together.get(&program.function_file(func)).copied();
    for (first, functions) in &inside {
        if let Some(step) = steps.get_mut(first) {
            step.become_async = distances(facts, functions);
        }
    }
    let mut calls: BTreeMap<FileId, BTreeSet<Place>> = BTreeMap::new();
    for func in program.functions() {
        for cause in facts.causes(func) {
            if let Cause::Call { place, callee } = cause
                && becomes(callee)
                && let Some(step) = step_of(*callee)
                && Some(step) != step_of(func)
            {
                calls.entry(step).or_default().insert(*place);
            }
        }
    }
    for (first, places) in calls {
        if let Some(step) = steps.get_mut(&first) {
            step.calls = places.len();
        }
    }
    in_order(steps, &waits, &together)
}

/// How many functions of a step are how far from what causes their colour, or from what moved before.
fn distances(facts: &Facts, functions: &[FuncId]) -> Vec<usize> {
    let all: BTreeSet<FuncId> = functions.iter().copied().collect();
    let mut above: BTreeMap<FuncId, Vec<FuncId>> = BTreeMap::new();
    let mut known: BTreeMap<FuncId, usize> = BTreeMap::new();
    let mut work = VecDeque::new();
    for func in functions {
        let mut is_first = false;
        for cause in facts.causes(*func) {
            match other(cause).filter(|other| all.contains(other)) {
                Some(other) => above.entry(other).or_default().push(*func),
                None => is_first = true,
            }
        }
        if is_first {
            known.insert(*func, 0);
            work.push_back(*func);
        }
    }
    while let Some(func) = work.pop_front() {
        let next = known[&func] + 1;
        for caller in above.get(&func).into_iter().flatten() {
            if !known.contains_key(caller) {
                known.insert(*caller, next);
                work.push_back(*caller);
            }
        }
    }
    let mut out = Vec::new();
    for distance in known.into_values() {
        if out.len() <= distance {
            out.resize(distance + 1, 0);
        }
        out[distance] += 1;
    }
    out
}

/// The first of the files that wait for each other, for each file.
fn together(waits: &BTreeMap<FileId, BTreeSet<FileId>>) -> BTreeMap<FileId, FileId> {
    let mut back: BTreeMap<FileId, BTreeSet<FileId>> = BTreeMap::new();
    for (file, others) in waits {
        for other in others {
            back.entry(*other).or_default().insert(*file);
        }
    }
    // In the order in which they are left, those that wait come last.
    let mut left = Vec::new();
    let mut seen = BTreeSet::new();
    for file in waits.keys() {
        visit(*file, waits, &mut seen, &mut left);
    }
    let mut out = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for file in left.into_iter().rev() {
        let mut group = Vec::new();
        visit(file, &back, &mut seen, &mut group);
        if let Some(first) = group.iter().min().copied() {
            out.extend(group.into_iter().map(|file| (file, first)));
        }
    }
    out
}

/// Adds the files that are reached from one, each behind those that it reaches.
fn visit(
    start: FileId,
    edges: &BTreeMap<FileId, BTreeSet<FileId>>,
    seen: &mut BTreeSet<FileId>,
    out: &mut Vec<FileId>,
) {
    let next = |file: FileId| edges.get(&file).into_iter().flatten().copied();
    if !seen.insert(start) {
        return;
    }
    let mut way = vec![(start, next(start).collect::<Vec<_>>())];
    while let Some((file, rest)) = way.last_mut() {
        let file = *file;
        match rest.pop() {
            Some(other) if seen.insert(other) => way.push((other, next(other).collect())),
            Some(_) => {}
            None => {
                out.push(file);
                way.pop();
            }
        }
    }
}

fn in_order(
    mut steps: BTreeMap<FileId, Step>,
    waits: &BTreeMap<FileId, BTreeSet<FileId>>,
    together: &BTreeMap<FileId, FileId>,
) -> Vec<Step> {
    let mut before: BTreeMap<FileId, BTreeSet<FileId>> = BTreeMap::new();
    let mut behind: BTreeMap<FileId, BTreeSet<FileId>> = BTreeMap::new();
    for (file, others) in waits {
        let step = together[file];
        let others = others.iter().map(|other| together[other]);
        for other in others.filter(|other| *other != step) {
            before.entry(step).or_default().insert(other);
            behind.entry(other).or_default().insert(step);
        }
    }
    let cost = |step: &Step| (step.become_async.iter().sum::<usize>(), step.calls);
    let mut ready: BTreeSet<((usize, usize), FileId)> = (steps.iter())
        .filter(|(first, _)| !before.contains_key(first))
        .map(|(first, step)| (cost(step), *first))
        .collect();
    let mut out = Vec::new();
    while let Some((_, first)) = ready.pop_first() {
        out.extend(steps.remove(&first));
        for next in behind.get(&first).into_iter().flatten() {
            let Some(waits) = before.get_mut(next) else {
                continue;
            };
            waits.remove(&first);
            if let (true, Some(step)) = (waits.is_empty(), steps.get(next)) {
                ready.insert((cost(step), *next));
            }
        }
    }
    out
}
