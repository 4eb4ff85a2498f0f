//! `asyncio.Event` becomes `anyio.Event`.
//!
//! `AnyIO`'s is set once: `clear()` becomes a new event, which is right where the event lives in one place that is
//! read afresh at each use. Elsewhere a class of the module stands in for it.

mod clearable;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::objects::Member;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, UnaryOp};
use loopshift_python::edit::{Edit, Piece, Wrap};

use crate::common::code::{is_switch, own};
use crate::common::objects::moving::{Form, Moving, plan_family};
use crate::common::objects::slot::{Slot, the_slot};
use crate::common::objects::values::{shares_its_line, split};
use crate::common::objects::{Family, Obstacle, Result_, method, receiver, result_of};
use crate::common::order::Order;
use crate::context::{Context, View};

const RULE: &str = "anyio-event";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let family = Family::new(cx, "asyncio.Event");
    let order = (!family.clusters.is_empty()).then(|| Order::new(cx));
    plan_family(cx, changes, RULE, &family, |moving, change| {
        event(cx, &family, moving, order.as_ref(), change)
    });
}

fn event(
    cx: &Context<'_>,
    family: &Family,
    moving: &Moving<'_>,
    order: Option<&Order<'_>>,
    change: &mut Change,
) -> Result<Form, Obstacle> {
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
        if early && !cx.anyio_has(4, 2) {
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
        Some(first) => match the_slot(cx, moving.cluster) {
            Ok(slot) => Some(slot),
            Err(obstacle) => {
                let reason = format!(
                    "it is cleared, and AnyIO's can't be; {}, so that a new one can't take its place",
                    obstacle.reason
                );
                let at = obstacle.at.or(Some(first.place));
                return clearable::form(cx, family, moving, Obstacle { at, reason });
            }
        },
        None => None,
    };
    for member in &moving.cluster.members {
        let view = view(cx, member.place)?;
        match method(member) {
            "set" | "is_set" => {}
            "wait" => {
                let goes_on = order.is_some_and(|order| goes_on(order, view, moving, member));
                waits(cx, view, member, goes_on, change)?;
            }
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

/// Whether the event may be set already where it is waited for, and somebody can see that asyncio goes on at once.
fn goes_on(order: &Order<'_>, view: &View<'_>, moving: &Moving<'_>, wait: &Member) -> bool {
    let members = &moving.cluster.members;
    let of = |name: &'static str| members.iter().filter(move |member| method(member) == name);
    if of("set").next().is_none() && !moving.cluster.from_outside {
        return false;
    }
    let sets: Vec<Place> = of("set").map(|member| member.place).collect();
    let begins = !moving.cluster.from_outside
        && of("clear").next().is_none()
        && order.begins_before(wait.place, &sets);
    !begins && !is_tested(view, wait) && order.is_seen([wait.place])
}

/// Whether the wait stands in `while not event.is_set():`, and nothing in it lets other tasks run before.
fn is_tested(view: &View<'_>, wait: &Member) -> bool {
    let Some(object) = receiver(view, wait.place.range).map(|it| view.text(it.range())) else {
        return false;
    };
    let block = view
        .tree
        .around(wait.place.range)
        .find_map(|node| match node {
            AnyNodeRef::StmtWhile(it) => Some((&*it.test, &it.body)),
            AnyNodeRef::StmtIf(it) => Some((&*it.test, &it.body)),
            _ => None,
        });
    let Some((Expr::UnaryOp(test), body)) = block else {
        return false;
    };
    let is_test = test.op == UnaryOp::Not
        && matches!(&*test.operand, Expr::Call(call)
            if matches!(&*call.func, Expr::Attribute(it)
                if it.attr.as_str() == "is_set" && view.text(it.value.range()) == object));
    is_test
        && own(body)
            .into_iter()
            .find(|node| is_switch(*node))
            .is_some_and(|first| first.range().contains_range(wait.place.range))
}

/// `wait()` gives `True` in asyncio and nothing in `AnyIO`, and lets other tasks run even where the event is set, as
/// asyncio does not: `goes_on`, where that is seen.
fn waits(
    cx: &Context<'_>,
    view: &View<'_>,
    member: &Member,
    goes_on: bool,
    change: &mut Change,
) -> Result<(), Obstacle> {
    let seen = || {
        Obstacle::new(
            member.place,
            "`wait` lets other tasks run in AnyIO even where the event is set, which can be seen; await it in a statement of its own",
        )
    };
    let Some(call) = view.call_of(member.place.range) else {
        if goes_on {
            return Err(seen());
        }
        change.caveat("`wait` is passed on as a function, and gives None instead of True");
        return Ok(());
    };
    let direct = view.await_of(call.range()).is_some();
    match result_of(cx, view, call) {
        Result_::Dropped if goes_on && (direct || is_at_once(cx, view, call)) => {
            change
                .edits
                .push((view.file, unless_set(view, member).ok_or_else(seen)?));
        }
        Result_::Dropped => {}
        Result_::Travels => {
            change.caveat("the coroutine of `wait()` is passed on, and gives None instead of True");
        }
        Result_::Used(_) if goes_on => return Err(seen()),
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

/// `wait_for` runs what it is given in its own task from Python 3.12 on; before, it made one, which starts later.
fn is_at_once(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    cx.settings.python_has(3, 12)
        && view.tree.ancestors(call).any(|node| match node {
            AnyNodeRef::ExprCall(outer) => cx.api_of(view, &outer.func) == Some("asyncio.wait_for"),
            _ => false,
        })
}

/// The statement runs only where the event is not set.
fn unless_set(view: &View<'_>, member: &Member) -> Option<Edit> {
    let object = receiver(view, member.place.range)?;
    let mut plain = object;
    loop {
        plain = match plain {
            Expr::Attribute(it) => &it.value,
            // It is read twice, which nobody sees where the key is plain.
            Expr::Subscript(it) if it.slice.is_name_expr() || it.slice.is_literal_expr() => {
                &it.value
            }
            _ => break,
        };
    }
    let stmt = view.tree.enclosing_statement(member.place.range)?;
    let wraps = view.can_wrap(stmt.range()).is_ok();
    (plain.is_name_expr() && stmt.is_expr_stmt() && wraps).then(|| {
        Edit::Wrap(Wrap {
            range: stmt.range(),
            before: Vec::new(),
            header: vec![
                "if not ".into(),
                Piece::Source(object.range()),
                ".is_set():".into(),
            ],
            last: Vec::new(),
            after: Vec::new(),
        })
    })
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
