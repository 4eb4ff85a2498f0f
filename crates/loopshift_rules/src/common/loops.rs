//! Event loops as objects: where they come from, and which statements do nothing but hold one.

pub(crate) mod passed;

use loopshift_engine::change::Place;
use loopshift_engine::objects::{Cluster, clusters};
use loopshift_python::ast::{
    AnyNodeRef, BoolOp, ExceptHandler, Expr, ExprCall, ExprRef, Keyword, Stmt,
};
use loopshift_python::{Ranged, TextRange};

use crate::context::{Context, View};

/// What becomes of a group of event loop objects if nothing needs them any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoopObjects {
    /// The objects.
    pub cluster: Cluster,
    /// The names of the calls that give the loop, `asyncio.get_running_loop`, by place.
    pub sources: Vec<(Place, String)>,
    /// The members that are read, with their APIs.
    pub members: Vec<(Place, String)>,
    /// The callees that are given the loop, with their APIs.
    pub handed: Vec<(Place, String)>,
    /// Statements that only hold the loop.
    pub holding: Vec<Place>,
    /// Arguments of functions of asyncio that name the loop: `ensure_future(f(), loop=loop)`.
    pub named: Vec<Place>,
    /// Whether these are all that stands in the way.
    pub is_only_named: bool,
    /// Arguments of functions of the program that are the loop.
    pub passed: Vec<Place>,
    /// The names of the parameters that get it.
    pub params: Vec<Place>,
    /// Whether these are all that stands in the way.
    pub is_only_passed: bool,
    /// What stands in the way of letting the objects go: where, and why.
    pub obstacle: Option<(Place, String)>,
}

impl LoopObjects {
    /// Whether threads reach the loop by these.
    pub(crate) fn is_threaded(&self) -> bool {
        self.members
            .iter()
            .any(|(_, api)| api == "asyncio.AbstractEventLoop.call_soon_threadsafe")
            || self
                .handed
                .iter()
                .any(|(_, api)| api == "asyncio.run_coroutine_threadsafe")
    }

    /// Whether the program runs a loop of these, rather than asking for the one that runs.
    pub(crate) fn is_entry(&self) -> bool {
        self.sources
            .iter()
            .any(|(_, api)| api == "asyncio.new_event_loop")
            || self.members.iter().any(|(_, api)| {
                matches!(
                    api.as_str(),
                    "asyncio.AbstractEventLoop.run_until_complete"
                        | "asyncio.AbstractEventLoop.run_forever"
                        | "asyncio.AbstractEventLoop.close"
                )
            })
    }
}

/// All event loop objects of the program, in groups that meet.
pub(crate) fn loop_objects(cx: &Context<'_>) -> Vec<LoopObjects> {
    clusters(cx.program, |ty| ty == "asyncio.AbstractEventLoop")
        .iter()
        .map(|cluster| examine(cx, cluster))
        .collect()
}

fn examine(cx: &Context<'_>, cluster: &Cluster) -> LoopObjects {
    let mut objects = LoopObjects {
        cluster: cluster.clone(),
        ..LoopObjects::default()
    };
    let nowhere = cluster.places.first().map(|held| held.place);
    if cluster.from_outside
        && let Some(place) = nowhere
    {
        objects.obstacle = Some((place, "the event loop comes from outside".to_owned()));
    }
    for held in &cluster.places {
        let Some(view) = cx.view(held.place.file) else {
            objects.obstacle = Some((held.place, "the event loop is passed on".to_owned()));
            continue;
        };
        if let Err(reason) = place(cx, view, held.place, &mut objects) {
            objects.obstacle.get_or_insert((held.place, reason));
        } else if !held.only {
            let reason = "it may be something else than an event loop".to_owned();
            objects.obstacle.get_or_insert((held.place, reason));
        }
    }
    for member in &cluster.members {
        objects.members.push((member.place, member.api.clone()));
        if !member.only {
            let reason = "it may be something else than an event loop".to_owned();
            objects.obstacle.get_or_insert((member.place, reason));
        }
    }
    let handed_on = objects.passed.first().or(objects.params.first()).copied();
    if objects.obstacle.is_none()
        && let Some(place) = objects.named.first().copied().or(handed_on)
    {
        objects.is_only_named = handed_on.is_none();
        objects.is_only_passed = objects.named.is_empty();
        let reason = if objects.is_only_named {
            "the event loop is used as an object here"
        } else {
            "the event loop is passed on"
        };
        objects.obstacle = Some((place, reason.to_owned()));
    }
    for list in [
        &mut objects.sources,
        &mut objects.members,
        &mut objects.handed,
    ] {
        list.sort();
        list.dedup();
    }
    objects.holding.sort();
    objects.holding.dedup();
    objects
}

