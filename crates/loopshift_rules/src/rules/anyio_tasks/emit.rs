//! The edits that move the tasks of a region into its group.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::{Edit, Piece, Wrap, pieces};
use loopshift_python::{Ranged, TextRange};

use super::RULE;
use super::failure::{handlers, is_observed};
use super::family::{Model, Spawn, Wait, WaitKind};
use super::life::ExitKind;
use super::region::{Region, waits_of};
use super::thread::{self, Thread};
use super::{helpers, host, members, waits};
use crate::context::{Context, View};
use crate::rules::raising::Raising;
use crate::rules::shared::is_statement;

/// What becomes of the error of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errors {
    /// There is none, as far as the text of the coroutine shows.
    None,
    /// It leaves the group.
    Leave,
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
    hosted: BTreeMap<usize, FuncId>,
}

/// One change for all that belongs together.
pub(super) fn changes(
    cx: &Context<'_>,
    model: &Model<'_>,
    regions: &[Region<'_>],
    threads: &BTreeMap<usize, Thread>,
    hosts: &BTreeMap<usize, FuncId>,
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
    let entering: BTreeSet<FuncId> = hosts.values().copied().collect();
    for function in entering {
        components.push(Component {
            hosted: hosts
                .iter()
                .filter(|(_, host)| **host == function)
                .map(|(index, host)| (*index, *host))
                .collect(),
            ..Component::default()
        });
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
        } else {
            at += 1;
        }
    }
    components
        .iter()
        .flat_map(|component| change(cx, model, regions, threads, component))
        .collect()
}

