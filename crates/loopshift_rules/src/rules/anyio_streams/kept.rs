//! A server that an object keeps: one method starts it, another closes it.
//!
//! The listener is served by a task of the object's. Here that is a task of asyncio's; the rule for tasks, which looks at
//! the result again, finds the task group that lives as long.

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::objects::Cluster;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprAttribute, Stmt};
use loopshift_python::edit::{Edit, Helper, Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use super::Obstacle;
use super::left::{CANCELS, cleanup_is_seen};
use crate::common::cancellation::goes_on;
use crate::common::lasting::lasts;
use crate::context::{Context, View};

/// What a server does until it is closed.
static SERVE: Helper = Helper {
    name: "_serve_until_closed",
    source: "\
async def {name}(listener, handler):
    \"\"\"Serves until the task is cancelled. An error is logged.\"\"\"
    try:
        async with listener:
            await listener.serve(handler)
    except Exception:
        {@logging}.getLogger(__name__).exception(\"Error in a server\")
",
};

/// What a server does whose connections go on when it is closed, as they do before Python 3.12. There, waiting until it is
/// closed waits for them.
static SERVING: Helper = Helper {
    name: "_Serving",
    source: "\
class {name}:
    \"\"\"A server that serves to the end who is connected when it is closed. An error is logged.\"\"\"

    def __init__(self, listener, handler):
        self._listener = listener
        self._handler = handler
        self._accepting = {@anyio}.CancelScope()
        self._closed = {@anyio}.Event()

    async def run(self):
        try:
            async with {@anyio}.create_task_group() as tg:
                with self._accepting:
                    async with self._listener:
                        await self._listener.serve(self._handler, tg)
                self._closed.set()
        except Exception:
            {@logging}.getLogger(__name__).exception(\"Error in a server\")
        finally:
            self._closed.set()

    def close(self):
        self._accepting.cancel()

    async def wait_closed(self):
        await self._closed.wait()
",
};

/// Serves in a task beside the attribute that keeps the server. Gives the members that this takes care of.
///
/// # Errors
/// Where it is kept in another way, and why that does not do if there is more to say.
pub(super) fn serve(
    cx: &Context<'_>,
    view: &View<'_>,
    (stmt, handler): (&Stmt, &Expr),
    cluster: &Cluster,
    serving: &[Piece],
    change: &mut Change,
) -> Result<Vec<Place>, Option<Obstacle>> {
    let target = match stmt {
        Stmt::Assign(assign) => match assign.targets.as_slice() {
            [Expr::Attribute(target)] => target,
            _ => return Err(None),
        },
        _ => return Err(None),
    };
    let Some(class) = view.tree.ancestors(target).find_map(|node| match node {
        AnyNodeRef::StmtClassDef(class) => Some(class),
        _ => None,
    }) else {
        return Err(None);
    };
    if !target.value.is_name_expr() {
        return Err(None);
    }
    if view.text(class.range()).contains("__slots__") {
        let reason = "the class has no place for the task that serves (`__slots__`)";
        return Err(Some((view.place(class), reason.to_owned())));
    }
    let task = ["_serving", "_server_task", "_accepting"]
        .into_iter()
        .find(|name| cx.views_naming([name]).next().is_none())
        .ok_or(None)?;
    let mut served = Vec::new();
    let mut closed = Vec::new();
    let mut is_end = true;
    for member in &cluster.members {
        let name = member.api.rsplit('.').next().unwrap_or(&member.api);
        if !matches!(name, "close" | "wait_closed") {
            continue;
        }
        let other = cx.view(member.place.file).ok_or(None)?;
        closed.push(closed_at(other, member.place, target, name == "close").map_err(Some)?);
        served.push(member.place);
        is_end &= is_last(cx, other, cluster, member.place);
    }
    let ends = is_end && !cleanup_is_seen(cx, view, handler);
    let goes_on = !ends && !cx.settings.python_has(3, 12);
    if !ends && !goes_on {
        change.caveat(CANCELS);
    }
    for closed in &closed {
        change.edits.push((closed.file, closed.edit(task, goes_on)));
    }
    let task = format!("{}.{task}", view.text(target.value.range()));
    let helper = if goes_on { &SERVING } else { &SERVE };
    let mut made: Vec<Piece> = vec![Piece::Helper(helper), "(".into()];
    made.push(Piece::from(view.text(target.range()).to_owned()));
    made.push(", ".into());
    made.extend(serving.iter().cloned());
    made.push(")".into());
    let mut text: Vec<Piece> = vec![Piece::from(format!("\n{task} = "))];
    if goes_on {
        text.extend(made);
        text.push("\n".into());
        made = vec![Piece::from(format!("{task}.run()"))];
    }
    text.extend(pieces("{@asyncio}.create_task(", &[]));
    text.extend(made);
    text.push(")".into());
    change.edits.push((
        view.file,
        Edit::Replace {
            range: TextRange::empty(stmt.end()),
            pieces: text,
        },
    ));
    Ok(served)
}

/// Whether nothing waits any more in the program when the server is closed, but for the end of what serves.
fn is_last(cx: &Context<'_>, view: &View<'_>, cluster: &Cluster, closing: Place) -> bool {
    let function = cx.program.function_at(closing);
    let of_function = cluster.members.iter().filter(|member| {
        member.place.file == closing.file && cx.program.function_at(member.place) == function
    });
    let last = of_function
        .map(|member| member.place.range)
        .max_by_key(Ranged::end);
    let stmt = last.and_then(|last| view.tree.enclosing_statement(last));
    stmt.is_some_and(|stmt| !goes_on(cx, view, stmt)) && lasts(cx, function)
}

/// A statement that closes the server, or waits until it is closed.
struct Closed {
    file: FileId,
    range: TextRange,
    /// The object that keeps the server, as written.
    owner: String,
    /// Whether it closes it.
    close: bool,
}

impl Closed {
    /// `self._server.close()` as `self._serving.cancel()`, `await self._server.wait_closed()` as a wait for the task; or as the
    /// same methods of what serves, where connections go on.
    fn edit(&self, task: &str, goes_on: bool) -> Edit {
        let text = match (self.close, goes_on) {
            (true, false) => "{0}.cancel()",
            (true, true) => "{0}.close()",
            (false, false) => "await {@asyncio}.gather({0}, return_exceptions=True)",
            (false, true) => "await {0}.wait_closed()",
        };
        let task = Piece::from(format!("{}.{task}", self.owner));
        Edit::replace(self.range, text, &[task])
    }
}

/// The statement of a call of `close` or `wait_closed`.
fn closed_at(
    view: &View<'_>,
    member: Place,
    target: &ExprAttribute,
    close: bool,
) -> Result<Closed, Obstacle> {
    let at = |reason: &str| (member, reason.to_owned());
    let call = view
        .call_of(member.range)
        .ok_or_else(|| at("a method of it is passed on"))?;
    let Expr::Attribute(method) = &*call.func else {
        return Err(at("a method of it is passed on"));
    };
    let owner = match &*method.value {
        Expr::Attribute(server) if server.attr.as_str() == target.attr.as_str() => &server.value,
        _ => {
            return Err(at(
                "it is closed through a variable; close it through the attribute",
            ));
        }
    };
    let awaited = view.await_of(call.range());
    let whole: AnyNodeRef<'_> = match awaited {
        Some(awaited) => awaited.into(),
        None => call.into(),
    };
    if !matches!(view.tree.parent(whole), Some(AnyNodeRef::StmtExpr(_)))
        || awaited.is_some() == close
    {
        return Err(at("closing it is no statement of its own"));
    }
    Ok(Closed {
        file: view.file,
        range: whole.range(),
        owner: view.text(owner.range()).to_owned(),
        close,
    })
}
