//! Functions that must become async, with all their calls, as one change.
//!
//! What calls each other falls or stands together: the functions, those that share a colour with them, their calls,
//! and the place where the program starts.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, Place};
use loopshift_engine::facts::{Cause, Colour};
use loopshift_engine::flow::Target;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{Call, CallForm, FuncId, FunctionKind};
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::edit::Edit;
use loopshift_python::{Ranged, TextSize};

use super::code::{definition, own};
use super::green::{Needs, anchor, around_await, body_of, entry, is_coloured};
use crate::context::Context;

const RULE: &str = "green-colour";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let needs = Needs::new(cx);
    let calls = calls_by_owner(cx);
    for members in components(cx, &needs) {
        let mut change = named(cx, &members);
        match edits(cx, &needs, &calls, &members, &mut change) {
            Ok(()) => changes.push(change),
            Err((place, reason)) => {
                let mut declined = Change::declined(RULE, place, change.api, reason);
                declined.covers = change.covers;
                changes.push(declined);
            }
        }
    }
}

/// The change of a component, without edits.
fn named(cx: &Context<'_>, members: &BTreeSet<FuncId>) -> Change {
    let facts = cx.facts();
    let functions: Vec<FuncId> = members
        .iter()
        .copied()
        .filter(|func| matches!(facts.colour(*func), Colour::Becomes(_)))
        .collect();
    // The function that waits itself tells most; a module where there is none.
    let first = functions
        .iter()
        .min_by_key(|func| facts.chain(**func).len())
        .or(members.first())
        .copied()
        .unwrap_or(FuncId::NONE);
    let name = cx.program.qualified_name(first);
    let message = match functions.len() {
        0 => format!("`{name}` runs in an event loop"),
        1 => format!("`{name}` becomes async"),
        count => format!("`{name}` and {} more become async", count - 1),
    };
    let mut change = Change::new(RULE, anchor(cx, first), name, message);
    change.covers = members.iter().map(|func| anchor(cx, *func)).collect();
    change
}

/// Functions that change together: those that become async, and the bodies of modules that start them.
fn components(cx: &Context<'_>, needs: &Needs) -> Vec<BTreeSet<FuncId>> {
    let mut parents: BTreeMap<FuncId, FuncId> = BTreeMap::new();
    let is_body = |func| cx.program.function(func).kind == FunctionKind::Module;
    for func in cx.program.functions() {
        let starts = is_body(func) && needs.of(func).next().is_some();
        let written = cx.program.function(func).is_async;
        if !written && (is_coloured(cx, func) || starts) {
            parents.insert(func, func);
        }
    }
    let all: Vec<FuncId> = parents.keys().copied().collect();
    for func in &all {
        for cause in cx.facts().causes(*func) {
            let other = match cause {
                Cause::Call { callee: other, .. }
                | Cause::Override(other)
                | Cause::Sibling { other, .. } => *other,
                Cause::Api { .. } | Cause::Spawned { .. } => continue,
            };
            if parents.contains_key(&other) {
                let (a, b) = (root(&parents, *func), root(&parents, other));
                parents.insert(a.max(b), a.min(b));
            }
        }
    }
    let mut out: BTreeMap<FuncId, BTreeSet<FuncId>> = BTreeMap::new();
    for func in all {
        out.entry(root(&parents, func)).or_default().insert(func);
    }
    out.into_values().collect()
}

fn root(parents: &BTreeMap<FuncId, FuncId>, func: FuncId) -> FuncId {
    let mut at = func;
    while let Some(next) = parents.get(&at).filter(|next| **next != at) {
        at = *next;
    }
    at
}

fn calls_by_owner<'c>(cx: &Context<'c>) -> BTreeMap<FuncId, Vec<(Place, &'c Call)>> {
    let mut out: BTreeMap<FuncId, Vec<(Place, &Call)>> = BTreeMap::new();
    for (file, call) in cx.program.calls() {
        if call.owner != FuncId::NONE {
            let range = call.range;
            let place = Place { file, range };
            out.entry(call.owner).or_default().push((place, call));
        }
    }
    out
}