fn change(
    cx: &Context<'_>,
    model: &Model<'_>,
    regions: &[Region<'_>],
    threads: &BTreeMap<usize, Thread>,
    component: &Component,
) -> Vec<Change> {
    let all: BTreeSet<usize> = component
        .families
        .union(&component.threaded)
        .chain(component.hosted.keys())
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
        let declined = |(_, spawn): &(usize, &Spawn<'_>)| {
            Change::declined(RULE, spawn.callee, &*spawn.api, reason)
        };
        spawns.iter().map(declined).collect()
    };
    let mut change = Change::new(
        RULE,
        first.callee,
        &*first.api,
        "the task becomes one of a task group",
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
    let parameter = thread::parameter_name(cx, &way);
    let mut groups: BTreeMap<FuncId, String> = BTreeMap::new();
    for function in &way.functions {
        groups.insert(*function, parameter.clone());
    }
    for function in component.hosted.values() {
        if let Some((view, def)) = crate::rules::code::definition(cx, *function) {
            let scope = view.scopes.at(super::body_range(def).start());
            groups.insert(*function, view.scopes.fresh_name(scope, "tg"));
        }
    }
    let mut deleted: Vec<TextRange> = Vec::new();
    let mut last: BTreeMap<usize, Vec<Vec<Piece>>> = BTreeMap::new();
    for at in &component.regions {
        let region = &regions[*at];
        let scope = region.view.scopes.at(super::body_range(region.def).start());
        groups.insert(region.function, region.view.scopes.fresh_name(scope, "tg"));
        last.insert(*at, Vec::new());
    }
    let errors: BTreeMap<usize, Errors> = all
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
    let kept = |index: &usize| errors.get(index) == Some(&Errors::Kept);
    for wait in &model.waits {
        let families: BTreeSet<usize> = wait
            .sites
            .iter()
            .filter_map(|site| model.by_site.get(site).copied())
            .collect();
        if !families.iter().any(|index| all.contains(index)) {
            continue;
        }
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
        let timed = under_timeout(cx, wait);
        if timed && matches!(wait.kind, WaitKind::Gather { .. } | WaitKind::All) {
            return decline(
                "it is waited for with others under a timeout, which cancels them in asyncio but not in AnyIO",
            );
        }
        let mut out = Out {
            timed,
            group: groups.get(&wait.function).cloned(),
            is_tail: region.is_some_and(|at| regions[at].tail.contains(&place)),
            deleted: Vec::new(),
            last: Vec::new(),
        };
        if let Err(reason) = edit_wait(&mut change, &mut out, wait, guarded) {
            return decline(&reason);
        }
        deleted.extend(out.deleted);
        if let Some(at) = region {
            last.entry(at).or_default().extend(out.last);
        }
        rename_cancelled(cx, model, &mut change, wait);
    }
    for index in &all {
        for member in &model.families[*index].members {
            change.covers.push(member.view.place(member.attribute));
            members::edit(&mut change, member, kept(index));
            if matches!(member.name.as_str(), "result" | "exception") {
                rename_state(cx, &mut change, member.view, member.attribute.range());
            }
        }
    }
    let mut gone: BTreeSet<Place> = BTreeSet::new();
    for index in &all {
        gone.extend(&model.families[*index].keeping.statements);
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
        edit_spawn(cx, &mut change, spawn, errors[index], group, &deleted);
    }
    thread::edit(cx, &mut change, &way, &parameter, &groups);
    let entering: BTreeSet<FuncId> = component.hosted.values().copied().collect();
    for function in entering {
        if let Err(reason) = host::edit(cx, &mut change, function, &groups[&function]) {
            return decline(&reason);
        }
    }
    let mut observed = false;
    for at in &component.regions {
        let region = &regions[*at];
        let mut last = last.remove(at).unwrap_or_default();
        let group = groups[&region.function].clone();
        stop(&mut change, region, &group, &mut last);
        observed |= wrap(cx, &mut change, region, &group, last);
        if region.lingers {
            change.caveat("the function waits until a task that it told to stop has ended");
        }
    }
    if errors.values().any(|errors| *errors == Errors::Leave) {
        change.caveat(if observed {
            "an error of the task cancels what runs beside it in the task group"
        } else {
            "an error of the task arrives as an ExceptionGroup, and cancels what runs beside it in the task group"
        });
    }
    if !component.threaded.is_empty() {
        change.caveat("functions that make tasks get a task group as a parameter");
    }
    let ends = !component.hosted.is_empty()
        || component
            .regions
            .iter()
            .any(|at| !regions[*at].stops.is_empty());
    let stopped: Vec<Place> = spawns
        .iter()
        .filter(|(index, _)| ends || super::cancelled::is_cancelled(&model.families[*index]))
        .map(|(_, spawn)| spawn.view.place(spawn.coro))
        .collect();
    change.covers.sort();
    change.covers.dedup();
    if let Err(reason) = super::cancelled::prepare(cx, &mut change, &stopped) {
        return decline(&reason);
    }
    vec![change]
}

/// What to do with errors of the tasks of a family.
fn errors_of(
    cx: &Context<'_>,
    model: &Model<'_>,
    region: Option<&Region<'_>>,
    index: usize,
) -> Errors {
    let family = &model.families[index];
    let raising = Raising::new(cx);
    if family
        .spawns
        .iter()
        .all(|spawn| !raising.awaiting(spawn.view, spawn.coro))
    {
        return Errors::None;
    }
    let mut waited = false;
    for wait in waits_of(model, index) {
        waited = true;
        if wait.kind == (WaitKind::Gather { exceptions: true })
            || matches!(wait.kind, WaitKind::All | WaitKind::AllTimeout)
        {
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
    if waited {
        Errors::Leave
    } else {
        Errors::Logged
    }
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

/// What a wait writes elsewhere.
pub(super) struct Out {
    /// Whether a timeout may cancel the wait and leave the group open.
    timed: bool,
    /// The name of the group, where it is at hand.
    group: Option<String>,
    /// Whether it stands behind the block.
    is_tail: bool,
    /// Statements that go.
    deleted: Vec<TextRange>,
    /// Lines at the end of the block.
    last: Vec<Vec<Piece>>,
}

impl Out {
    /// For a wait within a group whose name is not needed.
    pub(super) fn inside() -> Self {
        Out {
            timed: false,
            group: None,
            is_tail: false,
            deleted: Vec::new(),
            last: Vec::new(),
        }
    }
}

/// `tg.create_task(f(x))` of a group as `tg.start_soon(f, x)`, for versions whose groups give no handles.
///
/// # Errors
/// Why it can't be written so.
pub(super) fn as_started(
    cx: &Context<'_>,
    change: &mut Change,
    spawn: &Spawn<'_>,
) -> Result<(), String> {
    let why = "the handle of a task needs AnyIO 4.14, and the project allows an older one";
    let Expr::Attribute(callee) = &*spawn.call.func else {
        return Err(why.to_owned());
    };
    if !is_statement(spawn.view, spawn.call) || !spawn.call.arguments.keywords.is_empty() {
        return Err(why.to_owned());
    }
    let edits = as_function(cx, spawn.view, spawn.coro)
        .ok_or("the coroutine of the task is not a plain call")?;
    let file = spawn.view.file;
    change
        .edits
        .push((file, Edit::replace(callee.attr.range(), "start_soon", &[])));
    change
        .edits
        .extend(edits.into_iter().map(|edit| (file, edit)));
    Ok(())
}

/// Writes a wait.
///
/// # Errors
/// Why it has no form.
pub(super) fn edit_wait(
    change: &mut Change,
    out: &mut Out,
    wait: &Wait<'_>,
    guarded: bool,
) -> Result<(), String> {
    match wait.kind {
        WaitKind::Await => edit_await(change, out, wait, guarded),
        WaitKind::Gather { exceptions } => {
            if !edit_gather(change, out, wait, guarded, exceptions) {
                return Err("it is gathered with something that has no form as a task".to_owned());
            }
        }
        kind => return waits::edit(change, wait, kind, guarded),
    }
    Ok(())
}

fn edit_await(change: &mut Change, out: &mut Out, wait: &Wait<'_>, guarded: bool) {
    let is_tail = out.is_tail;
    let file = wait.view.file;
    let whole = wait.await_.range();
    let operand = wait.await_.value.range();
    if is_tail {
        if is_statement(wait.view, wait.await_) && !guarded {
            change
                .edits
                .push((file, Edit::DeleteStatement { range: whole }));
            out.deleted.push(whole);
            return;
        }
        let read = if guarded {
            pieces(
                "{0}({1}.return_value)",
                &[Piece::Helper(&helpers::VALUE), operand.into()],
            )
        } else {
            pieces("{0}.return_value", &[operand.into()])
        };
        change.edits.push((
            file,
            Edit::Replace {
                range: whole,
                pieces: read,
            },
        ));
        return;
    }
    if out.timed {
        let joined = Piece::Helper(&helpers::JOINED);
        change
            .edits
            .push((file, Edit::insert(operand.start(), "{0}(", &[joined])));
        change
            .edits
            .push((file, Edit::insert(operand.end(), ")", &[])));
    }
    if guarded {
        let value = Piece::Helper(&helpers::VALUE);
        change
            .edits
            .push((file, Edit::insert(whole.start(), "{0}(", &[value])));
        change
            .edits
            .push((file, Edit::insert(whole.end(), ")", &[])));
    }
}

/// Whether a timeout around the wait, but not around what makes the task, may cut it short.
fn under_timeout(cx: &Context<'_>, wait: &Wait<'_>) -> bool {
    let view = wait.view;
    for node in view.tree.ancestors(wait.await_) {
        match node {
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) => return false,
            AnyNodeRef::StmtWith(with) => {
                let times = with.items.iter().any(|item| {
                    matches!(&item.context_expr, Expr::Call(call) if matches!(
                        cx.api_of(view, &call.func),
                        Some(
                            "asyncio.timeout" | "asyncio.timeout_at" | "anyio.fail_after" | "anyio.move_on_after"
                                | "async_timeout.timeout" | "async_timeout.timeout_at"
                        )
                    ))
                });
                let inside = wait
                    .sites
                    .iter()
                    .all(|site| site.file == view.file && with.range().contains_range(site.range));
                if times && !inside {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

fn edit_gather(
    change: &mut Change,
    out: &mut Out,
    wait: &Wait<'_>,
    guarded: bool,
    exceptions: bool,
) -> bool {
    let is_tail = out.is_tail;
    let file = wait.view.file;
    let whole = wait.await_.range();
    let alone = is_statement(wait.view, wait.await_);
    let mut operands: Vec<(bool, Vec<Piece>)> = Vec::new();
    let mut extras = 0;
    for operand in &wait.operands {
        match operand {
            Expr::Starred(starred) => operands.push((true, vec![starred.value.range().into()])),
            Expr::Call(call) if !wait.sites.contains(&wait.view.place(call)) => {
                // A coroutine runs beside the tasks only if it is a task as well.
                let Some(group) = out.group.clone() else {
                    return false;
                };
                let name = fresh_task(wait, extras);
                extras += 1;
                let make = pieces(
                    "{0} = {1}.create_task({2})",
                    &[
                        Piece::from(name.clone()),
                        Piece::from(group),
                        call.range().into(),
                    ],
                );
                let make = if guarded { return false } else { make };
                if is_tail {
                    out.last.push(make);
                } else {
                    let Some(stmt) = wait.view.tree.enclosing_statement(whole) else {
                        return false;
                    };
                    let mut line = make;
                    line.push("\n".into());
                    change.edits.push((
                        file,
                        Edit::Replace {
                            range: TextRange::empty(stmt.start()),
                            pieces: line,
                        },
                    ));
                }
                operands.push((false, vec![Piece::from(name)]));
            }
            other => operands.push((false, vec![other.range().into()])),
        }
    }
    if is_tail && alone && !guarded {
        change
            .edits
            .push((file, Edit::DeleteStatement { range: whole }));
        out.deleted.push(whole);
        return true;
    }
    let scope = wait.view.scopes.at(whole.start());
    let task = Piece::from(wait.view.scopes.fresh_name(scope, "task"));
    if alone && !is_tail {
        // Only a wait: one line for each.
        let mut text: Vec<Piece> = Vec::new();
        for (at, (starred, operand)) in operands.into_iter().enumerate() {
            if at > 0 {
                text.push("\n".into());
            }
            let name = if starred {
                text.push("for ".into());
                text.push(task.clone());
                text.push(" in ".into());
                text.extend(operand);
                text.push(":\n    ".into());
                vec![task.clone()]
            } else {
                operand
            };
            text.extend(wait_line(name, guarded, exceptions));
        }
        change.edits.push((
            file,
            Edit::Replace {
                range: whole,
                pieces: text,
            },
        ));
        return true;
    }
    if exceptions && !guarded && is_tail {
        return false;
    }
    let read = |operand: Vec<Piece>| -> Vec<Piece> {
        let mut text: Vec<Piece> = Vec::new();
        match (guarded, exceptions, is_tail) {
            (true, true, _) => {
                text.push("await ".into());
                text.push(Piece::Helper(&helpers::VALUE_OR_ERROR));
                text.push("(".into());
                text.extend(operand);
                text.push(")".into());
            }
            (true, false, true) => {
                text.push(Piece::Helper(&helpers::VALUE));
                text.push("(".into());
                text.extend(operand);
                text.push(".return_value)".into());
            }
            (true, false, false) => {
                text.push(Piece::Helper(&helpers::VALUE));
                text.push("(await ".into());
                text.extend(operand);
                text.push(")".into());
            }
            (false, _, true) => {
                text.extend(operand);
                text.push(".return_value".into());
            }
            (false, _, false) => {
                text.push("await ".into());
                text.extend(operand);
            }
        }
        text
    };
    let mut text: Vec<Piece> = Vec::new();
    if let [(true, operand)] = &operands[..] {
        text.push("[".into());
        text.extend(read(vec![task.clone()]));
        text.push(" for ".into());
        text.push(task.clone());
        text.push(" in ".into());
        text.extend(operand.clone());
        text.push("]".into());
    } else {
        let unpacked = matches!(wait.view.tree.parent(wait.await_), Some(AnyNodeRef::StmtAssign(assign))
            if matches!(&assign.targets[..], [Expr::Tuple(tuple)] if tuple.elts.len() == operands.len() && operands.len() > 1));
        if !unpacked {
            text.push("[".into());
        }
        for (at, (starred, operand)) in operands.into_iter().enumerate() {
            if at > 0 {
                text.push(", ".into());
            }
            if starred {
                text.push("*[".into());
                text.extend(read(vec![task.clone()]));
                text.push(" for ".into());
                text.push(task.clone());
                text.push(" in ".into());
                text.extend(operand);
                text.push("]".into());
            } else {
                text.extend(read(operand));
            }
        }
        if !unpacked {
            text.push("]".into());
        }
    }
    change.edits.push((
        file,
        Edit::Replace {
            range: whole,
            pieces: text,
        },
    ));
    true
}

/// `await t`, in the form that raises what it must.
fn wait_line(task: Vec<Piece>, guarded: bool, exceptions: bool) -> Vec<Piece> {
    let mut text: Vec<Piece> = Vec::new();
    if guarded && !exceptions {
        text.push(Piece::Helper(&helpers::VALUE));
        text.push("(".into());
    }
    text.push("await ".into());
    text.extend(task);
    if exceptions {
        text.push(".wait()".into());
    }
    if guarded && !exceptions {
        text.push(")".into());
    }
    text
}

fn fresh_task(wait: &Wait<'_>, extras: usize) -> String {
    let scope = wait.view.scopes.at(wait.await_.start());
    let base = match extras {
        0 => "extra".to_owned(),
        count => format!("extra_{}", count + 1),
    };
    wait.view.scopes.fresh_name(scope, &base)
}

fn edit_spawn(
    cx: &Context<'_>,
    change: &mut Change,
    spawn: &Spawn<'_>,
    errors: Errors,
    group: &str,
    deleted: &[TextRange],
) {
    let file = spawn.view.file;
    let view = spawn.view;
    let group = Piece::from(group.to_owned());
    let mut unused = is_statement(view, spawn.call);
    // `t = …`, where nothing reads `t` any more.
    if let Some(AnyNodeRef::StmtAssign(assign)) = view.tree.parent(spawn.call)
        && let [Expr::Name(name)] = &assign.targets[..]
        && is_unread(view, name.id.as_str(), assign.range(), deleted)
    {
        unused = true;
        let target = TextRange::new(assign.start(), spawn.call.start());
        change.edits.push((file, Edit::delete(target)));
    }
    let plain_arguments = spawn.call.arguments.keywords.is_empty();
    let callee = spawn.call.func.range();
    match errors {
        Errors::Kept | Errors::Logged => {
            let helper = Piece::Helper(if errors == Errors::Kept {
                &helpers::OUTCOME
            } else {
                &helpers::LOG_ERRORS
            });
            if unused && plain_arguments {
                change
                    .edits
                    .push((file, Edit::replace(callee, "{0}.start_soon", &[group])));
                change
                    .edits
                    .push((file, Edit::insert(spawn.coro.start(), "{0}, ", &[helper])));
            } else {
                change
                    .edits
                    .push((file, Edit::replace(callee, "{0}.create_task", &[group])));
                change
                    .edits
                    .push((file, Edit::insert(spawn.coro.start(), "{0}(", &[helper])));
                change
                    .edits
                    .push((file, Edit::insert(spawn.coro.end(), ")", &[])));
            }
        }
        Errors::None | Errors::Leave => {
            if unused && let Some(edits) = as_function(cx, view, spawn.coro) {
                change
                    .edits
                    .push((file, Edit::replace(callee, "{0}.start_soon", &[group])));
                change
                    .edits
                    .extend(edits.into_iter().map(|edit| (file, edit)));
            } else {
                change
                    .edits
                    .push((file, Edit::replace(callee, "{0}.create_task", &[group])));
            }
        }
    }
}

/// Edits that turn the call `f(a, b)` into `f, a, b`.
fn as_function(cx: &Context<'_>, view: &View<'_>, coro: &Expr) -> Option<Vec<Edit>> {
    let Expr::Call(call) = coro else { return None };
    let known = cx
        .program
        .values_at(view.place(coro))
        .all(|value| matches!(value, loopshift_engine::flow::value::Value::Coroutine(_)));
    if !known || !call.arguments.keywords.is_empty() {
        return None;
    }
    let (Some(first), Some(last)) = (call.arguments.args.first(), call.arguments.args.last())
    else {
        let brackets = call.arguments.range();
        return (!view.text(brackets).contains('#')).then(|| vec![Edit::delete(brackets)]);
    };
    if first.is_generator_expr() {
        return None;
    }
    let open = TextRange::new(call.func.end(), first.start());
    let close = TextRange::new(last.end(), call.end());
    if [open, close]
        .iter()
        .any(|range| view.text(*range).contains(['#', '\n']))
    {
        return None;
    }
    Some(vec![Edit::replace(open, ", ", &[]), Edit::delete(close)])
}

/// Whether a variable is bound once, and only read in statements that go.
fn is_unread(view: &View<'_>, name: &str, binding: TextRange, deleted: &[TextRange]) -> bool {
    let scope = view.scopes.at(binding.start());
    let Some(scope) = view.scopes.resolve(name, scope) else {
        return false;
    };
    let once = view.scopes.scopes[scope]
        .bindings
        .get(name)
        .is_some_and(|bindings| bindings.len() == 1);
    let gone = view
        .scopes
        .references
        .iter()
        .filter(|it| it.name == name && view.scopes.resolve(name, it.scope) == Some(scope))
        .all(|it| deleted.iter().any(|range| range.contains_range(it.range)));
    scope != 0 && once && gone
}

/// `asyncio.CancelledError` in a handler around the wait for a task that was told to stop.
pub(super) fn rename_cancelled(
    cx: &Context<'_>,
    model: &Model<'_>,
    change: &mut Change,
    wait: &Wait<'_>,
) {
    let cancelled = wait.sites.iter().any(|site| {
        model.by_site.get(site).is_some_and(|index| {
            model.families[*index].members.iter().any(|member| {
                member.name == "cancel"
                    && member.view.file == wait.view.file
                    && member.function == wait.function
                    && member.attribute.start() < wait.await_.start()
            })
        })
    });
    if cancelled {
        rename(
            cx,
            change,
            wait.view,
            wait.await_.range(),
            "asyncio.CancelledError",
        );
    }
}

/// `asyncio.InvalidStateError` and `asyncio.CancelledError` in a handler around `t.result()`.
pub(super) fn rename_state(
    cx: &Context<'_>,
    change: &mut Change,
    view: &View<'_>,
    range: TextRange,
) {
    rename(cx, change, view, range, "asyncio.CancelledError");
    rename(cx, change, view, range, "asyncio.InvalidStateError");
}

fn rename(cx: &Context<'_>, change: &mut Change, view: &View<'_>, range: TextRange, api: &str) {
    for (_, _, named) in handlers(cx, view, range).into_iter().take(1) {
        for it in named.into_iter().filter(|it| it.api == api) {
            let name = if api == "asyncio.CancelledError" {
                "{@anyio}.TaskCancelled"
            } else {
                "{@anyio}.TaskNotFinished"
            };
            change
                .edits
                .push((view.file, Edit::replace(it.place.range, name, &[])));
            change.covers.push(it.place);
        }
    }
}

/// Tells the group to stop where asyncio would cancel what is left.
fn stop(change: &mut Change, region: &Region<'_>, group: &str, last: &mut Vec<Vec<Piece>>) {
    for (kind, range) in &region.stops {
        let cancel = format!("{group}.cancel_scope.cancel()");
        match kind {
            ExitKind::Return => {
                change.edits.push((
                    region.view.file,
                    Edit::Replace {
                        range: TextRange::empty(range.start()),
                        pieces: vec![Piece::from(format!("{cancel}\n"))],
                    },
                ));
            }
            ExitKind::Fall | ExitKind::Jump => last.push(vec![Piece::from(cancel)]),
        }
    }
}

/// Puts the group around the region, and tells whether callers get errors as they did.
fn wrap(
    cx: &Context<'_>,
    change: &mut Change,
    region: &Region<'_>,
    group: &str,
    last: Vec<Vec<Piece>>,
) -> bool {
    let range = region.run.range();
    let place = Place {
        file: region.view.file,
        range,
    };
    let observed = is_observed(cx, place);
    let header = |template: &'static str| pieces(template, &[Piece::from(group.to_owned())]);
    if observed {
        change.edits.push((
            region.view.file,
            Edit::Wrap(Wrap {
                range,
                before: Vec::new(),
                header: pieces("with {0}():", &[Piece::Helper(&helpers::FIRST_ERROR)]),
                last: Vec::new(),
                after: Vec::new(),
            }),
        ));
    }
    change.edits.push((
        region.view.file,
        Edit::Wrap(Wrap {
            range,
            before: Vec::new(),
            header: header("async with {@anyio}.create_task_group() as {0}:"),
            last,
            after: Vec::new(),
        }),
    ));
    observed
}
