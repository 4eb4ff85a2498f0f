//! `asyncio.Lock`, `Semaphore`, `BoundedSemaphore` and `Condition` become `AnyIO`'s; a `Barrier` becomes a class of the module.
//!
//! `AnyIO`'s lock has an owner, its semaphores have no default, and both let other tasks run even where they are free,
//! unless told not to.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::objects::Member;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::anyio_event::view;
use super::anyio_run::inside;
use crate::common::caught;
use crate::common::objects::moving::{Form, Moving, class, plan_family};
use crate::common::objects::values::split;
use crate::common::objects::{
    Family, Obstacle, Result_, method, receiver, result_of, takes_comparison,
};
use crate::common::order::Order;
use crate::common::outside::may_run_outside;
use crate::context::{Context, View};

mod barrier;
mod condition;
mod just_released;
pub(crate) mod relocked;
mod shares;

use barrier::barrier;
use condition::condition;

const RULE: &str = "anyio-primitives";

/// What both raise for a lock or a condition that is not held, with other texts.
const MISUSED: &[&str] = &["RuntimeError"];

const SEEN: &str = "acquiring it lets other tasks run in AnyIO even where it is free, which can be seen; `fast_acquire` needs AnyIO 4.5";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    if cx.uses_for(RULE).next().is_none() {
        return;
    }
    let locks = Family::new(cx, "asyncio.Lock");
    let conditions = Family::new(cx, "asyncio.Condition");
    let semaphores =
        ["asyncio.Semaphore", "asyncio.BoundedSemaphore"].map(|ty| Family::new(cx, ty));
    let fast = cx.anyio_has(4, 5);
    let order = (!fast || !conditions.clusters.is_empty()).then(|| Order::new(cx));
    let is_seen = |moving: &Moving<'_>| {
        let order = order.as_ref();
        order.is_some_and(|order| order.is_seen(entered(cx, moving)))
    };
    // Before 4.5 nothing can be told to go on where it is free.
    let slow = |moving: &Moving<'_>| {
        if fast || !is_seen(moving) {
            return Ok(());
        }
        Err(Obstacle {
            at: None,
            reason: SEEN.to_owned(),
        })
    };
    let barriers = Family::new(cx, "asyncio.Barrier");
    plan_family(cx, changes, RULE, &barriers, |moving, _| {
        barrier(cx, moving)
    });
    // A condition may share its lock: which form that takes must be known there.
    let mut plain_locks = vec![true; locks.clusters.len()];
    plan_family(cx, changes, RULE, &locks, |moving, change| {
        slow(moving)?;
        change.requires.extend(sharing(cx, &locks, moving.index));
        let (form, plain) = lock(cx, moving, change)?;
        plain_locks[moving.index] = plain;
        Ok(form)
    });
    for (family, bounded) in semaphores.iter().zip([false, true]) {
        plan_family(cx, changes, RULE, family, |moving, change| {
            slow(moving)?;
            semaphore(cx, moving, change, bounded)
        });
    }
    plan_family(cx, changes, RULE, &conditions, |moving, change| {
        slow(moving)?;
        condition(
            cx,
            moving,
            change,
            &locks,
            &plain_locks,
            &conditions,
            is_seen(moving),
        )
    });
}

/// The conditions that are given a lock of the cluster: they move with it.
fn sharing<'c>(
    cx: &'c Context<'c>,
    locks: &'c Family,
    index: usize,
) -> impl Iterator<Item = Place> + 'c {
    let uses = cx
        .uses
        .iter()
        .filter(|use_| use_.api == "asyncio.Condition");
    uses.filter(move |use_| {
        let view = cx.view(use_.place.file);
        let call = view.and_then(|view| Some((view, view.call_of(use_.place.range)?)));
        call.is_some_and(|(view, call)| {
            let named = call.arguments.keywords.iter().map(|keyword| &keyword.value);
            (call.arguments.args.iter().chain(named))
                .map(|given| cx.program.node_at(view.place(given)))
                .any(|node| locks.of(cx, node).contains(&index))
        })
    })
    .map(|use_| use_.place)
}

