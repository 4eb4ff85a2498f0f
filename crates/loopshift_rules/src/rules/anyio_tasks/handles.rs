//! What stands for a task: a handle of `AnyIO`, or of a class in the module where the oldest `AnyIO` has none.

use loopshift_engine::change::Change;
use loopshift_python::Ranged;
use loopshift_python::edit::{Edit, Helper, Piece, pieces};

use super::family::{Family, Model, Spawn};
use super::region::waits_of;
use crate::common::shared::is_statement;
use crate::context::Context;

/// The handles of 4.14, for older versions.
static HANDLE: Helper = Helper {
    name: "_TaskHandle",
    source: "class {name}:
    \"\"\"A task of a task group, as AnyIO 4.14 has them.\"\"\"

    Status = {@enum:Enum}(\"Status\", \"PENDING FINISHED CANCELLING CANCELLED FAILED\")

    class NotFinished(Exception):
        pass

    class Failed(Exception):
        pass

    class Cancelled(Failed):
        pass

    def __init__(self, task_group, coro, *, name=None):
        self.coro = coro
        self.name = coro.__qualname__ if name is None else str(name)
        self._scope = {@anyio}.CancelScope()
        self._ended = {@anyio}.Event()
        self._value = self._error = None
        task_group.start_soon(self._run, name=self.name)

    async def _run(self):
        with self._scope:
            try:
                self._value = await self.coro
            except BaseException as exc:
                self._error = exc
                raise
            finally:
                self._ended.set()

    def __await__(self):
        yield from self._ended.wait().__await__()
        return self.return_value

    async def wait(self):
        await self._ended.wait()

    def __class_getitem__(cls, result):
        return cls

    def cancel(self):
        if not self._ended.is_set():
            self._scope.cancel()

    @property
    def status(self):
        if not self._ended.is_set():
            return self.Status.CANCELLING if self._scope.cancel_called else self.Status.PENDING
        if self._error is None:
            return self.Status.FINISHED
        if isinstance(self._error, {@anyio}.get_cancelled_exc_class()):
            return self.Status.CANCELLED
        return self.Status.FAILED

    @property
    def exception(self):
        if self.status is self.Status.PENDING:
            raise self.NotFinished(\"the task has not finished yet\")
        if self.status in (self.Status.CANCELLING, self.Status.CANCELLED):
            raise self.Cancelled(\"the task was cancelled\") from self._error
        return self._error

    @property
    def return_value(self):
        if self.exception is not None:
            raise self.Failed(\"the task raised an exception\") from self._error
        return self._value
",
};

/// Whether the oldest `AnyIO` has handles.
pub(super) fn are_there(cx: &Context<'_>) -> bool {
    cx.anyio_has(4, 14)
}

/// The class of the handles.
pub(super) fn class(cx: &Context<'_>) -> Vec<Piece> {
    if are_there(cx) {
        pieces("{@anyio}.TaskHandle", &[])
    } else {
        vec![Piece::Helper(&HANDLE)]
    }
}

/// What a wait for a cancelled task raises.
pub(super) fn cancelled(cx: &Context<'_>) -> Vec<Piece> {
    if are_there(cx) {
        pieces("{@anyio}.TaskCancelled", &[])
    } else {
        pieces("{0}.Cancelled", &[Piece::Helper(&HANDLE)])
    }
}

/// What a task raises that is asked for its result too early.
pub(super) fn not_finished(cx: &Context<'_>) -> Vec<Piece> {
    if are_there(cx) {
        pieces("{@anyio}.TaskNotFinished", &[])
    } else {
        pieces("{0}.NotFinished", &[Piece::Helper(&HANDLE)])
    }
}

/// What makes a task in a group: the callee, and what stands before the coroutine.
pub(super) fn maker(cx: &Context<'_>, group: &str) -> (Vec<Piece>, Vec<Piece>) {
    let group = Piece::from(group.to_owned());
    if are_there(cx) {
        (vec![group, ".create_task".into()], Vec::new())
    } else {
        (vec![Piece::Helper(&HANDLE)], vec![group, ", ".into()])
    }
}

/// Whether a change writes the class into a file.
pub(super) fn are_written(change: &Change, file: loopshift_engine::change::FileId) -> bool {
    let writes = |edit: &Edit| match edit {
        Edit::Replace { pieces, .. } => pieces.contains(&Piece::Helper(&HANDLE)),
        Edit::DeleteStatement { .. } | Edit::Wrap(_) => false,
    };
    change
        .edits
        .iter()
        .any(|(of, edit)| *of == file && writes(edit))
}

/// Why the tasks of a family can't have handles of the module's own class.
pub(super) fn refusal(model: &Model<'_>, index: usize) -> Option<String> {
    let family = &model.families[index];
    let older = |what: &str| {
        Some(format!(
            "{what}: that needs AnyIO 4.14, and the project allows an older one"
        ))
    };
    let context = |spawn: &Spawn<'_>| spawn.call.arguments.find_keyword("context").is_some();
    if family.spawns.iter().any(context) {
        return older("the task is given a context");
    }
    let named = |spawn: &Spawn<'_>| {
        let first = spawn.call.arguments.args.first();
        !spawn.offloaded
            && !spawn.is_gathered()
            && first.is_none_or(|first| first.range() != spawn.coro.range())
    };
    if family.spawns.iter().any(named) {
        return older("the coroutine is given by its name");
    }
    let file = family.spawns.first()?.view.file;
    let elsewhere = family.spawns.iter().any(|it| it.view.file != file)
        || family.members.iter().any(|it| it.view.file != file)
        || (family.cluster.places.iter()).any(|it| it.place.file != file)
        || waits_of(model, index).any(|it| it.view.file != file);
    if elsewhere && is_held(family) {
        return older("handles of the task are used in several modules");
    }
    None
}

/// Whether something keeps the tasks of a family.
fn is_held(family: &Family<'_>) -> bool {
    let spawns = &family.spawns;
    !(spawns.iter()).all(|spawn| is_statement(spawn.view, spawn.call))
}