fn place(
    cx: &Context<'_>,
    view: &View<'_>,
    held: Place,
    objects: &mut LoopObjects,
) -> Result<(), String> {
    let Some(expr) = view.tree.expr_at(held.range) else {
        let mut around = view.tree.around(held.range);
        if around.any(|it| matches!(it, AnyNodeRef::Parameter(it) if it.name.range() == held.range))
        {
            objects.params.push(held);
            return Ok(());
        }
        return Err("the event loop is passed on".to_owned());
    };
    if let Expr::Call(call) = expr
        && let Some(api) = cx.api_of(view, &call.func)
    {
        objects
            .sources
            .push((view.place(&*call.func), api.to_owned()));
        // In a coroutine there always is one.
        if !view.is_async(held.range) && is_guarded(view, held.range) {
            return Err("whether a loop runs is asked here".to_owned());
        }
    }
    match view.tree.parent(or_none(cx, view, expr)) {
        Some(
            AnyNodeRef::ExprAttribute(_) | AnyNodeRef::StmtGlobal(_) | AnyNodeRef::StmtNonlocal(_),
        ) => Ok(()),
        Some(AnyNodeRef::StmtAssign(assign)) if assign.targets.len() == 1 => {
            let [target] = assign.targets.as_slice() else {
                return Ok(());
            };
            if !target.is_name_expr() && !target.is_attribute_expr() {
                return Err("the event loop is kept with other things".to_owned());
            }
            objects.holding.push(view.place(assign));
            Ok(())
        }
        Some(AnyNodeRef::StmtAnnAssign(assign)) => {
            if assign.value.is_none() {
                return Err("the event loop is declared here".to_owned());
            }
            objects.holding.push(view.place(assign));
            Ok(())
        }
        Some(AnyNodeRef::Arguments(_)) => handed(cx, view, expr, objects),
        Some(AnyNodeRef::Keyword(keyword)) if names_the_loop(cx, view, expr, keyword) => {
            objects.named.push(view.place(expr));
            Ok(())
        }
        Some(AnyNodeRef::Keyword(_)) => handed(cx, view, expr, objects),
        Some(AnyNodeRef::StmtReturn(_)) => Err("the event loop is returned".to_owned()),
        _ => Err("the event loop is used as an object here".to_owned()),
    }
}

/// Whether the argument says which loop a function of asyncio is to use.
fn names_the_loop(cx: &Context<'_>, view: &View<'_>, expr: &Expr, keyword: &Keyword) -> bool {
    let call = view.tree.call_around(expr);
    let is_loop = keyword.arg.as_ref().is_some_and(|it| it.as_str() == "loop");
    let of_asyncio = |api: &str| api.starts_with("asyncio.");
    is_loop && call.is_some_and(|it| cx.api_of(view, &it.func).is_some_and(of_asyncio))
}

/// `loop or asyncio.get_event_loop()` around a call, where the other is always None; otherwise the expression itself.
fn or_none<'v>(cx: &Context<'_>, view: &View<'v>, expr: &'v Expr) -> ExprRef<'v> {
    let gives_nothing = |other: &Expr| {
        other.is_name_expr() && cx.program.values_at(view.place(other)).next().is_none()
    };
    match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprBoolOp(it)) => match it.values.as_slice() {
            [other, last]
                if it.op == BoolOp::Or && last.range() == expr.range() && gives_nothing(other) =>
            {
                it.into()
            }
            _ => expr.into(),
        },
        _ => expr.into(),
    }
}

fn handed(
    cx: &Context<'_>,
    view: &View<'_>,
    expr: &Expr,
    objects: &mut LoopObjects,
) -> Result<(), String> {
    let call: Option<&ExprCall> = view.tree.call_around(expr);
    let Some(call) = call else {
        return Err("the event loop is passed on".to_owned());
    };
    match cx.api_of(view, &call.func) {
        Some(api @ ("asyncio.set_event_loop" | "asyncio.run_coroutine_threadsafe")) => {
            objects
                .handed
                .push((view.place(&*call.func), api.to_owned()));
            Ok(())
        }
        _ if passed::is_of_ours(cx, view, call) => {
            objects.passed.push(view.place(expr));
            Ok(())
        }
        _ => Err(format!(
            "the event loop is passed on to `{}`",
            view.text(call.func.range())
        )),
    }
}

/// Whether the absence of a running loop is caught around the range.
fn is_guarded(view: &View<'_>, range: TextRange) -> bool {
    let inner = view
        .tree
        .enclosing_function(range)
        .map(|function| function.range());
    view.tree
        .around(range)
        .take_while(|node| Some(node.range()) != inner)
        .any(|node| {
            let AnyNodeRef::StmtTry(try_) = node else {
                return false;
            };
            let in_body = try_
                .body
                .iter()
                .any(|stmt| stmt.range().contains_range(range));
            in_body
                && try_.handlers.iter().any(|handler| {
                    let ExceptHandler::ExceptHandler(handler) = handler;
                    handler.type_.as_ref().is_none_or(|caught| {
                        ["RuntimeError", "Exception", "BaseException"]
                            .iter()
                            .any(|name| view.text(caught.range()).contains(name))
                    })
                })
        })
}

/// The statement that a call is, alone.
pub(crate) fn statement_of<'v>(view: &View<'v>, call: &'v ExprCall) -> Option<&'v Stmt> {
    match view.tree.parent(call)? {
        AnyNodeRef::StmtExpr(_) => view.tree.enclosing_statement(call.range()),
        _ => None,
    }
}