/// The arguments of a call, by the catalog's signature.
fn argument<'v>(
    cx: &'v Context<'v>,
    ty: &str,
    call: &'v ExprCall,
    name: &str,
    place: Place,
) -> Result<Option<&'v Expr>, Obstacle> {
    let api = cx
        .catalog
        .get(ty)
        .ok_or_else(|| Obstacle::new(place, "it is not in the catalog"))?;
    let bound = cx
        .bind(api, call)
        .map_err(|error| Obstacle::new(place, error.to_string()))?;
    Ok(bound.get(name))
}

/// That none of the methods may be called where no event loop runs: `AnyIO`'s objects ask for it even where they do not wait.
fn in_loop(cx: &Context<'_>, members: &[Member]) -> Result<(), Obstacle> {
    let outside = members
        .iter()
        .find(|member| may_run_outside(cx, cx.program.function_at(member.place)));
    outside.map_or(Ok(()), |member| {
        Err(Obstacle::new(
            member.place,
            format!(
                "`{}` may be called where no event loop runs, which AnyIO's needs",
                method(member)
            ),
        ))
    })
}

fn lock<'v>(
    cx: &'v Context<'v>,
    moving: &Moving<'v>,
    change: &mut Change,
) -> Result<(Form, bool), Obstacle> {
    let members = &moving.cluster.members;
    in_loop(cx, members)?;
    let mut owned = true;
    for member in members.iter().filter(|member| method(member) == "release") {
        owned &= acquired_in_same_function(view(cx, member.place)?, member, members);
    }
    owned &= !relocked::waits_for_itself(cx, moving.cluster);
    if !owned {
        // A semaphore that is released once too often raises another error.
        for member in members.iter().filter(|it| method(it) == "release") {
            if caught::is_caught(cx, view(cx, member.place)?, member.place.range, MISUSED) {
                return Err(Obstacle::new(
                    member.place,
                    "it is released where another task may hold it, which takes a semaphore in AnyIO; and who releases one that is free gets no `RuntimeError` there, which is caught here",
                ));
            }
        }
    }
    let name = if owned { "Lock" } else { "Semaphore" };
    let fast = cx.anyio_has(4, 5);
    for site in &moving.sites {
        let Some(call) = site.call else { continue };
        let text = match (owned, fast) {
            (true, true) => "fast_acquire=True",
            (true, false) => "",
            (false, true) => "1, max_value=1, fast_acquire=True",
            (false, false) => "1, max_value=1",
        };
        if !(call.arguments.is_empty() && text.is_empty()) {
            change.edits.push((
                site.view.file,
                Edit::Replace {
                    range: inside(call),
                    pieces: vec![text.into()],
                },
            ));
        }
    }
    for member in members {
        let view = view(cx, member.place)?;
        match method(member) {
            "release" => caught::caveat_around(cx, change, view, member.place.range, MISUSED),
            "acquire" => {
                if owned && !runs_here(cx, view, member, change) {
                    return Err(of_another_task(member, "lock"));
                }
                acquires(cx, view, member, change)?;
            }
            "locked" if owned => {}
            "locked" => locked(view, member, change)?,
            name => return Err(unknown_member(member, name, "lock")),
        }
    }
    just_released::caveat(cx, moving.cluster, owned, change);
    is_slow(change, fast);
    let mut form = Form::anyio(name);
    form.factory = factory(name, if owned { "" } else { "1, max_value=1" }, fast);
    Ok((form, owned))
}

/// Says what differs where `AnyIO` can't be told to go on at once.
fn is_slow(change: &mut Change, fast: bool) {
    if !fast {
        change.caveat(
            "acquiring it lets other tasks run even where it is free (`fast_acquire` needs AnyIO 4.5)",
        );
    }
}

/// What makes one when called without arguments, where that is not the class.
fn factory(name: &str, value: &'static str, fast: bool) -> Option<Vec<Piece>> {
    if value.is_empty() && !fast {
        return None;
    }
    let mut pieces: Vec<Piece> = vec!["lambda: ".into()];
    pieces.extend(class(name));
    pieces.push("(".into());
    pieces.push(value.into());
    if fast {
        pieces.push(if value.is_empty() { "" } else { ", " }.into());
        pieces.push("fast_acquire=True".into());
    }
    pieces.push(")".into());
    Some(pieces)
}

