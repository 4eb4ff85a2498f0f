//! What runs the coroutines of a program: `asyncio.run`, and functions of the program that do nothing else with them.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::{Ranged, TextRange};

use crate::common::code::{definition, is_in_loop};
use crate::context::{Context, View};

/// Whether the call is one of a runner, or makes a coroutine that goes to one.
pub(crate) fn is_of_runner(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    runs(cx, view, call) || runners(cx, view, call.range()).is_some()
}

/// Whether the tasks that the coroutine leaves end when it does. An `asyncio.Runner` keeps its event loop, and them, for what it
/// runs next: so only where that is clearly nothing.
pub(crate) fn ends_with_it(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    !cx.once(Keeping::new).0 && is_of_runner(cx, view, call)
}

/// Whether the program has an `asyncio.Runner` that may run more than one coroutine.
struct Keeping(bool);

impl Keeping {
    fn new(cx: &Context<'_>) -> Self {
        let mut runs = cx.uses.iter().filter(|it| it.api == "asyncio.Runner.run");
        let Some(first) = runs.next() else {
            return Keeping(false);
        };
        let owner = cx.program.function_at(first.place);
        let is_made_there =
            |it: &Use| it.api == "asyncio.Runner" && cx.program.function_at(it.place) == owner;
        let view = cx.view(first.place.file);
        let is_only = runs.next().is_none()
            && cx.uses.iter().any(is_made_there)
            && view.is_some_and(|view| !is_in_loop(view, first.place.range));
        Keeping(!is_only)
    }
}

/// The places in functions of the program where the coroutine is run that is made at `coroutine`: none where a runner of a
/// library gets it directly, or makes it itself (`anyio.run(main)`). `None` where it goes anywhere else.
pub(crate) fn runners(
    cx: &Context<'_>,
    view: &View<'_>,
    coroutine: TextRange,
) -> Option<Vec<Place>> {
    let expr = view.tree.expr_at(coroutine)?;
    let is_runner = matches!(expr, Expr::Call(call) if runs(cx, view, call));
    if is_runner || is_given_to_library(cx, view, expr) {
        return Some(Vec::new());
    }
    within_callees(cx, view, coroutine, run_within)
}

/// The places in functions of the program where the coroutine is awaited that is made at `coroutine`, as an argument of theirs:
/// `await timed(work())`. `None` where it may go anywhere else.
pub(crate) fn awaiters(
    cx: &Context<'_>,
    view: &View<'_>,
    coroutine: TextRange,
) -> Option<Vec<Place>> {
    within_callees(cx, view, coroutine, awaited_within)
}

/// What becomes of an argument in all functions that may get it there.
fn within_callees(
    cx: &Context<'_>,
    view: &View<'_>,
    coroutine: TextRange,
    within: fn(&Context<'_>, FuncId, usize) -> Option<Place>,
) -> Option<Vec<Place>> {
    let expr = view.tree.expr_at(coroutine)?;
    let call = outer(view, expr)?;
    let args = &call.arguments.args;
    let at = args.iter().position(|it| it.range() == coroutine)?;
    if args[..at].iter().any(Expr::is_starred_expr) {
        return None;
    }
    let callees = cx.program.values_at(view.place(&*call.func));
    let places: Option<Vec<Place>> = callees
        .map(|callee| match callee {
            Value::Func(func) => within(cx, func, at),
            Value::Bound(func, _) => within(cx, func, at + 1),
            _ => None,
        })
        .collect();
    places.filter(|it| !it.is_empty())
}

/// Whether the call runs the coroutine that it is given.
fn runs(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    matches!(
        cx.api_of(view, &call.func),
        Some("asyncio.run" | "anyio.run" | "asyncio.Runner.run")
    )
}

/// The call of which the expression is an argument.
pub(crate) fn outer<'v>(view: &View<'v>, expr: &'v Expr) -> Option<&'v ExprCall> {
    let mut around = view.tree.ancestors(expr);
    let found = around.find(|node| !matches!(node, AnyNodeRef::Arguments(_)))?;
    match found {
        AnyNodeRef::ExprCall(call) if call.func.range() != expr.range() => Some(call),
        _ => None,
    }
}

/// Whether a runner of a library gets the coroutine: itself, or by a lambda that does nothing else.
fn is_given_to_library(cx: &Context<'_>, view: &View<'_>, coroutine: &Expr) -> bool {
    let given = match view.tree.parent(coroutine) {
        Some(AnyNodeRef::ExprLambda(it)) => view.tree.expr_at(it.range()),
        _ => view.tree.expr_at(coroutine.range()),
    };
    let call = given.and_then(|given| outer(view, given));
    call.is_some_and(|call| runs(cx, view, call))
}

/// Where a function runs its parameter of this index, if it does nothing else with it.
fn run_within(cx: &Context<'_>, func: FuncId, at: usize) -> Option<Place> {
    let (view, expr) = only_use(cx, func, at)?;
    let is_plain = !cx.program.function(func).is_async;
    (is_plain && is_given_to_library(cx, view, expr)).then(|| view.place(expr))
}

/// Where a function awaits its parameter of this index, if it does nothing else with it.
fn awaited_within(cx: &Context<'_>, func: FuncId, at: usize) -> Option<Place> {
    let (view, expr) = only_use(cx, func, at)?;
    let is_own = cx.program.function_at(view.place(expr)) == func;
    (is_own && view.await_of(expr.range()).is_some()).then(|| view.place(expr))
}

/// The only place where a function reads its parameter of this index.
fn only_use<'c>(cx: &Context<'c>, func: FuncId, at: usize) -> Option<(&'c View<'c>, &'c Expr)> {
    let (view, def) = definition(cx, func)?;
    let parameters = &def.parameters;
    let mut positional = parameters.posonlyargs.iter().chain(&parameters.args);
    let name = positional.nth(at)?.name().as_str();
    let plain = def.decorator_list.is_empty() && !cx.program.function(func).is_generator;
    let is_it =
        |node: &AnyNodeRef<'_>| matches!(node, AnyNodeRef::ExprName(it) if it.id.as_str() == name);
    let uses: Vec<_> = view.tree.nodes_within(def.range()).filter(is_it).collect();
    let [AnyNodeRef::ExprName(used)] = uses.as_slice() else {
        return None;
    };
    plain.then_some((view, view.tree.expr_at(used.range())?))
}
