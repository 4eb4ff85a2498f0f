//! `asyncio.TaskGroup` becomes `anyio.create_task_group`, with the tasks made in it.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, Place};
use loopshift_engine::objects::{Cluster, clusters};
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::Edit;

use super::emit::Errors;
use super::family::{Family, Model, Spawn};
use super::forms::{Out, edit_wait};
use super::rename::{rename_cancelled, rename_state};
use super::{callbacks, family, handles, members, spawning, unstarted, woken};
use crate::common::raising::Raising;
use crate::context::{Context, View};

const RULE: &str = "anyio-task-group";
const GROUP: &str = "asyncio.TaskGroup";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut model = family::model(cx);
    members::check(cx, &mut model);
    unstarted::mark(cx, &mut model);
    super::spread(&mut model);
    // Groups that share tasks go together.
    let mut sets: Vec<(Vec<Cluster>, BTreeSet<usize>)> = Vec::new();
    for cluster in clusters(cx.program, |ty| ty == GROUP) {
        let mut families: BTreeSet<usize> = BTreeSet::new();
        for (index, family) in model.families.iter().enumerate() {
            let here = family.spawns.iter().any(|spawn| {
                cluster
                    .members
                    .iter()
                    .any(|member| member.place == spawn.callee)
            });
            if here {
                families.insert(index);
            }
        }
        let mut all = vec![cluster];
        let (joined, rest): (Vec<_>, Vec<_>) = sets
            .into_iter()
            .partition(|(_, other)| !other.is_disjoint(&families));
        sets = rest;
        for (more, others) in joined {
            all.extend(more);
            families.extend(others);
        }
        sets.push((all, families));
    }
    let mut spoken: BTreeSet<Place> = BTreeSet::new();
    for (groups, families) in &sets {
        let uses: Vec<Place> = groups
            .iter()
            .flat_map(|group| group.sites.iter())
            .filter_map(|site| {
                let view = cx.view(site.file)?;
                match view.tree.expr_at(site.range)? {
                    Expr::Call(call) => Some(view.place(&*call.func)),
                    _ => None,
                }
            })
            .collect();
        spoken.extend(&uses);
        match change(cx, &model, groups, families, &uses) {
            Ok(Some(change)) => changes.push(change),
            Ok(None) => {}
            Err(reason) => {
                for place in uses {
                    changes.push(Change::declined(RULE, place, GROUP, &*reason));
                }
            }
        }
    }
    let all: Vec<Place> = spoken.iter().copied().collect();
    for (use_, _, view) in cx.uses_for(RULE) {
        if use_.api == GROUP && !spoken.contains(&use_.place) {
            changes.push(annotation(view, use_.place, &all));
        }
    }
}

/// `tg: asyncio.TaskGroup`
fn annotation(view: &View<'_>, place: Place, groups: &[Place]) -> Change {
    let in_annotation = view.tree.around(place.range).find_map(|node| match node {
        AnyNodeRef::Parameter(_) => Some(true),
        AnyNodeRef::StmtAnnAssign(it) => Some(it.annotation.range().contains_range(place.range)),
        AnyNodeRef::StmtFunctionDef(it) => Some(
            it.returns
                .as_deref()
                .is_some_and(|it| it.range().contains_range(place.range)),
        ),
        AnyNodeRef::ExprCall(_) => Some(false),
        _ if node.is_statement() => Some(false),
        _ => None,
    });
    if in_annotation != Some(true) || groups.is_empty() {
        return Change::declined(
            RULE,
            place,
            GROUP,
            "it is used in another way than to make a group that is entered in place",
        );
    }
    let mut change = Change::new(RULE, place, GROUP, "the annotation goes with the group");
    change.requires.extend(groups);
    change.edit(Edit::replace(place.range, "{@anyio.abc}.TaskGroup", &[]));
    change
}

