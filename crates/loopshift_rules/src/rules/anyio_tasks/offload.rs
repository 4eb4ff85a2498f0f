//! Calls that run in a thread and are waited for later: `run_in_executor` starts at once, as a task does.

use loopshift_engine::change::{Change, Place};
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece, pieces};

use super::emit::Errors;
use super::family::{Family, Spawn, Wait, WaitKind};
use super::{handles, helpers};
use crate::common::offloaded::is_seen;
use crate::context::{Context, View};
use crate::rules::anyio_to_thread::executors::limited;
use crate::rules::anyio_to_thread::{Pool, arguments_of, is_awaited_at_once};

pub(super) const RULE: &str = "anyio-to-thread";

/// What the calls give.
pub(super) const FUTURE: &str = "asyncio.Future";

/// The API.
pub(super) const API: &str = "asyncio.AbstractEventLoop.run_in_executor";

/// All calls of `run_in_executor` whose future is kept.
pub(super) fn spawns<'c>(cx: &Context<'c>) -> Vec<Spawn<'c>> {
    let uses = cx.uses.iter().filter(|use_| use_.api == API && use_.only);
    uses.filter_map(|use_| {
        let view = cx.view(use_.place.file)?;
        let call = view.call_of(use_.place.range)?;
        let [_, function, ..] = &*call.arguments.args else {
            return None;
        };
        let plain = !function.is_starred_expr() && call.arguments.keywords.is_empty();
        (plain && is_offloaded(cx, view, call)).then(|| Spawn {
            callee: use_.place,
            api: use_.api.clone(),
            call,
            view,
            function: cx.program.function_at(use_.place),
            coro: function,
            beside: Vec::new(),
            in_group: false,
            timer: None,
            offloaded: true,
            looks_first: false,
        })
    })
    .collect()
}

/// Whether the call starts something that is waited for later, in the threads of the loop or in a pool that can be
/// followed.
fn is_offloaded(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let Some(executor) = call.arguments.args.first() else {
        return false;
    };
    (executor.is_none_literal_expr() || limited(cx, view.place(executor)).is_some())
        && !is_awaited_at_once(cx, view, call)
}

/// Whether the future that a call makes is one of these.
pub(super) fn starts_now(cx: &Context<'_>, site: Place) -> bool {
    let Some(view) = cx.view(site.file) else {
        return false;
    };
    match view.tree.expr_at(site.range) {
        Some(Expr::Call(call)) => {
            cx.api_of(view, &call.func) == Some(API) && is_offloaded(cx, view, call)
        }
        _ => false,
    }
}

/// Requires the change of the pool that a call runs in, and gives what this is.
///
/// # Errors
/// Where leaving the pool would no longer wait for the call.
fn pool_of(
    cx: &Context<'_>,
    change: &mut Change,
    spawn: &Spawn<'_>,
    waits: &[&Wait<'_>],
) -> Result<Pool, String> {
    let executor = spawn.call.arguments.args.first();
    let Some(limited) = executor.and_then(|it| limited(cx, spawn.view.place(it))) else {
        return Ok(Pool::Default);
    };
    change.requires.push(limited.change);
    if is_seen(cx, spawn.view, spawn.call) {
        change.caveat(
            "an error that ends the task group cancels the calls that have not started, which an executor runs nevertheless",
        );
    }
    let entered = |node: &AnyNodeRef<'_>| {
        let AnyNodeRef::StmtWith(with) = node else {
            return false;
        };
        let mut made = with
            .items
            .iter()
            .map(|it| spawn.view.place(&it.context_expr));
        made.any(|place| limited.sites.contains(&place))
    };
    let around = spawn.view.tree.around(spawn.call.range()).find(entered);
    if let Some(with) = around
        && waits.iter().any(|wait| {
            wait.view.file != spawn.view.file || !with.range().contains_range(wait.await_.range())
        })
    {
        return Err(
            "leaving its executor waits for the call, and a capacity limiter does not: wait for it inside".to_owned(),
        );
    }
    Ok(limited.pool)
}

/// Makes a task of the group of the call.
///
/// # Errors
/// Why there is no form.
pub(super) fn edit<'w, 'c: 'w>(
    cx: &Context<'c>,
    change: &mut Change,
    spawn: &Spawn<'c>,
    family: &Family<'c>,
    waits: impl Iterator<Item = &'w Wait<'c>>,
    errors: Errors,
    group: &str,
) -> Result<(), String> {
    let (file, call) = (spawn.view.file, spawn.call);
    let waits: Vec<&Wait<'_>> = waits.collect();
    let pool = pool_of(cx, change, spawn, &waits)?;
    let (mut text, front) = handles::maker(cx, group);
    text.push("(".into());
    text.extend(front);
    let kept = match errors {
        Errors::Kept => Some(&helpers::OUTCOME),
        Errors::Logged => Some(helpers::log_errors(cx)),
        Errors::None | Errors::Leave | Errors::Fatal => None,
    };
    if let Some(helper) = kept {
        text.push(Piece::Helper(helper));
        text.push("(".into());
    }
    text.extend(pieces(pool.run_sync(), &[]));
    let range = call.func.range();
    change.edits.push((
        file,
        Edit::Replace {
            range,
            pieces: text,
        },
    ));
    let cut_short = family.members.iter().any(|member| member.name == "cancel")
        || waits
            .iter()
            .any(|wait| matches!(wait.kind, WaitKind::For | WaitKind::GatherFor));
    arguments_of(cx, spawn.view, call, pool, cut_short, change)?;
    let close = if kept.is_some() { "))" } else { ")" };
    change
        .edits
        .push((file, Edit::insert(call.end(), close, &[])));
    Ok(())
}
