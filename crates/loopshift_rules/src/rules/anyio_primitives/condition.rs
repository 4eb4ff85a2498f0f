//! `asyncio.Condition`: its lock, who notifies it, and who waits for it.

use loopshift_engine::change::Change;
use loopshift_engine::objects::Member;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::{Edit, Piece};

use super::just_released;
use super::shares::{is_one_lock, made_of};
use super::{
    MISUSED, acquired_in_same_function, acquires, argument, in_loop, of_another_task, runs_here,
    unknown_member,
};
use crate::common::caught;
use crate::common::objects::moving::{Form, Moving, class};
use crate::common::objects::values::shares_its_line;
use crate::common::objects::{Family, Obstacle, method, receiver};
use crate::context::{Context, View};
use crate::rules::anyio_event::view;
use crate::rules::anyio_run::inside;

/// What becomes of conditions that move together. `plain_locks` tells of each of the `locks` whether only who took it
/// releases it, `conditions` which others there are, `seen` whether others see that acquiring lets them run.
pub(super) fn condition<'v>(
    cx: &'v Context<'v>,
    moving: &Moving<'v>,
    change: &mut Change,
    locks: &Family,
    plain_locks: &[bool],
    conditions: &Family,
    seen: bool,
) -> Result<Form, Obstacle> {
    let fast = cx.anyio_has(4, 5);
    let made = made_of(cx, moving);
    // Whether who holds what stands in an `async with` holds the condition, too.
    let holds = |view: &View<'_>, condition: &Expr, other: &Expr| {
        view.text(condition.range()) == view.text(other.range())
            || made.is_some_and(|made| is_one_lock(cx, view, conditions, made, condition, other))
    };
    for site in &moving.sites {
        let Some(call) = site.call else { continue };
        let place = site.use_.place;
        let lock = argument(cx, "asyncio.Condition", call, "lock", place)?;
        let given = lock.filter(|lock| !lock.is_none_literal_expr());
        let mut pieces: Vec<Piece> = Vec::new();
        if let Some(lock) = given {
            pieces.push(lock.range().into());
            let clusters = locks.of(cx, cx.program.node_at(site.view.place(lock)));
            if clusters.is_empty() {
                return Err(Obstacle::new(
                    place,
                    "the lock that it is given is not known",
                ));
            }
            for index in clusters {
                if !plain_locks[index] {
                    return Err(Obstacle::new(
                        place,
                        "its lock is released by other tasks, which AnyIO's condition does not allow",
                    ));
                }
                change.requires.extend(locks.clusters[index].sites.iter());
            }
        }
        if pieces.is_empty() && seen && fast {
            pieces.extend(fast_lock());
        }
        if pieces.is_empty() && call.arguments.is_empty() {
            continue;
        }
        change.edits.push((
            site.view.file,
            Edit::Replace {
                range: inside(call),
                pieces,
            },
        ));
    }
    let members = &moving.cluster.members;
    in_loop(cx, members)?;
    for member in members {
        let view = view(cx, member.place)?;
        match method(member) {
            "release" => {
                if !acquired_in_same_function(view, member, members) {
                    return Err(Obstacle::new(
                        member.place,
                        "it is released where it was not acquired, and AnyIO's belongs to a task",
                    ));
                }
            }
            "locked" => {}
            "notify" | "notify_all" => {
                caught::caveat_around(cx, change, view, member.place.range, MISUSED);
                held(view, member, members, &holds, change);
            }
            "acquire" => acquires(cx, view, member, change)?,
            "wait" | "wait_for" if !runs_here(cx, view, member, change) => {
                return Err(of_another_task(member, "condition"));
            }
            "wait" => {
                caught::caveat_around(cx, change, view, member.place.range, MISUSED);
                held(view, member, members, &holds, change);
                acquires(cx, view, member, change)?;
            }
            "wait_for" => {
                caught::caveat_around(cx, change, view, member.place.range, MISUSED);
                held(view, member, members, &holds, change);
                wait_for(cx, view, member, change)?;
            }
            name => return Err(unknown_member(member, name, "condition")),
        }
    }
    just_released::caveat(cx, moving.cluster, true, change);
    let mut form = Form::anyio("Condition");
    if seen && fast {
        let mut pieces: Vec<Piece> = vec!["lambda: ".into()];
        pieces.extend(class("Condition"));
        pieces.push("(".into());
        pieces.extend(fast_lock());
        pieces.push(")".into());
        form.factory = Some(pieces);
    }
    Ok(form)
}

/// A lock that does not let other tasks run where it is free: a condition makes its own that does.
fn fast_lock() -> Vec<Piece> {
    let mut pieces = class("Lock");
    pieces.push("(fast_acquire=True)".into());
    pieces
}

/// Waiting and notifying needs the current task to hold the condition itself: seen where `async with` is around.
fn held(
    view: &View<'_>,
    member: &Member,
    members: &[Member],
    holds: &impl Fn(&View<'_>, &Expr, &Expr) -> bool,
    change: &mut Change,
) {
    let object = receiver(view, member.place.range);
    let function = view
        .tree
        .enclosing_function(member.place.range)
        .map(|function| function.range());
    let around =
        view.tree
            .around(member.place.range)
            .take_while(|node| Some(node.range()) != function)
            .any(|node| match node {
                AnyNodeRef::StmtWith(with) => with.items.iter().any(|item| {
                    object.is_some_and(|object| holds(view, object, &item.context_expr))
                }),
                _ => false,
            });
    if !around && !acquired_in_same_function(view, member, members) {
        change.caveat(format!(
            "`{}` needs the task that calls it to hold the condition; asyncio lets any task do it while the lock is taken",
            method(member)
        ));
    }
}

/// `wait_for` came with AnyIO 4.11; before, a loop says the same.
fn wait_for(
    cx: &Context<'_>,
    view: &View<'_>,
    member: &Member,
    change: &mut Change,
) -> Result<(), Obstacle> {
    if cx.anyio_has(4, 11) {
        return Ok(());
    }
    let refuse = || {
        Obstacle::new(
            member.place,
            "`wait_for` needs AnyIO 4.11; write a loop around `wait()`",
        )
    };
    let call = view.call_of(member.place.range).ok_or_else(refuse)?;
    let await_ = view.await_of(call.range()).ok_or_else(refuse)?;
    let stmt = view
        .tree
        .enclosing_statement(await_.range())
        .filter(|stmt| stmt.range() == await_.range())
        .filter(|stmt| !shares_its_line(view, stmt))
        .ok_or_else(refuse)?;
    let [predicate] = &*call.arguments.args else {
        return Err(refuse());
    };
    let object = receiver(view, member.place.range).ok_or_else(refuse)?;
    let object = Piece::Source(object.range());
    let edit = match predicate {
        Expr::Lambda(lambda) if lambda.parameters.is_none() => {
            let test = Piece::Source(lambda.body.range());
            let atom = matches!(
                &*lambda.body,
                Expr::Name(_)
                    | Expr::Attribute(_)
                    | Expr::Call(_)
                    | Expr::Subscript(_)
                    | Expr::Compare(_)
            );
            let text = if atom {
                "while not {0}:\n    await {1}.wait()"
            } else {
                "while not ({0}):\n    await {1}.wait()"
            };
            Edit::replace(stmt.range(), text, &[test, object])
        }
        Expr::Name(_) | Expr::Attribute(_) => Edit::replace(
            stmt.range(),
            "while not {0}():\n    await {1}.wait()",
            &[predicate.range().into(), object],
        ),
        _ => return Err(refuse()),
    };
    change.edits.push((view.file, edit));
    Ok(())
}
