//! A runner that runs one coroutine and ends with it is `asyncio.run`, and becomes `anyio.run`.

use loopshift_engine::change::Change;
use loopshift_engine::objects::Cluster;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt, StmtWith};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::{RULE, inside, options, runnable};
use crate::context::{Context, View};

/// `with asyncio.Runner() as runner: runner.run(main())`, where `made` makes the runner and nothing else is done with it;
/// `None` where it is something else.
pub(super) fn convert(
    cx: &Context<'_>,
    cluster: &Cluster,
    view: &View<'_>,
    made: &ExprCall,
) -> Option<Change> {
    let [member] = cluster.members.as_slice() else {
        return None;
    };
    let with = view.tree.around(made.range()).find_map(|node| match node {
        AnyNodeRef::StmtWith(with) => Some(with),
        _ => None,
    })?;
    let (stmt, call) = only_run(with)?;
    // All places: where it is made, its name, and where it runs.
    let is_here = |range: TextRange| {
        let item = with.items.first();
        item.is_some_and(|item| item.range().contains_range(range))
            || call.func.range().contains_range(range)
    };
    let mut places = cluster.places.iter().map(|held| held.place);
    if member.api != "asyncio.Runner.run"
        || member.place != view.place(&*call.func)
        || !places.all(|it| it.file == view.file && is_here(it.range))
        || view
            .text(TextRange::new(with.start(), stmt.start()))
            .contains('#')
    {
        return None;
    }
    let ([main], true) = (&*call.arguments.args, call.arguments.keywords.is_empty()) else {
        return None;
    };
    let api = cx.catalog.get("asyncio.Runner")?;
    let bound = cx.bind(api, made).ok()?;
    let mut given = runnable(cx, view, Some(call), main).ok()?;
    given.extend(options(&bound));
    let mut change = Change::new(
        RULE,
        view.place(&*made.func),
        "asyncio.Runner",
        "a runner that runs one coroutine is `anyio.run`",
    );
    change.covers.push(member.place);
    change.edit(Edit::Replace {
        range: with.range(),
        pieces: vec![Piece::Source(stmt.range())],
    });
    change.edit(Edit::replace(call.func.range(), "{@anyio}.run", &[]));
    change.edit(Edit::Replace {
        range: inside(call),
        pieces: given,
    });
    Some(change)
}

/// The statement of the block and the call in it, where there is nothing else, and nothing happens between the end of the
/// call and that of the block.
fn only_run(with: &StmtWith) -> Option<(&Stmt, &ExprCall)> {
    let ([_], [stmt], false) = (&*with.items, &*with.body, with.is_async) else {
        return None;
    };
    let value = match stmt {
        Stmt::Expr(it) => &*it.value,
        Stmt::Return(it) => it.value.as_deref()?,
        Stmt::Assign(it) if it.targets.iter().all(Expr::is_name_expr) => &*it.value,
        _ => return None,
    };
    Some((stmt, value.as_call_expr()?))
}
