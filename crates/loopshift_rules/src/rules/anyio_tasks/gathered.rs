//! `await asyncio.gather(f(), g())` whose error is caught while the others run on: the call is given a group that lasts longer.

use loopshift_engine::change::Change;
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange, TextSize};

use super::cancelled::reached;
use super::family::{Family, Model, Spawn};
use crate::common::awaited::offloaded;
use crate::common::cancel::may_be_cancelled;
use crate::common::gather_helpers::{GATHER_IN, GATHER_IN_CANCELLED};
use crate::common::in_place::{give_coroutines, made_in};
use crate::context::Context;
use crate::rules::anyio_tasks::gather_left::left;

pub(super) const RULE: &str = "anyio-gather";

pub(super) const API: &str = "asyncio.gather";

/// Why the task group can't be in the function that waits.
pub(super) const OUTLIVES: &str = "when one fails the others run on";

/// Adds the calls to the tasks of the program.
pub(super) fn collect<'c>(cx: &Context<'c>, model: &mut Model<'c>) {
    for (callee, left) in left(cx) {
        let view = left.view;
        let coros: Vec<_> = left.coroutines.iter().map(|it| view.place(*it)).collect();
        // Such a one would not end with the program.
        if reached(cx, &coros).swallowed.is_some() {
            continue;
        }
        let site = view.place(left.call);
        let Some((coro, beside)) = left.coroutines.split_first() else {
            continue;
        };
        model.by_site.insert(site, model.families.len());
        model.families.push(Family::alone(Spawn {
            callee,
            api: API.to_owned(),
            call: left.call,
            view,
            function: cx.program.function_at(callee),
            coro,
            beside: beside.to_vec(),
            in_group: false,
            timer: None,
            offloaded: false,
            looks_first: false,
        }));
    }
}

/// Gives the call its group.
///
/// # Errors
/// Where a comment would be lost.
pub(super) fn edit(
    cx: &Context<'_>,
    change: &mut Change,
    spawn: &Spawn<'_>,
    group: &str,
) -> Result<(), String> {
    let (view, call) = (spawn.view, spawn.call);
    give_coroutines(cx, change, view, &made_in(cx, view, call))?;
    change.requires.extend(offloaded(cx, view, call));
    let mut replace = |range, pieces| {
        change
            .edits
            .push((view.file, Edit::Replace { range, pieces }));
    };
    let helper = if may_be_cancelled(cx, view.place(call)) {
        &GATHER_IN_CANCELLED
    } else {
        &GATHER_IN
    };
    replace(call.func.range(), vec![Piece::Helper(helper)]);
    let open = call.arguments.start() + TextSize::new(1);
    replace(TextRange::empty(open), vec![format!("{group}, ").into()]);
    Ok(())
}