/// Adds the edits of a component to its change.
///
/// # Errors
/// The place that stands in the way, and why.
fn edits(
    cx: &Context<'_>,
    needs: &Needs,
    calls: &BTreeMap<FuncId, Vec<(Place, &Call)>>,
    members: &BTreeSet<FuncId>,
    change: &mut Change,
) -> Result<(), (Place, String)> {
    if cx.mentions("SystemExit") {
        change.caveat("`SystemExit` of a task leaves the program; that of a green thread is raised where the program waits");
    }
    for func in members {
        holds_thread_lock(cx, *func)?;
        let is_body = cx.program.function(*func).kind == FunctionKind::Module;
        if !is_body {
            make_async(cx, *func, change)?;
        }
        let mut waits = BTreeSet::new();
        for (place, call) in calls.get(func).into_iter().flatten() {
            if reaches_async(cx, members, *place, call)? {
                waits.insert(*place);
            }
        }
        let mut run = None;
        if is_body {
            let mut places: BTreeSet<Place> = needs.of(*func).collect();
            places.extend(waits.iter().copied());
            for cause in cx.facts().causes(*func) {
                if let Cause::Api { place, .. } = cause {
                    places.insert(*place);
                }
            }
            run = start(cx, *func, &places, &waits, change)?;
        }
        for place in waits.into_iter().filter(|place| Some(*place) != run) {
            await_at(cx, place, change)?;
        }
    }
    Ok(())
}

/// A lock of threads that is held over an `await` stops all tasks.
fn holds_thread_lock(cx: &Context<'_>, func: FuncId) -> Result<(), (Place, String)> {
    let Some((view, def)) = definition(cx, func) else {
        return Ok(());
    };
    for node in own(&def.body) {
        let AnyNodeRef::StmtWith(with) = node else {
            continue;
        };
        for item in &with.items {
            let place = view.place(&item.context_expr);
            let is_lock = cx.program.values_at(place).any(|value| match value {
                Value::Object(class, _) => cx.program.flow.text(class).starts_with("threading."),
                _ => false,
            });
            if is_lock {
                let reason = "it holds a lock of threads, which would stop all tasks while the function waits";
                return Err((place, reason.to_owned()));
            }
        }
    }
    Ok(())
}

fn make_async(cx: &Context<'_>, func: FuncId, change: &mut Change) -> Result<(), (Place, String)> {
    let place = anchor(cx, func);
    if let Colour::Unknown(reason) = cx.facts().colour(func) {
        let name = cx.program.qualified_name(func);
        return Err((place, format!("`{name}` would have to be async: {reason}")));
    }
    let Some((view, def)) = definition(cx, func) else {
        return Err((place, "its definition was not found".to_owned()));
    };
    let head = &view.source[..def.name.start().to_usize()];
    let Some(at) = head.rfind("def") else {
        return Err((place, "its definition was not found".to_owned()));
    };
    let at = TextSize::try_from(at).unwrap_or_default();
    change
        .edits
        .push((place.file, Edit::insert(at, "async ", &[])));
    Ok(())
}

/// Whether a call reaches functions that become async; it must not reach any other then.
fn reaches_async(
    cx: &Context<'_>,
    members: &BTreeSet<FuncId>,
    place: Place,
    call: &Call,
) -> Result<bool, (Place, String)> {
    let targets = cx.program.callees(call);
    let becomes = |target: &Target| match target {
        Target::Func(func) => members.contains(func),
        Target::External(_) => false,
    };
    if !targets.iter().any(becomes) {
        return Ok(false);
    }
    if !targets.iter().all(becomes) {
        let reason = "the call reaches functions that become async, and others";
        return Err((place, reason.to_owned()));
    }
    if call.form == CallForm::Decorator {
        let reason = "a decorator would have to be async";
        return Err((place, reason.to_owned()));
    }
    Ok(true)
}

/// Puts the code of a module into an event loop. Gives the call that is handed to it.
fn start(
    cx: &Context<'_>,
    body: FuncId,
    places: &BTreeSet<Place>,
    waits: &BTreeSet<Place>,
    change: &mut Change,
) -> Result<Option<Place>, (Place, String)> {
    let at = anchor(cx, body);
    let place = places.first().copied().unwrap_or(at);
    let view = cx
        .view(at.file)
        .ok_or_else(|| (place, "its file can't be edited".to_owned()))?;
    debug_assert_eq!(body, body_of(cx, at.file));
    let entry = entry(view, places, waits).map_err(|reason| (place, reason))?;
    change
        .edits
        .extend(entry.edits.into_iter().map(|edit| (at.file, edit)));
    Ok(entry.run)
}

fn await_at(cx: &Context<'_>, place: Place, change: &mut Change) -> Result<(), (Place, String)> {
    let at = |reason: &str| (place, reason.to_owned());
    let view = cx
        .view(place.file)
        .ok_or_else(|| at("its file can't be edited"))?;
    let call = view
        .tree
        .expr_at(place.range)
        .ok_or_else(|| at("the call was not found"))?;
    if view.await_of(call.range()).is_some() {
        return Ok(());
    }
    let (before, after) = around_await(view, call).map_err(|reason| (place, reason))?;
    let mut add = |edit| change.edits.push((place.file, edit));
    add(Edit::insert(call.start(), before, &[]));
    if !after.is_empty() {
        add(Edit::insert(call.end(), after, &[]));
    }
    Ok(())
}
