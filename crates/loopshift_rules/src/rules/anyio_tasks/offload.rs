//! Calls that run in a thread and are waited for later: `run_in_executor` starts at once, as a task does.

use loopshift_engine::change::{Change, Place};
use loopshift_python::Ranged;
use loopshift_python::ast::Expr;
use loopshift_python::edit::{Edit, Piece, pieces};

use super::emit::Errors;
use super::family::{Family, Spawn, Wait, WaitKind};
use super::{handles, helpers};
use crate::context::Context;
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
        let [executor, function, ..] = &*call.arguments.args else {
            return None;
        };
        let plain = executor.is_none_literal_expr()
            && !function.is_starred_expr()
            && call.arguments.keywords.is_empty();
        (plain && !is_awaited_at_once(cx, view, call)).then(|| Spawn {
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

/// Whether the future that a call makes is one of these.
pub(super) fn starts_now(cx: &Context<'_>, site: Place) -> bool {
    let Some(view) = cx.view(site.file) else {
        return false;
    };
    match view.tree.expr_at(site.range) {
        Some(Expr::Call(call)) => {
            cx.api_of(view, &call.func) == Some(API)
                && call
                    .arguments
                    .args
                    .first()
                    .is_some_and(Expr::is_none_literal_expr)
                && !is_awaited_at_once(cx, view, call)
        }
        _ => false,
    }
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
    mut waits: impl Iterator<Item = &'w Wait<'c>>,
    errors: Errors,
    group: &str,
) -> Result<(), String> {
    let (file, call) = (spawn.view.file, spawn.call);
    let (mut text, front) = handles::maker(cx, group);
    text.push("(".into());
    text.extend(front);
    let kept = match errors {
        Errors::Kept => Some(&helpers::OUTCOME),
        Errors::Logged => Some(&helpers::LOG_ERRORS),
        Errors::None | Errors::Leave | Errors::Fatal => None,
    };
    if let Some(helper) = kept {
        text.push(Piece::Helper(helper));
        text.push("(".into());
    }
    text.extend(pieces("{@anyio.to_thread}.run_sync", &[]));
    let range = call.func.range();
    change.edits.push((
        file,
        Edit::Replace {
            range,
            pieces: text,
        },
    ));
    let cut_short = family.members.iter().any(|member| member.name == "cancel")
        || waits.any(|wait| wait.kind == WaitKind::For);
    arguments_of(cx, spawn.view, call, Pool::Default, cut_short, change)?;
    let close = if kept.is_some() { "))" } else { ")" };
    change
        .edits
        .push((file, Edit::insert(call.end(), close, &[])));
    Ok(())
}
