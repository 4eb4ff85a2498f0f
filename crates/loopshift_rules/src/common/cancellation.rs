//! Cancellation, in the code that meets it: handlers, what they wait for, and what runs after them.
//!
//! asyncio cancels once; in `AnyIO` a cancelled scope raises again at every checkpoint. So what a handler or a
//! `finally` waits for must be shielded, and code that goes on after a swallowed cancellation means something else.

mod ended;

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{
    AnyNodeRef, ExceptHandler, ExceptHandlerExceptHandler, Expr, ExprCall, Stmt, StmtTry, StmtWith,
};
use loopshift_python::edit::{Edit, Wrap, pieces};
use loopshift_python::{Ranged, TextRange};

use crate::common::awaited::{Awaited, awaited};
use crate::common::code::{definition, is_switch, is_yield, own, switches};
use crate::context::{Context, View};
pub(crate) use ended::{end_a_cancellation, ends_as_cancelled, raises_cancelled};

/// What a reference to an exception class is for.
#[derive(Clone, Copy)]
pub(crate) enum Role<'v> {
    /// It is caught, alone or in a tuple.
    Handler(&'v StmtTry, &'v ExceptHandlerExceptHandler),
    /// `with contextlib.suppress(…):`.
    Suppress(&'v StmtWith),
    /// `isinstance(x, …)`, `issubclass(x, …)`.
    Test,
    /// `raise …`.
    Raise,
    /// Anything else.
    Elsewhere,
}

/// What a reference to an exception class is for.
pub(crate) fn role<'v>(cx: &Context<'_>, view: &View<'v>, expr: &'v Expr) -> Role<'v> {
    let mut inner = expr.range();
    for node in view.tree.ancestors(expr) {
        match node {
            AnyNodeRef::ExprTuple(it) => inner = it.range(),
            AnyNodeRef::ExceptHandlerExceptHandler(handler) => {
                return match view.tree.parent(handler) {
                    Some(AnyNodeRef::StmtTry(stmt)) => Role::Handler(stmt, handler),
                    _ => Role::Elsewhere,
                };
            }
            AnyNodeRef::Arguments(_) => {}
            AnyNodeRef::ExprCall(call) if call.func.range() == inner => inner = call.range(),
            AnyNodeRef::ExprCall(call) => {
                let test = matches!(&*call.func, Expr::Name(name)
                    if matches!(name.id.as_str(), "isinstance" | "issubclass"));
                if test && call.arguments.args.get(1).map(Ranged::range) == Some(inner) {
                    return Role::Test;
                }
                return match suppressing(cx, view, call) {
                    Some(with) => Role::Suppress(with),
                    None => Role::Elsewhere,
                };
            }
            AnyNodeRef::StmtRaise(_) => return Role::Raise,
            _ => return Role::Elsewhere,
        }
    }
    Role::Elsewhere
}

/// The `with` of which the call is `contextlib.suppress(…)`.
fn suppressing<'v>(cx: &Context<'_>, view: &View<'v>, call: &'v ExprCall) -> Option<&'v StmtWith> {
    if cx.api_of(view, &call.func) != Some("contextlib.suppress") {
        return None;
    }
    match view.tree.parent(call)? {
        AnyNodeRef::WithItem(item) => match view.tree.parent(item)? {
            AnyNodeRef::StmtWith(with) => Some(with),
            _ => None,
        },
        AnyNodeRef::StmtWith(with) => Some(with),
        _ => None,
    }
}

/// Whether these statements wait for tasks or futures, and for nothing else: what is caught around them is the end of
/// the task, not a cancellation of the code that waits.
pub(crate) fn waits_for_futures(cx: &Context<'_>, view: &View<'_>, body: &[Stmt]) -> bool {
    let mut any = false;
    for node in own(body) {
        match node {
            AnyNodeRef::ExprAwait(it) => {
                if awaited(cx, view, &it.value) != Awaited::Future {
                    return false;
                }
                any = true;
            }
            other if is_switch(other) => return false,
            // One that has ended raises how it did.
            AnyNodeRef::ExprCall(call) => {
                let asked = ["asyncio.Task.result", "asyncio.Task.exception"];
                any |= cx
                    .api_of(view, &call.func)
                    .is_some_and(|api| asked.contains(&api));
            }
            _ => {}
        }
    }
    any
}

