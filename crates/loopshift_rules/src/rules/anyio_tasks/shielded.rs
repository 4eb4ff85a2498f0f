//! `await asyncio.shield(f())` where a cancellation may come: who waits is let go at once, and the call goes on by itself. It is
//! a task whose handle is awaited, since that never cancels the task.

use std::collections::BTreeSet;

use loopshift_python::Ranged;
use loopshift_python::ast::Expr;

use super::family::{Family, Model, Spawn, Wait, WaitKind};
use crate::context::Context;
use crate::rules::anyio_shield::{API, is_left};

pub(super) const RULE: &str = "anyio-shield";

/// Why the task group can't be in the function that waits.
pub(super) const OUTLIVES: &str = "a caller that is cancelled, or whose time is up, would be kept until it is done, where asyncio lets it go at once";

/// Adds the calls to the tasks of the program, and what waits for them.
pub(super) fn collect<'c>(cx: &Context<'c>, model: &mut Model<'c>, waits: &mut Vec<Wait<'c>>) {
    for use_ in cx.uses.iter().filter(|use_| use_.api == API) {
        let Some(view) = cx
            .view(use_.place.file)
            .filter(|view| is_left(cx, use_, view))
        else {
            continue;
        };
        let Some(call) = view.call_of(use_.place.range) else {
            continue;
        };
        let (Some(coro), Some(await_)) = (call.arguments.args.first(), view.await_of(call.range()))
        else {
            continue;
        };
        let site = view.place(call);
        let function = cx.program.function_at(use_.place);
        model.by_site.insert(site, model.families.len());
        model.families.push(Family::alone(Spawn {
            callee: use_.place,
            api: use_.api.clone(),
            call,
            view,
            function,
            coro,
            beside: Vec::new(),
            in_group: false,
            timer: None,
            offloaded: false,
            looks_first: false,
        }));
        let operand: Option<&Expr> = view.tree.expr_at(call.range());
        waits.push(Wait {
            view,
            function,
            kind: WaitKind::Await,
            await_,
            call: Some(call),
            operands: operand.into_iter().collect(),
            sites: BTreeSet::from([site]),
            uses: Vec::new(),
        });
    }
}
