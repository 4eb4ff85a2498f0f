//! What an `await` waits for, and where a block can be put around it.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Comprehension, Expr, ExprCall, Stmt};

use crate::common::code::{is_switch, is_yield, own};
use crate::common::collected::{Collected, collected};
use crate::common::in_place::coroutine_of;
use crate::context::{Context, View};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// A coroutine, or something that behaves like one: it runs while it is awaited, and only then.
    Coroutine,
    /// A task or a future: it runs by itself.
    Future,
    /// `asyncio.shield(…)`.
    Shield,
    /// Nothing is known.
    Unknown,
}

/// What an expression is that is awaited somewhere.
pub(crate) fn awaited(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> Awaited {
    match expr {
        Expr::Call(call) => match cx.api_of(view, &call.func) {
            Some("asyncio.gather") => return of_all(cx, view, call),
            Some("asyncio.shield") => return Awaited::Shield,
            Some("asyncio.wait_for" | "asyncio.wait") => return Awaited::Coroutine,
            // The thread is left behind, as a coroutine would be.
            Some("asyncio.AbstractEventLoop.run_in_executor") => return Awaited::Coroutine,
            None if is_tested(cx, view, call) => return Awaited::Coroutine,
            _ if coroutine_of(cx, view, call).is_some() => return Awaited::Coroutine,
            _ if is_coroutine_function(cx, view, &call.func) => return Awaited::Coroutine,
            _ => {}
        },
        Expr::If(it) => return awaited(cx, view, &it.body).max(awaited(cx, view, &it.orelse)),
        Expr::Named(it) => return awaited(cx, view, &it.value),
        _ => {}
    }
    of_values(cx, cx.program.values_at(view.place(expr)), 3)
}

/// Whether the call stands where it was tested that what it calls is the function of a coroutine.
fn is_tested(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    const TESTS: &[&str] = &["asyncio.iscoroutinefunction", "inspect.iscoroutinefunction"];
    let callee = view.text(call.func.range());
    let is_test = |test: &Expr| {
        let Expr::Call(test) = test else { return false };
        let asked = test.arguments.args.first();
        cx.api_of(view, &test.func)
            .is_some_and(|api| TESTS.contains(&api))
            && asked.is_some_and(|asked| view.text(asked.range()) == callee)
    };
    (view.tree.ancestors(call))
        .take_while(|node| {
            !matches!(
                node,
                AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_)
            )
        })
        .any(|node| match node {
            AnyNodeRef::StmtIf(it) => {
                let first = it.body.first().map_or(it.end(), Ranged::start);
                let last = it.body.last().map_or(it.start(), Ranged::end);
                is_test(&it.test) && (first..=last).contains(&call.start())
            }
            AnyNodeRef::ExprIf(it) => {
                is_test(&it.test) && it.body.range().contains_range(call.range())
            }
            _ => false,
        })
}

impl Awaited {
    /// What is known of two together: the one that is less like a coroutine.
    pub(crate) fn max(self, other: Self) -> Self {
        let rank = |it: Self| match it {
            Awaited::Coroutine => 0,
            Awaited::Unknown => 1,
            Awaited::Shield => 2,
            Awaited::Future => 3,
        };
        if rank(self) >= rank(other) {
            self
        } else {
            other
        }
    }
}