/// Whether the class is the one of a cancellation.
pub(crate) fn is_cancelled_error(cx: &Context<'_>, view: &View<'_>, class: &Expr) -> bool {
    matches!(
        cx.api_of(view, class),
        Some("asyncio.CancelledError" | "asyncio.exceptions.CancelledError")
    )
}

/// The handlers of `asyncio.CancelledError` that meet a cancellation of their own function, by function.
pub(crate) fn handlers_by_function(cx: &Context<'_>) -> BTreeMap<FuncId, Vec<Place>> {
    let mut found: BTreeMap<FuncId, Vec<Place>> = BTreeMap::new();
    for use_ in cx.uses {
        if use_.api != "asyncio.CancelledError" {
            continue;
        }
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let Some(expr) = view.tree.expr_at(use_.place.range) else {
            continue;
        };
        let (body, goes_on) = match role(cx, view, expr) {
            Role::Handler(stmt, handler) => (&stmt.body, exits(&handler.body, None).falls),
            Role::Suppress(with) => (&with.body, true),
            _ => continue,
        };
        let again = || goes_on && in_a_loop(view, expr);
        if switches(body) && (!waits_for_futures(cx, view, body) || again()) {
            let func = cx.program.function_at(use_.place);
            found.entry(func).or_default().push(use_.place);
        }
    }
    found
}

/// Whether the expression stands in a loop of its function: what is caught there may be waited for again, and in a scope
/// that is cancelled that would never end.
fn in_a_loop(view: &View<'_>, expr: &Expr) -> bool {
    view.tree
        .ancestors(expr)
        .take_while(|node| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
        .any(|node| matches!(node, AnyNodeRef::StmtWhile(_) | AnyNodeRef::StmtFor(_)))
}

/// Blocks that shield what these statements wait for.
///
/// # Errors
/// Why there can't be such blocks.
pub(crate) fn shields(
    cx: &Context<'_>,
    view: &View<'_>,
    body: &[Stmt],
) -> Result<Vec<Edit>, &'static str> {
    let mut edits = Vec::new();
    let mut run: Option<TextRange> = None;
    let mut runs = Vec::new();
    for stmt in body {
        if needs_shield(cx, view, stmt) {
            if own(std::slice::from_ref(stmt)).into_iter().any(is_yield) {
                return Err("a `yield` would stand in a scope");
            }
            run = Some(run.map_or(stmt.range(), |run| run.cover(stmt.range())));
        } else {
            runs.extend(run.take());
        }
    }
    runs.extend(run);
    for range in runs {
        edits.push(Edit::Wrap(Wrap {
            range,
            before: Vec::new(),
            header: pieces("with {@anyio}.CancelScope(shield=True):", &[]),
            last: Vec::new(),
            after: Vec::new(),
        }));
    }
    Ok(edits)
}

/// Whether the statement waits for something that must not be cut short. `asyncio.shield` is
/// moved by a rule of its own.
fn needs_shield(cx: &Context<'_>, view: &View<'_>, stmt: &Stmt) -> bool {
    if let Stmt::With(with) = stmt
        && with
            .items
            .iter()
            .any(|item| view.text(item.context_expr.range()).contains("shield=True"))
    {
        return false;
    }
    let nodes = own(std::slice::from_ref(stmt));
    let leaves = |node: &AnyNodeRef<'_>| matches!(node, AnyNodeRef::ExprCall(call) if is_exit(cx, view, call));
    !nodes.iter().any(leaves)
        && nodes.into_iter().any(|node| match node {
            AnyNodeRef::ExprAwait(it) => !matches!(awaited(cx, view, &it.value), Awaited::Shield),
            other => is_switch(other),
        })
}

