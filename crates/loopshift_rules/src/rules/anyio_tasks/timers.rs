//! What an event loop calls later: `call_later`, `call_at` and `call_soon` become tasks that wait, then call.

use std::collections::BTreeMap;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::Expr;
use loopshift_python::edit::{Edit, Helper, Piece};
use loopshift_python::{Ranged, TextRange};

use super::family::{Family, MemberUse, Model, Spawn};
use crate::common::code::is_in_loop;
use crate::common::non_negative::is_non_negative;
use crate::common::raising::Raising;
use crate::common::shared::{is_statement, number};
use crate::context::Context;

pub(super) const RULE: &str = "anyio-call-later";

/// What the calls give.
pub(super) const HANDLES: &[&str] = &["asyncio.Handle", "asyncio.TimerHandle"];

/// When the loop calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// After a number of seconds.
    Later,
    /// When the clock shows a time.
    At,
    /// At the next turn of the loop.
    Soon,
}

static CALL_LATER: Helper = Helper {
    name: "_call_later",
    source: "async def {name}(delay, callback, *args):
    \"\"\"Call back after a while.\"\"\"
    await {@anyio}.sleep(delay)
    callback(*args)
",
};

static CALL_LATER_LOGGED: Helper = Helper {
    name: "_call_later_logged",
    source: "async def {name}(delay, callback, *args):
    \"\"\"Call back after a while, and log what goes wrong.\"\"\"
    await {@anyio}.sleep(delay)
    try:
        callback(*args)
    except Exception:
        {@logging}.getLogger(__name__).exception(\"Exception in callback %r\", callback)
",
};

static CALL_AT: Helper = Helper {
    name: "_call_at",
    source: "async def {name}(when, callback, *args):
    \"\"\"Call back when it is time.\"\"\"
    await {@anyio}.sleep_until(when)
    callback(*args)
",
};

static CALL_AT_LOGGED: Helper = Helper {
    name: "_call_at_logged",
    source: "async def {name}(when, callback, *args):
    \"\"\"Call back when it is time, and log what goes wrong.\"\"\"
    await {@anyio}.sleep_until(when)
    try:
        callback(*args)
    except Exception:
        {@logging}.getLogger(__name__).exception(\"Exception in callback %r\", callback)
",
};

static CALL_SOON: Helper = Helper {
    name: "_call_soon",
    source: "async def {name}(callback, *args):
    \"\"\"Call back as soon as other tasks run.\"\"\"
    callback(*args)
",
};

static CALL_SOON_LOGGED: Helper = Helper {
    name: "_call_soon_logged",
    source: "async def {name}(callback, *args):
    \"\"\"Call back as soon as other tasks run, and log what goes wrong.\"\"\"
    try:
        callback(*args)
    except Exception:
        {@logging}.getLogger(__name__).exception(\"Exception in callback %r\", callback)
",
};

/// What is cancelled by a scope: groups give no handles before 4.14, and those say nothing of a cancellation that came
/// too late.
static CANCELLABLE: Helper = Helper {
    name: "_cancellable",
    source: "def {name}(task_group, func, *args):
    \"\"\"Start a task, and give the scope that cancels it.\"\"\"

    async def run():
        with scope:
            await func(*args)

    scope = {@anyio}.CancelScope()
    task_group.start_soon(run)
    return scope
",
};

/// When an API of the event loop calls back.
pub(super) fn timer(api: &str) -> Option<Timer> {
    match api.strip_prefix("asyncio.AbstractEventLoop.")? {
        "call_later" => Some(Timer::Later),
        "call_at" => Some(Timer::At),
        "call_soon" => Some(Timer::Soon),
        _ => None,
    }
}

/// All calls that make the loop call later.
pub(super) fn spawns<'c>(cx: &Context<'c>) -> Vec<Spawn<'c>> {
    cx.uses
        .iter()
        .filter_map(|use_| {
            let timer = timer(&use_.api)?;
            let view = cx.view(use_.place.file)?;
            let call = view.call_of(use_.place.range).filter(|_| use_.only)?;
            let bound = cx.bind(cx.catalog.get(&use_.api)?, call).ok()?;
            let callback = bound.get("callback")?;
            let starred = call
                .arguments
                .args
                .iter()
                .take(2)
                .any(Expr::is_starred_expr);
            if starred || !call.arguments.keywords.is_empty() {
                return None;
            }
            Some(Spawn {
                callee: use_.place,
                api: use_.api.clone(),
                call,
                view,
                function: cx.program.function_at(use_.place),
                coro: callback,
                beside: Vec::new(),
                in_group: false,
                timer: Some(timer),
                offloaded: false,
                looks_first: false,
            })
        })
        .collect()
}

/// The functions that hold the calls, by the calls.
pub(super) fn sites(model: &Model<'_>) -> BTreeMap<Place, FuncId> {
    let spawns = model.families.iter().flat_map(|family| &family.spawns);
    spawns
        .filter(|spawn| spawn.timer.is_some())
        .map(|spawn| (spawn.site(), spawn.function))
        .collect()
}

/// Whether scopes take the place of the handles of a family.
pub(super) fn gives_scopes(cx: &Context<'_>, family: &Family<'_>) -> bool {
    let used = family
        .spawns
        .iter()
        .any(|spawn| !is_statement(spawn.view, spawn.call));
    let asked = family
        .members
        .iter()
        .any(|member| member.name == "cancelled");
    used && (asked || !cx.anyio_has(4, 14))
}

/// Why a member of a handle has no counterpart.
pub(super) fn refusal(name: &str, called: bool) -> Option<String> {
    match name {
        "cancel" => None,
        "cancelled" if called => None,
        "cancelled" => Some("`cancelled` is handed on as a function".to_owned()),
        "when" => Some("`when`: a task that sleeps does not show when it wakes up".to_owned()),
        _ => Some(format!("`{name}`: a task handle has no counterpart")),
    }
}

/// Makes a task of the group of the call.
pub(super) fn edit(
    cx: &Context<'_>,
    change: &mut Change,
    spawn: &Spawn<'_>,
    timer: Timer,
    family: &Family<'_>,
    group: &str,
) {
    let (file, view) = (spawn.view.file, spawn.view);
    let Some(first) = spawn.call.arguments.args.first() else {
        return;
    };
    let scopes = gives_scopes(cx, family);
    let cancelled = super::cancelled::is_cancelled(family);
    let logged = Raising::new(cx).calling(view, spawn.coro);
    let helper = match (timer, logged) {
        (Timer::At, false) => &CALL_AT,
        (Timer::At, true) => &CALL_AT_LOGGED,
        (Timer::Soon, false) if !cancelled => &CALL_SOON,
        (Timer::Soon, true) if !cancelled => &CALL_SOON_LOGGED,
        (_, false) => &CALL_LATER,
        (_, true) => &CALL_LATER_LOGGED,
    };
    let group = Piece::from(group.to_owned());
    let helper = Piece::Helper(helper);
    let mut front: Vec<Piece> = Vec::new();
    let callee = if scopes {
        front.push(group);
        front.push(", ".into());
        vec![Piece::Helper(&CANCELLABLE)]
    } else {
        vec![group, ".start_soon".into()]
    };
    front.push(helper);
    front.push(", ".into());
    if timer == Timer::Soon && cancelled {
        // One that is cancelled must not call, so that it has to wait for its turn.
        front.push("0, ".into());
    }
    let negative = timer == Timer::Later && !is_non_negative(cx, view, first);
    if negative {
        front.push("max(".into());
        change
            .edits
            .push((file, Edit::insert(first.end(), ", 0)", &[])));
    }
    change.edits.push((
        file,
        Edit::Replace {
            range: spawn.call.func.range(),
            pieces: callee,
        },
    ));
    change.edits.push((
        file,
        Edit::Replace {
            range: TextRange::empty(first.start()),
            pieces: front,
        },
    ));
}

/// The cancellation of a scope is known by another name.
pub(super) fn edit_member(change: &mut Change, member: &MemberUse<'_>) {
    if let ("cancelled", Some(call)) = (member.name.as_str(), member.call) {
        let behind = TextRange::new(member.view.object(member.attribute).end(), call.end());
        let edit = Edit::replace(behind, ".cancel_called", &[]);
        change.edits.push((member.view.file, edit));
    }
}

/// Whether a member of a task is what the loop calls, after some time.
pub(super) fn waits_first(member: &MemberUse<'_>) -> bool {
    let tree = &member.view.tree;
    let call = tree.call_around(member.attribute);
    call.is_some_and(|call| {
        let is_later =
            matches!(&*call.func, Expr::Attribute(it) if it.attr.as_str() == "call_later");
        let arguments = &call.arguments.args;
        is_later
            && arguments.get(1).map(Ranged::range) == Some(member.attribute.range())
            && arguments
                .first()
                .and_then(number)
                .is_some_and(|delay| delay > 0.0)
    })
}

/// Says what may differ for the calls of a change.
pub(super) fn caveats(change: &mut Change, spawns: &[&Spawn<'_>]) {
    let timers: Vec<&&Spawn<'_>> = spawns.iter().filter(|it| it.timer.is_some()).collect();
    let at_once = |spawn: &Spawn<'_>| {
        spawn.timer == Some(Timer::Soon) || delay(spawn).is_some_and(|delay| delay <= 0.0)
    };
    if timers.iter().any(|spawn| at_once(spawn)) {
        change.caveat("on trio other tasks may run before what is called soon");
    }
    let may_meet = timers.iter().enumerate().any(|(index, one)| {
        is_in_loop(one.view, one.call.range())
            || timers.iter().skip(index + 1).any(|other| {
                one.function == other.function
                    && delay(one)
                        .zip(delay(other))
                        .is_none_or(|(a, b)| (a - b).abs() < f64::EPSILON)
            })
    });
    if may_meet {
        change.caveat("on trio callbacks that are due at the same time come in any order");
    }
}

/// The seconds of `call_later`, where they are written out.
fn delay(spawn: &Spawn<'_>) -> Option<f64> {
    match spawn.timer? {
        Timer::Later => number(spawn.call.arguments.args.first()?),
        Timer::At => None,
        Timer::Soon => Some(0.0),
    }
}
