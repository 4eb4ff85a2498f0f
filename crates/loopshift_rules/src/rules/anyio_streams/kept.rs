//! A server that an object keeps: one method starts it, another closes it.
//!
//! The listener is served by a task of the object's. Here that is a task of asyncio's; the rule for tasks, which looks at
//! the result again, finds the task group that lives as long.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::objects::Cluster;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprAttribute, Stmt};
use loopshift_python::edit::{Edit, Helper, Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use super::Obstacle;
use super::left::{CANCELS, cleanup_is_seen};
use crate::context::{Context, View};
use crate::rules::cancellation::goes_on;
use crate::rules::lasting::lasts;

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
    let mut is_end = true;
    for member in &cluster.members {
        let name = member.api.rsplit('.').next().unwrap_or(&member.api);
        if !matches!(name, "close" | "wait_closed") {
            continue;
        }
        let other = cx.view(member.place.file).ok_or(None)?;
        let edit = closing(other, member.place, target, task, name == "close").map_err(Some)?;
        change.edits.push((member.place.file, edit));
        served.push(member.place);
        is_end &= is_last(cx, other, cluster, member.place);
    }
    let mut text: Vec<Piece> = vec![
        "\n".into(),
        Piece::from(view.text(target.value.range()).to_owned()),
        Piece::from(format!(".{task} = ")),
    ];
    text.extend(pieces("{@asyncio}.create_task(", &[]));
    text.extend([Piece::Helper(&SERVE), "(".into()]);
    text.push(Piece::from(view.text(target.range()).to_owned()));
    text.push(", ".into());
    text.extend(serving.iter().cloned());
    text.push("))".into());
    change.edits.push((
        view.file,
        Edit::Replace {
            range: TextRange::empty(stmt.end()),
            pieces: text,
        },
    ));
    if !is_end || cleanup_is_seen(cx, view, handler) {
        change.caveat(CANCELS);
    }
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

/// `self._server.close()` as `self._serving.cancel()`, `await self._server.wait_closed()` as a wait for the task.
fn closing(
    view: &View<'_>,
    member: Place,
    target: &ExprAttribute,
    task: &str,
    close: bool,
) -> Result<Edit, Obstacle> {
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
    let task = Piece::from(format!("{}.{task}", view.text(owner.range())));
    Ok(if close {
        Edit::replace(whole.range(), "{0}.cancel()", &[task])
    } else {
        let wait = "await {@asyncio}.gather({0}, return_exceptions=True)";
        Edit::replace(whole.range(), wait, &[task])
    })
}