/// Whether the call leaves what was entered elsewhere: scopes and task groups among it could not be left inside of another
/// scope.
fn is_exit(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    matches!(&*call.func, Expr::Attribute(it) if it.attr.as_str() == "__aexit__")
        || cx.api_of(view, &call.func) == Some("contextlib.AsyncExitStack.aclose")
}

/// How statements are left.
#[derive(Clone, Copy, Default)]
pub(crate) struct Exits {
    /// At their end.
    pub(crate) falls: bool,
    /// By `return`.
    pub(crate) returns: bool,
    /// By raising again what was caught.
    pub(crate) reraises: bool,
    /// By raising something else.
    pub(crate) raises: bool,
    /// By `break`.
    pub(crate) breaks: bool,
    /// By `continue`.
    pub(crate) continues: bool,
}

impl Exits {
    fn join(&mut self, other: Exits) {
        self.falls |= other.falls;
        self.leave(other);
    }

    fn leave(&mut self, other: Exits) {
        self.returns |= other.returns;
        self.reraises |= other.reraises;
        self.raises |= other.raises;
        self.breaks |= other.breaks;
        self.continues |= other.continues;
    }
}

/// How statements are left; `caught` is the name of the exception that a bare `raise` raises again.
pub(crate) fn exits(body: &[Stmt], caught: Option<&str>) -> Exits {
    let mut out = Exits::default();
    for stmt in body {
        let mut here = Exits::default();
        match stmt {
            Stmt::Return(_) => here.returns = true,
            Stmt::Break(_) => here.breaks = true,
            Stmt::Continue(_) => here.continues = true,
            Stmt::Raise(raise) => match &raise.exc {
                None => here.reraises = true,
                Some(exc) => match &**exc {
                    Expr::Name(name) if Some(name.id.as_str()) == caught => here.reraises = true,
                    _ => here.raises = true,
                },
            },
            Stmt::If(it) => {
                here.join(exits(&it.body, caught));
                let mut has_else = false;
                for clause in &it.elif_else_clauses {
                    has_else |= clause.test.is_none();
                    here.join(exits(&clause.body, caught));
                }
                here.falls |= !has_else;
            }
            Stmt::Try(it) => {
                here.join(exits(&it.body, caught));
                for ExceptHandler::ExceptHandler(handler) in &it.handlers {
                    // A bare `raise` in there raises the inner exception.
                    let mut inner = exits(&handler.body, None);
                    inner.raises |= inner.reraises;
                    inner.reraises = false;
                    here.join(inner);
                }
                if !it.orelse.is_empty() {
                    here.join(exits(&it.orelse, caught));
                }
                let last = exits(&it.finalbody, caught);
                here.falls &= last.falls || it.finalbody.is_empty();
                here.leave(last);
            }
            Stmt::With(it) => here.join(exits(&it.body, caught)),
            Stmt::For(it) => {
                let inner = exits(&it.body, caught);
                here.falls = true;
                here.returns = inner.returns;
                here.raises = inner.raises;
                here.reraises = inner.reraises;
            }
            Stmt::While(it) => {
                let inner = exits(&it.body, caught);
                here.falls = true;
                here.returns = inner.returns;
                here.raises = inner.raises;
                here.reraises = inner.reraises;
            }
            Stmt::Match(it) => {
                here.falls = true;
                for case in &it.cases {
                    here.join(exits(&case.body, caught));
                }
            }
            _ => here.falls = true,
        }
        out.leave(here);
        if !here.falls {
            return out;
        }
    }
    out.falls = true;
    out
}

