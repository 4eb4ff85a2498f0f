//! A server that goes from hand to hand: one function starts it, others wait for it, or close it in blocks of their own.
//!
//! It becomes an object that serves in a task, and has the methods of a server. Here that is a task of asyncio's; the rule for
//! tasks, which looks at the result again, finds the task group that lives as long.

use loopshift_engine::change::Change;
use loopshift_engine::objects::Cluster;
use loopshift_python::ast::{Expr, Stmt};
use loopshift_python::edit::{Edit, Helper, Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use super::Obstacle;
use super::sockets::sockets;
use crate::context::{Context, View};

/// A listener with what a server has beside it. Before Python 3.12 connections go on when a server is closed, and nobody
/// waits for them. Who waits in `serve_forever` and is cancelled closes it (`asyncio.base_events.Server`).
static SERVER: Helper = Helper {
    name: "_Server",
    source: "\
class {name}({@anyio.abc}.Listener):
    \"\"\"A listener that serves until it is closed, and to the end who is connected then. An error is logged.\"\"\"

    def __init__(self, listener):
        self._listener = listener
        self._accepting = {@anyio}.CancelScope()
        self._closed = {@anyio}.Event()

    @property
    def extra_attributes(self):
        return self._listener.extra_attributes

    @property
    def listeners(self):
        return self._listener.listeners

    async def serve(self, handler, task_group=None):
        try:
            async with {@anyio}.create_task_group() as tg:
                with self._accepting:
                    async with self._listener:
                        await self._listener.serve(handler, task_group or tg)
                self._closed.set()
        except Exception:
            {@logging}.getLogger(__name__).exception(\"Error in a server\")
        finally:
            self._closed.set()

    async def serve_forever(self):
        try:
            await {@anyio}.sleep_forever()
        finally:
            self.close()

    def close(self):
        self._accepting.cancel()

    async def wait_closed(self):
        await self._closed.wait()

    async def aclose(self):
        self.close()
        await self.wait_closed()
",
};

/// Makes an object of the server that `stmt` starts, which serves in a task.
///
/// # Errors
/// Where the statement does more than keep it or hand it back, or something is asked of it that the object does not have.
pub(super) fn serve(
    cx: &Context<'_>,
    view: &View<'_>,
    stmt: &Stmt,
    (cluster, is_unix): (&Cluster, bool),
    serving: &[Piece],
    change: &mut Change,
) -> Result<(), Obstacle> {
    let at = |reason: &str| (view.place(stmt), reason.to_owned());
    if cx.settings.python_has(3, 12) {
        return Err(at(
            "from Python 3.12 on, closing a server waits for its connections",
        ));
    }
    let (value, name) = match stmt {
        Stmt::Return(it) => (it.value.as_deref(), None),
        Stmt::Assign(it) => match it.targets.as_slice() {
            [target] => (Some(&*it.value), Some(target)),
            _ => (None, None),
        },
        Stmt::AnnAssign(it) => (it.value.as_deref(), Some(&*it.target)),
        _ => (None, None),
    };
    let is_plain = |target: &Expr| match target {
        Expr::Name(_) => true,
        Expr::Attribute(target) => target.value.is_name_expr(),
        _ => false,
    };
    let Some(Expr::Await(made)) = value.filter(|_| name.is_none_or(is_plain)) else {
        return Err(at("the server is not kept in a variable"));
    };
    members(cx, (cluster, is_unix), change)?;
    let name = match name {
        Some(target) => view.text(target.range()).to_owned(),
        None => view
            .scopes
            .fresh_name(view.scopes.at(stmt.start()), "server"),
    };
    let mut before = Vec::new();
    let mut front = TextRange::empty(made.start());
    if stmt.is_return_stmt() {
        before.push(format!("{name} = ").into());
        front = TextRange::new(stmt.start(), made.start());
    }
    before.extend([Piece::Helper(&SERVER), "(".into()]);
    let mut after: Vec<Piece> = vec![")\n".into()];
    after.extend(pieces("{@asyncio}.create_task(", &[]));
    after.push(format!("{name}.serve(").into());
    after.extend(serving.iter().cloned());
    after.push("))".into());
    if stmt.is_return_stmt() {
        after.push(format!("\nreturn {name}").into());
    }
    for (range, pieces) in [(front, before), (TextRange::empty(made.end()), after)] {
        change
            .edits
            .push((view.file, Edit::Replace { range, pieces }));
    }
    Ok(())
}

/// Moves what is asked of the server, but for what the object has by the same name.
fn members(
    cx: &Context<'_>,
    (cluster, is_unix): (&Cluster, bool),
    change: &mut Change,
) -> Result<(), Obstacle> {
    let called = |name: &str| {
        let mut members = cluster.members.iter();
        members.any(|member| member.api.rsplit('.').next() == Some(name))
    };
    for member in &cluster.members {
        let at = |reason: &str| (member.place, reason.to_owned());
        let view = cx
            .view(member.place.file)
            .ok_or_else(|| at("the file can't be edited"))?;
        match member.api.rsplit('.').next().unwrap_or(&member.api) {
            "sockets" => change
                .edits
                .push((member.place.file, sockets(view, member.place, is_unix)?)),
            "close" | "wait_closed" => {
                if view.call_of(member.place.range).is_none() {
                    return Err(at("a method of it is passed on"));
                }
            }
            "serve_forever" => {
                if view.call_of(member.place.range).is_none() || called("close") {
                    return Err(at(
                        "`serve_forever` of asyncio ends as cancelled where the server is closed",
                    ));
                }
            }
            "__aenter__" | "__aexit__" => {}
            other => {
                return Err((
                    member.place,
                    format!("a listener of AnyIO has no `{other}`"),
                ));
            }
        }
    }
    Ok(())
}