fn change(
    cx: &Context<'_>,
    model: &Model<'_>,
    groups: &[Cluster],
    families: &BTreeSet<usize>,
    uses: &[Place],
) -> Result<Option<Change>, String> {
    let Some(first) = uses.iter().min() else {
        return Ok(None);
    };
    check(cx, model, groups, families)?;
    let mut change = Change::new(
        RULE,
        *first,
        GROUP,
        "`asyncio.TaskGroup` becomes a task group of AnyIO",
    );
    change.covers.extend(uses);
    for place in uses {
        change.edits.push((
            place.file,
            Edit::replace(place.range, "{@anyio}.create_task_group", &[]),
        ));
    }
    for group in groups {
        change
            .covers
            .extend(group.members.iter().map(|it| it.place));
    }
    let raising = Raising::new(cx);
    for index in families {
        let family = &model.families[*index];
        if let Some(caveat) = members::unnamed(family) {
            change.caveat(caveat);
        }
        for member in &family.members {
            change.covers.push(member.view.place(member.attribute));
            members::edit(cx, &mut change, member, false);
            if matches!(member.name.as_str(), "result" | "exception") {
                rename_state(cx, &mut change, member.view, member.attribute.range());
            }
        }
    }
    for wait in model.waits_of(families) {
        change.covers.extend(&wait.uses);
        let mut out = Out::inside();
        edit_wait(cx, &mut change, &mut out, wait, false)?;
        rename_cancelled(cx, model, &mut change, wait);
        let fails = families.iter().any(|index| {
            model.families[*index]
                .spawns
                .iter()
                .any(|spawn| raising.awaiting(spawn.view, spawn.coro))
        });
        if fails {
            change.caveat(
                "an error of a task that is awaited in its group comes with a TaskFailed beside it",
            );
        }
    }
    let spawns: Vec<&Spawn<'_>> = families
        .iter()
        .flat_map(|index| &model.families[*index].spawns)
        .collect();
    for spawn in &spawns {
        change.covers.push(spawn.callee);
    }
    if !handles::are_there(cx) {
        for index in families {
            if let Some(reason) = handles::refusal(model, *index) {
                return Err(reason);
            }
        }
        for spawn in &spawns {
            super::spawning::edit_member(cx, &mut change, spawn)?;
        }
    }
    for index in families {
        end(cx, &mut change, &model.families[*index])?;
    }
    let coros: Vec<Place> = spawns
        .iter()
        .map(|spawn| spawn.view.place(spawn.coro))
        .collect();
    super::cancelled::prepare(cx, &mut change, &coros)?;
    change.covers.sort();
    change.covers.dedup();
    Ok(Some(change))
}

/// What follows the end of tasks: callbacks, and the sets that keep them.
fn end(cx: &Context<'_>, change: &mut Change, family: &Family<'_>) -> Result<(), String> {
    if family.callbacks.are_called() && !handles::are_there(cx) {
        return Err(
            "its tasks have callbacks, which the handles of this AnyIO do not take".to_owned(),
        );
    }
    for spawn in &family.spawns {
        let callee = spawn.view.tree.expr_at(spawn.callee.range);
        let Some(Expr::Attribute(callee)) = callee else {
            return Err("the group is not named where its task is made".to_owned());
        };
        let group = spawn.view.text(callee.value.range());
        callbacks::edit_watched(change, spawn, family, group);
        if !callbacks::edit_spawn(cx, change, spawn, family, Errors::Leave, group)
            && handles::are_there(cx)
        {
            let mut front = Vec::new();
            let back = spawning::look_first(spawn, &mut front);
            spawning::enclose(change, spawn, front, back);
        }
    }
    for place in family.gone().collect::<BTreeSet<Place>>() {
        let delete = Edit::DeleteStatement { range: place.range };
        change.edits.push((place.file, delete));
    }
    change.covers.extend(&family.callbacks.asked);
    woken::edit(change, family);
    Ok(())
}

fn check(
    cx: &Context<'_>,
    model: &Model<'_>,
    groups: &[Cluster],
    families: &BTreeSet<usize>,
) -> Result<(), String> {
    for group in groups {
        if let Some((_, reason)) = group.escapes.first() {
            return Err(format!("the group leaves what is seen: {reason}"));
        }
        if group.members.is_empty() {
            return Err(
                "no task is started in it, and AnyIO's lets other tasks run at its end all the same; it can go"
                    .to_owned(),
            );
        }
        for site in &group.sites {
            let entered = cx.view(site.file).is_some_and(|view| {
                view.tree.expr_at(site.range).is_some_and(|expr| {
                    matches!(
                        view.tree.parent(expr),
                        Some(AnyNodeRef::WithItem(_) | AnyNodeRef::StmtWith(_))
                    )
                })
            });
            if !entered {
                return Err("the group is not entered where it is made".to_owned());
            }
        }
        for member in &group.members {
            let name = member.api.rsplit('.').next().unwrap_or_default();
            if name != "create_task" {
                return Err(format!(
                    "`{name}`: a task group of AnyIO has no counterpart"
                ));
            }
            let spawned = families.iter().any(|index| {
                model.families[*index]
                    .spawns
                    .iter()
                    .any(|spawn| spawn.callee == member.place)
            });
            if !spawned {
                return Err(
                    "it is not known what becomes of a task that is made in the group".to_owned(),
                );
            }
        }
    }
    let mut reasons: BTreeMap<usize, &str> = BTreeMap::new();
    for index in families {
        let family = &model.families[*index];
        if let Some(reason) = &family.refusal {
            reasons.insert(*index, reason);
        }
        if family.spawns.iter().any(|spawn| !spawn.in_group) {
            return Err("its tasks meet others that are made outside of a group".to_owned());
        }
        for wait in super::region::waits_of(model, *index) {
            let caught = super::failure::handlers(cx, wait.view, wait.await_.range())
                .first()
                .is_some_and(|(_, catches, _)| catches.errors);
            if caught {
                return Err(
                    "the error of a task is handled around its await, and AnyIO raises TaskFailed there"
                        .to_owned(),
                );
            }
        }
    }
    match reasons.values().next() {
        Some(reason) => Err((*reason).to_owned()),
        None => Ok(()),
    }
}