/// Whether a release stands in a function that acquires the same lock: the task that releases is then the owner.
fn acquired_in_same_function(view: &View<'_>, release: &Member, members: &[Member]) -> bool {
    let function = |range| view.tree.enclosing_function(range).map(|it| it.range());
    let text = receiver(view, release.place.range).map(|expr| view.text(expr.range()));
    let inside = function(release.place.range);
    inside.is_some()
        && members.iter().any(|other| {
            method(other) == "acquire"
                && other.place.file == view.file
                && function(other.place.range) == inside
                && receiver(view, other.place.range).map(|expr| view.text(expr.range())) == text
        })
}

/// `acquire()` gives `True` in asyncio and nothing in `AnyIO`.
fn acquires(
    cx: &Context<'_>,
    view: &View<'_>,
    member: &Member,
    change: &mut Change,
) -> Result<(), Obstacle> {
    let name = method(member);
    let Some(call) = view.call_of(member.place.range) else {
        change.caveat(format!(
            "`{name}` is passed on as a function, and gives None instead of True"
        ));
        return Ok(());
    };
    match result_of(cx, view, call) {
        Result_::Dropped => {}
        Result_::Travels => {
            change.caveat(format!(
                "the coroutine of `{name}()` is passed on, and gives None instead of True"
            ));
        }
        Result_::Used(await_) => {
            let edits = split(view, await_, "True").ok_or_else(|| {
                Obstacle::new(
                    member.place,
                    format!("the value of `{name}()` is used, which is None in AnyIO; put it on a line of its own"),
                )
            })?;
            change
                .edits
                .extend(edits.into_iter().map(|edit| (view.file, edit)));
        }
    }
    Ok(())
}

/// `sem.locked()` becomes `sem.value == 0`, `not sem.locked()` becomes `sem.value != 0`.
fn locked(view: &View<'_>, member: &Member, change: &mut Change) -> Result<(), Obstacle> {
    let refuse = |reason: &str| Obstacle::new(member.place, reason);
    if !member.only {
        return Err(refuse("it may be something else than a semaphore here"));
    }
    let call = view
        .call_of(member.place.range)
        .ok_or_else(|| refuse("`locked` is passed on as a function, and AnyIO has none"))?;
    let object = receiver(view, member.place.range).ok_or_else(|| refuse("it is no member"))?;
    let object = Piece::Source(object.range());
    let edit = match view.tree.parent(call) {
        Some(AnyNodeRef::ExprUnaryOp(unary))
            if unary.op == loopshift_python::ast::UnaryOp::Not
                && takes_comparison(view, unary.range()) =>
        {
            Edit::replace(unary.range(), "{0}.value != 0", &[object])
        }
        _ if takes_comparison(view, call.range()) => {
            Edit::replace(call.range(), "{0}.value == 0", &[object])
        }
        _ => Edit::replace(call.range(), "({0}.value == 0)", &[object]),
    };
    change.edits.push((view.file, edit));
    Ok(())
}

fn unknown_member(member: &Member, name: &str, what: &str) -> Obstacle {
    Obstacle::new(
        member.place,
        format!("`{name}` is used, which AnyIO's {what} does not have"),
    )
}

