//! `asyncio.Event` becomes `anyio.Event`.
//!
//! `AnyIO`'s is set once: `clear()` becomes a new event, which is right where the event lives in one place that is
//! read afresh at each use.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::objects::Member;
use loopshift_python::Ranged;
use loopshift_python::edit::Edit;

use super::objects::moving::{Form, Moving, plan_family};
use super::objects::slot::{Slot, the_slot};
use super::objects::values::{shares_its_line, split};
use super::objects::{Family, Obstacle, Result_, method, receiver, result_of};
use crate::context::{Context, View};

const RULE: &str = "anyio-event";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let family = Family::new(cx, "asyncio.Event");
    plan_family(cx, changes, RULE, &family, |moving, change| {
        event(cx, moving, change)
    });
}

fn event(cx: &Context<'_>, moving: &Moving<'_>, change: &mut Change) -> Result<Form, Obstacle> {
    for site in &moving.sites {
        let place = site.use_.place;
        if let Some(call) = site.call
            && !call.arguments.is_empty()
        {
            change
                .edits
                .push((place.file, Edit::delete(super::anyio_run::inside(call))));
        }
        let early = site
            .view
            .tree
            .enclosing_function(place.range)
            .is_none_or(|function| !function.is_async());
        if early && !cx.settings.anyio_has(4, 2) {
            return Err(Obstacle::new(
                place,
                "it may be made before the loop runs, which needs AnyIO 4.2",
            ));
        }
    }
    let cleared: Vec<&Member> = moving
        .cluster
        .members
        .iter()
        .filter(|member| method(member) == "clear")
        .collect();
    let slot = match cleared.first() {
        Some(first) => Some(the_slot(cx, moving.cluster).map_err(|obstacle| Obstacle {
            reason: format!(
                "it is cleared, and AnyIO's can't be; {}, so that a new one can't take its place",
                obstacle.reason
            ),
            at: obstacle.at.or(Some(first.place)),
        })?),
        None => None,
    };
    for member in &moving.cluster.members {
        let view = view(cx, member.place)?;
        match method(member) {
            "set" | "is_set" => {}
            "wait" => waits(cx, view, member, change)?,
            "clear" => {
                let Some(slot) = &slot else { continue };
                clear(view, member, slot, change)?;
            }
            name => {
                return Err(Obstacle::new(
                    member.place,
                    format!("`{name}` is used, which AnyIO's event does not have"),
                ));
            }
        }
    }
    Ok(Form::anyio("Event"))
}

/// `wait()` gives `True` in asyncio and nothing in `AnyIO`.
fn waits(
    cx: &Context<'_>,
    view: &View<'_>,
    member: &Member,
    change: &mut Change,
) -> Result<(), Obstacle> {
    let Some(call) = view.call_of(member.place.range) else {
        change.caveat("`wait` is passed on as a function, and gives None instead of True");
        return Ok(());
    };
    match result_of(cx, view, call) {
        Result_::Dropped => {}
        Result_::Travels => {
            change.caveat("the coroutine of `wait()` is passed on, and gives None instead of True");
        }
        Result_::Used(await_) => {
            let Some(edits) = split(view, await_, "True") else {
                return Err(Obstacle::new(
                    member.place,
                    "the value of `wait()` is used, which is None in AnyIO; put the wait on a line of its own",
                ));
            };
            change
                .edits
                .extend(edits.into_iter().map(|edit| (view.file, edit)));
        }
    }
    Ok(())
}

fn clear(
    view: &View<'_>,
    member: &Member,
    slot: &Slot,
    change: &mut Change,
) -> Result<(), Obstacle> {
    let refuse = |reason: &str| Obstacle::new(member.place, reason);
    let call = view
        .call_of(member.place.range)
        .ok_or_else(|| refuse("`clear` is passed on as a function, and AnyIO has none"))?;
    let stmt = view
        .tree
        .enclosing_statement(call.range())
        .filter(|stmt| stmt.range() == call.range())
        .ok_or_else(|| refuse("the value of `clear()` is used"))?;
    if shares_its_line(view, stmt) {
        return Err(refuse(
            "`clear()` shares its line with other code; put it on a line of its own",
        ));
    }
    let target =
        receiver(view, member.place.range).ok_or_else(|| refuse("`clear` is no member"))?;
    let declare = slot.declaration(view, target)?;
    if let Some(edit) = declare {
        change.edits.push((view.file, edit));
    }
    change.edits.push((
        view.file,
        Edit::replace(
            call.range(),
            "if {0}.is_set():\n    {0} = {@anyio}.Event()",
            &[target.range().into()],
        ),
    ));
    Ok(())
}

pub(super) fn view<'v>(cx: &'v Context<'v>, place: Place) -> Result<&'v View<'v>, Obstacle> {
    cx.view(place.file)
        .ok_or_else(|| Obstacle::new(place, "the file could not be read"))
}
