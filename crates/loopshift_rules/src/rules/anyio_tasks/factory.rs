//! Task factories: they see each coroutine that becomes a task, and what comes out of it. What a handle of `AnyIO` keeps the error
//! of a task in would stand between them.

use super::family::Model;
use crate::context::Context;

const SETS: &str = "asyncio.AbstractEventLoop.set_task_factory";

/// Refuses all tasks of a program that sets a task factory of its own.
pub(super) fn check(cx: &Context<'_>, model: &mut Model<'_>) {
    let Some(use_) = cx.uses.iter().find(|use_| use_.api == SETS) else {
        return;
    };
    let (path, line) = (
        &cx.program.file(use_.place.file).path,
        cx.program.line(use_.place),
    );
    let families = model.families.iter_mut();
    for family in families.filter(|it| it.refusal.is_none() && !it.is_of_timers()) {
        family.refusal = Some(format!(
            "a task factory sees each task and its error (`set_task_factory` at {path}:{line}), and AnyIO's tasks are made by the task group"
        ));
    }
}