fn semaphore<'v>(
    cx: &'v Context<'v>,
    moving: &Moving<'v>,
    change: &mut Change,
    bounded: bool,
) -> Result<Form, Obstacle> {
    let ty = if bounded {
        "asyncio.BoundedSemaphore"
    } else {
        "asyncio.Semaphore"
    };
    in_loop(cx, &moving.cluster.members)?;
    let fast = cx.anyio_has(4, 5);
    for site in &moving.sites {
        let Some(call) = site.call else {
            if bounded {
                return Err(Obstacle::new(
                    site.use_.place,
                    "it is made by another, without the bound that AnyIO's must be given",
                ));
            }
            continue;
        };
        let place = site.use_.place;
        let value = argument(cx, ty, call, "value", place)?;
        let mut pieces: Vec<Piece> = Vec::new();
        match value {
            Some(value) => pieces.push(value.range().into()),
            None => pieces.push("1".into()),
        }
        if bounded {
            pieces.push(", max_value=".into());
            match value {
                // Written twice, it must mean the same twice.
                Some(value) if !is_plain(value) => {
                    return Err(Obstacle::new(
                        place,
                        "its value is computed, and AnyIO's must be given it twice; keep it in a variable",
                    ));
                }
                Some(value) => pieces.push(view_text(site.view, value.range())),
                None => pieces.push("1".into()),
            }
        }
        if fast {
            pieces.push(", fast_acquire=True".into());
        }
        change.edits.push((
            site.view.file,
            Edit::Replace {
                range: inside(call),
                pieces,
            },
        ));
    }
    for member in &moving.cluster.members {
        let view = view(cx, member.place)?;
        match method(member) {
            "release" if bounded => {
                caught::caveat_around(cx, change, view, member.place.range, &["ValueError"]);
            }
            "release" => {}
            "acquire" => acquires(cx, view, member, change)?,
            "locked" => locked(view, member, change)?,
            "_value" => {
                let attribute = view.tree.expr_at(member.place.range);
                let Some(Expr::Attribute(attribute)) = attribute else {
                    return Err(unknown_member(member, "_value", "semaphore"));
                };
                change.edits.push((
                    view.file,
                    Edit::Replace {
                        range: attribute.attr.range(),
                        pieces: vec!["value".into()],
                    },
                ));
            }
            name => return Err(unknown_member(member, name, "semaphore")),
        }
    }
    is_slow(change, fast);
    let mut form = Form::anyio("Semaphore");
    form.factory = factory("Semaphore", "1", fast);
    Ok(form)
}

fn view_text(view: &View<'_>, range: TextRange) -> Piece {
    Piece::from(view.text(range).to_owned())
}

fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Name(_) | Expr::NumberLiteral(_) => true,
        Expr::Attribute(attribute) => is_plain(&attribute.value),
        _ => false,
    }
}

/// Where the objects of a cluster are acquired.
fn entered(cx: &Context<'_>, moving: &Moving<'_>) -> Vec<Place> {
    let members = moving.cluster.members.iter();
    let mut found: Vec<Place> = members
        .filter(|member| method(member) == "acquire")
        .map(|member| member.place)
        .collect();
    for held in &moving.cluster.places {
        let entered = cx.view(held.place.file).is_some_and(|view| {
            view.tree.expr_at(held.place.range).is_some_and(|expr| {
                matches!(view.tree.parent(expr), Some(AnyNodeRef::WithItem(item))
                    if item.context_expr.range() == held.place.range)
            })
        });
        if entered {
            found.push(held.place);
        }
    }
    found
}

/// Whether the task that calls a method also runs it: in `AnyIO` the task owns the lock. `asyncio.wait_for` runs it in a
/// task of its own (before Python 3.12), so both move together. False where another task runs it.
fn runs_here(cx: &Context<'_>, view: &View<'_>, member: &Member, change: &mut Change) -> bool {
    let Some(call) = view.call_of(member.place.range) else {
        return true;
    };
    if view.await_of(call.range()).is_some() {
        return true;
    }
    let outer = view.tree.ancestors(call).find_map(|node| match node {
        AnyNodeRef::ExprCall(outer) => Some(outer),
        _ => None,
    });
    match outer.and_then(|outer| Some((outer, cx.api_of(view, &outer.func)?))) {
        Some((outer, "asyncio.wait_for")) => {
            change.requires.push(view.place(&*outer.func));
            true
        }
        Some((_, api)) => !matches!(
            api,
            "asyncio.create_task"
                | "asyncio.ensure_future"
                | "asyncio.gather"
                | "asyncio.shield"
                | "asyncio.TaskGroup.create_task"
                | "asyncio.AbstractEventLoop.create_task"
        ),
        None => true,
    }
}

fn of_another_task(member: &Member, what: &str) -> Obstacle {
    Obstacle::new(
        member.place,
        format!(
            "`{}` runs in a task of its own, and AnyIO's {what} belongs to the task that takes it",
            method(member)
        ),
    )
}