/// What the arguments of a call of `gather`, or of another function that takes several, are together.
pub(crate) fn of_all(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Awaited {
    call.arguments
        .args
        .iter()
        .map(|argument| match argument {
            Expr::Starred(starred) => elements(cx, view, &starred.value),
            plain => awaited(cx, view, plain),
        })
        .fold(Awaited::Coroutine, Awaited::max)
}

/// What the elements of an iterable are together.
pub(crate) fn elements(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> Awaited {
    let all = |list: &[Expr]| {
        list.iter()
            .map(|element| match element {
                Expr::Starred(starred) => elements(cx, view, &starred.value),
                plain => awaited(cx, view, plain),
            })
            .fold(Awaited::Coroutine, Awaited::max)
    };
    match expr {
        Expr::ListComp(it) => of_each(cx, view, &it.elt, &it.generators),
        Expr::SetComp(it) => of_each(cx, view, &it.elt, &it.generators),
        Expr::Generator(it) => of_each(cx, view, &it.elt, &it.generators),
        Expr::List(it) => all(&it.elts),
        Expr::Tuple(it) => all(&it.elts),
        Expr::Set(it) => all(&it.elts),
        Expr::BinOp(it) => elements(cx, view, &it.left).max(elements(cx, view, &it.right)),
        // `map(f, xs)` calls a function of ours.
        Expr::Call(call)
            if matches!(&*call.func, Expr::Name(name) if name.id == "map")
                && call
                    .arguments
                    .args
                    .first()
                    .is_some_and(|function| is_coroutine_function(cx, view, function)) =>
        {
            Awaited::Coroutine
        }
        _ => {
            match collected(view, expr) {
                Some(Collected::Written(it)) => return elements(cx, view, it),
                Some(Collected::Appended { items, .. }) if !items.is_empty() => {
                    let items = items.into_iter().map(|item| awaited(cx, view, item));
                    return items.fold(Awaited::Coroutine, Awaited::max);
                }
                _ => {}
            }
            let mut found: Option<Awaited> = None;
            for value in cx.program.values_at(view.place(expr)) {
                let inner = inside(cx, value, 3);
                found = Some(found.map_or(inner, |found| found.max(inner)));
            }
            found.unwrap_or(Awaited::Unknown)
        }
    }
}

/// What a comprehension gives: coroutines where it only calls what it asked first.
fn of_each(
    cx: &Context<'_>,
    view: &View<'_>,
    element: &Expr,
    generators: &[Comprehension],
) -> Awaited {
    let asks = |test: &Expr| match (test, element) {
        (Expr::Call(test), Expr::Call(call)) => {
            let api = cx.api_of(view, &test.func);
            let asked = test.arguments.args.first();
            matches!(
                api,
                Some("asyncio.iscoroutinefunction" | "inspect.iscoroutinefunction")
            ) && call.func.is_name_expr()
                && asked.is_some_and(|it| view.text(it.range()) == view.text(call.func.range()))
        }
        _ => false,
    };
    match awaited(cx, view, element) {
        Awaited::Unknown if generators.iter().any(|it| it.ifs.iter().any(asks)) => {
            Awaited::Coroutine
        }
        found => found,
    }
}

fn is_coroutine_function(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let values = cx.program.values_at(view.place(expr));
    let mut values = values.filter(|value| !is_plain_mock(cx, *value)).peekable();
    values.peek().is_some()
        && values.all(|value| match value {
            Value::Func(func) | Value::Bound(func, _) => {
                let function = cx.program.function(func);
                function.is_async && !function.is_generator
            }
            // What a test puts in the place of one.
            Value::Object(class, _) => cx.program.flow.text(class) == ASYNC_MOCK,
            Value::ExternalBound(member, _) => {
                let class = cx.program.flow.text(member).rsplit_once('.');
                class.is_some_and(|(class, _)| class == ASYNC_MOCK)
            }
            _ => false,
        })
}

const ASYNC_MOCK: &str = "unittest.mock.AsyncMock";

/// Whether the value is a member of a mock that nobody awaits, unless the program makes futures which it may give.
fn is_plain_mock(cx: &Context<'_>, value: Value) -> bool {
    const MOCKS: &[&str] = &["unittest.mock.Mock", "unittest.mock.MagicMock"];
    const FUTURES: &[&str] = &["asyncio.Future", "asyncio.AbstractEventLoop.create_future"];
    let Value::ExternalBound(member, _) = value else {
        return false;
    };
    let class = cx.program.flow.text(member).rsplit_once('.');
    class.is_some_and(|(class, _)| MOCKS.contains(&class))
        && !cx.uses.iter().any(|it| FUTURES.contains(&&*it.api))
}

fn inside(cx: &Context<'_>, container: Value, depth: u8) -> Awaited {
    let flow = &cx.program.flow;
    let nodes: Vec<_> = match container {
        Value::Container(id) => {
            let container = &flow.linked.containers[id.0 as usize];
            container
                .items
                .iter()
                .map(|(_, node)| *node)
                .chain([container.elements])
                .collect()
        }
        Value::Iterator(node) => vec![node],
        _ => return Awaited::Unknown,
    };
    let mut found: Option<Awaited> = None;
    for node in nodes {
        if node.is_some() && flow.values_of(node).next().is_some() {
            let kind = of_values(cx, flow.values_of(node), depth);
            found = Some(found.map_or(kind, |found| found.max(kind)));
        }
    }
    found.unwrap_or(Awaited::Unknown)
}

fn of_values(cx: &Context<'_>, values: impl Iterator<Item = Value>, depth: u8) -> Awaited {
    let flow = &cx.program.flow;
    let mut found: Option<Awaited> = None;
    for value in values {
        let kind = match value {
            Value::Coroutine(_) | Value::Awaitable(_) => Awaited::Coroutine,
            Value::Object(ty, _) => match flow.text(ty) {
                "asyncio.Future" | "asyncio.Task" => Awaited::Future,
                _ => Awaited::Unknown,
            },
            // Several values that came together.
            Value::Container(_) if depth > 0 => inside(cx, value, depth - 1),
            _ => Awaited::Unknown,
        };
        found = Some(found.map_or(kind, |found| found.max(kind)));
    }
    found.unwrap_or(Awaited::Unknown)
}

/// The calls that run something in an executor and whose futures are among what a call waits for: they are taken for
/// coroutines, which they are once they have moved.
pub(crate) fn offloaded(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Vec<Place> {
    let mut written = vec![call.range()];
    for argument in &call.arguments.args {
        let argument = match argument {
            Expr::Starred(starred) => &starred.value,
            plain => plain,
        };
        match collected(view, argument) {
            Some(Collected::Written(it)) => written.push(it.range()),
            Some(Collected::Appended { items, .. }) => {
                written.extend(items.into_iter().map(Ranged::range));
            }
            None => {}
        }
    }
    let is_among = |use_: &&Use| {
        use_.api == "asyncio.AbstractEventLoop.run_in_executor"
            && use_.place.file == view.file
            && (written.iter()).any(|range| range.contains_range(use_.place.range))
    };
    (cx.uses.iter().filter(is_among))
        .map(|use_| use_.place)
        .collect()
}

/// The functions whose coroutines an expression may be, or may hold.
pub(crate) fn coroutines(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> BTreeSet<FuncId> {
    let mut found = crate::common::code::called_within(cx, view.place(expr));
    found.extend(coroutines_at(cx, view.place(expr)));
    found
}

/// The functions whose coroutines the values of a place are, or hold.
pub(crate) fn coroutines_at(cx: &Context<'_>, place: Place) -> BTreeSet<FuncId> {
    let flow = &cx.program.flow;
    let mut found = BTreeSet::new();
    let mut held = BTreeSet::new();
    let mut work: Vec<Value> = cx.program.values_at(place).collect();
    while let Some(value) = work.pop() {
        match value {
            Value::Coroutine(func) => {
                found.insert(func);
            }
            Value::Container(id) if held.insert(value) => {
                let contents = flow.linked.containers[id.0 as usize].contents();
                work.extend(contents.flat_map(|node| flow.values_of(node)));
            }
            Value::Iterator(node) if held.insert(value) => work.extend(flow.values_of(node)),
            _ => {}
        }
    }
    found
}

/// The simple statement that can be put into a block for the sake of the `await` in it: nothing else in it switches,
/// and the `await` is evaluated exactly once.
///
/// # Errors
/// Whether at least the `await` stands in the statement itself (`true`), so that only the rest of it is in the way.
pub(crate) fn statement_around<'v>(view: &View<'v>, await_: &'v Expr) -> Option<&'v Stmt> {
    let stmt = view.tree.enclosing_statement(await_.range())?;
    let simple = matches!(
        stmt,
        Stmt::Expr(_)
            | Stmt::Assign(_)
            | Stmt::AnnAssign(_)
            | Stmt::AugAssign(_)
            | Stmt::Return(_)
            | Stmt::Assert(_)
            | Stmt::Raise(_)
    );
    if !simple || view.tree.comprehension_around(await_).is_some() {
        return None;
    }
    let in_lambda = view
        .tree
        .ancestors(await_)
        .take_while(|node| !node.is_statement())
        .any(|node| matches!(node, AnyNodeRef::ExprLambda(_)));
    if in_lambda {
        return None;
    }
    let disturbed = own(std::slice::from_ref(stmt))
        .into_iter()
        .any(|node| (is_switch(node) || is_yield(node)) && node.range() != await_.range());
    if disturbed {
        return None;
    }
    view.can_wrap(stmt.range()).ok()?;
    Some(stmt)
}

/// Whether the expression is evaluated only if another one says so: `a and …`, `… if a else …`.
pub(crate) fn is_conditional(view: &View<'_>, expr: &Expr) -> bool {
    view.tree
        .ancestors(expr)
        .take_while(|node| !node.is_statement())
        .any(|node| match node {
            AnyNodeRef::ExprBoolOp(it) => it
                .values
                .first()
                .is_some_and(|first| !first.range().contains_range(expr.range())),
            AnyNodeRef::ExprIf(it) => !it.test.range().contains_range(expr.range()),
            AnyNodeRef::ExprCompare(it) => it
                .comparators
                .iter()
                .skip(1)
                .any(|other| other.range().contains_range(expr.range())),
            _ => false,
        })
}

/// Whether evaluating the expression does nothing but read: names, attributes, literals, arithmetic.
pub(crate) fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Name(_)
        | Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::BooleanLiteral(_)
        | Expr::NoneLiteral(_) => true,
        Expr::Attribute(it) => is_plain(&it.value),
        Expr::Subscript(it) => is_plain(&it.value) && is_plain(&it.slice),
        Expr::UnaryOp(it) => is_plain(&it.operand),
        Expr::BinOp(it) => is_plain(&it.left) && is_plain(&it.right),
        Expr::If(it) => is_plain(&it.test) && is_plain(&it.body) && is_plain(&it.orelse),
        Expr::BoolOp(it) => it.values.iter().all(is_plain),
        _ => false,
    }
}

/// Whether the expression can stand behind `await` as it is written, also without brackets around it.
pub(crate) fn can_be_awaited(view: &View<'_>, expr: &Expr) -> bool {
    let head = match expr {
        Expr::Call(call) => call.func.range(),
        Expr::Name(_) | Expr::Attribute(_) => expr.range(),
        Expr::Subscript(it) => it.value.range(),
        _ => return false,
    };
    !view.text(head).contains('\n')
}
