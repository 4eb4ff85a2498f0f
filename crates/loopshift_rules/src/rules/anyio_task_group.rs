//! `asyncio.TaskGroup` becomes `anyio.create_task_group`; see [`super::anyio_tasks`] for what is done with its tasks.

use loopshift_engine::change::Change;

use crate::context::Context;

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    super::anyio_tasks::plan_groups(cx, changes);
}