/// Whether the function may switch tasks once the statement is left at its end.
pub(crate) fn goes_on(cx: &Context<'_>, view: &View<'_>, stmt: &Stmt) -> bool {
    let mut at = stmt;
    loop {
        let Some((suite, index)) = view.tree.suite_of(at) else {
            return true;
        };
        for next in suite.iter().skip(index + 1) {
            if switches(std::slice::from_ref(next)) {
                return true;
            }
            let left = exits(std::slice::from_ref(next), None);
            if left.breaks || left.continues {
                return true;
            }
            if !left.falls {
                return false;
            }
        }
        let Some(parent) = view
            .tree
            .ancestors(at)
            .find(|node| node.is_statement() || matches!(node, AnyNodeRef::ModModule(_)))
        else {
            return true;
        };
        match parent {
            AnyNodeRef::StmtFunctionDef(_) => return false,
            AnyNodeRef::StmtFor(it) => {
                if it.is_async || switches(&it.body) || switches(&it.orelse) {
                    return true;
                }
            }
            AnyNodeRef::StmtWhile(it) => {
                let test = crate::common::code::own_of(&it.test)
                    .into_iter()
                    .any(is_switch);
                if test || switches(&it.body) || switches(&it.orelse) {
                    return true;
                }
            }
            AnyNodeRef::StmtWith(it) => {
                if it.is_async && !leaves_at_once(cx, view, it) {
                    return true;
                }
            }
            AnyNodeRef::StmtTry(it) => {
                let in_body = it.body.iter().any(|inner| inner.range() == at.range());
                if in_body && switches(&it.orelse) {
                    return true;
                }
            }
            AnyNodeRef::StmtIf(_) | AnyNodeRef::StmtMatch(_) => {}
            _ => return true,
        }
        match view.tree.enclosing_statement(parent.range()) {
            Some(outer) if outer.range() == parent.range() => at = outer,
            _ => return true,
        }
    }
}

/// Whether leaving the `async with` waits for nothing: locks and timeouts.
fn leaves_at_once(cx: &Context<'_>, view: &View<'_>, with: &StmtWith) -> bool {
    with.items.iter().all(|item| {
        let mut any = false;
        let known = cx
            .program
            .values_at(view.place(&item.context_expr))
            .all(|value| {
                any = true;
                matches!(value, Value::Object(ty, _) if matches!(
                    cx.program.flow.text(ty),
                    "asyncio.Lock" | "asyncio.Semaphore" | "asyncio.BoundedSemaphore" | "asyncio.Condition"
                        | "asyncio.Timeout"
                ))
            });
        known && any
    })
}

/// What happens when a function returns although its task was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Return {
    /// Its task ends, or only code that never waits again runs on.
    Ends,
    /// A caller waits again.
    GoesOn,
    /// Nobody knows who calls it.
    Unknown,
}

/// What happens when a function returns although its task was cancelled.
pub(crate) fn after_return(cx: &Context<'_>, func: FuncId) -> Return {
    let mut seen = BTreeSet::new();
    let mut work = vec![func];
    let mut result = Return::Ends;
    while let Some(func) = work.pop() {
        if !seen.insert(func) {
            continue;
        }
        if cx.callers.is_handed_over(func) || cx.callers.of(func).is_empty() {
            result = Return::Unknown;
            continue;
        }
        for site in cx.callers.of(func) {
            let Some(view) = cx.view(site.place.file) else {
                result = Return::Unknown;
                continue;
            };
            let Some(await_) = view.await_of(site.place.range) else {
                // The coroutine goes to a task, a runner or a wait: it ends there.
                continue;
            };
            let Some(stmt) = view.tree.enclosing_statement(await_.range()) else {
                return Return::GoesOn;
            };
            let returns = matches!(stmt, Stmt::Return(_));
            if !returns {
                let compound = !matches!(
                    stmt,
                    Stmt::Expr(_) | Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::AugAssign(_)
                );
                if compound || goes_on(cx, view, stmt) {
                    return Return::GoesOn;
                }
            }
            work.push(site.owner);
        }
    }
    result
}

/// The `async def` in whose body the place stands.
pub(crate) fn async_function(cx: &Context<'_>, place: Place) -> Option<FuncId> {
    let func = cx.program.function_at(place);
    let function = cx.program.function(func);
    let (view, def) = definition(cx, func)?;
    let in_body = view
        .tree
        .enclosing_function(place.range)
        .is_some_and(|inner| inner.range() == def.range());
    (function.is_async && in_body).then_some(func)
}
