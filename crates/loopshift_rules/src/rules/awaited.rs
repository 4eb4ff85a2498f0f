//! What an `await` waits for, and where a block can be put around it.

use std::collections::BTreeSet;

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, Comprehension, Expr, ExprAttribute, ExprCall, Stmt};
use loopshift_python::{Ranged, TextRange};

use super::code::{is_switch, is_yield, own};
use super::shared::number;
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
            _ => {}
        },
        Expr::If(it) => return awaited(cx, view, &it.body).max(awaited(cx, view, &it.orelse)),
        Expr::Named(it) => return awaited(cx, view, &it.value),
        _ => {}
    }
    of_values(cx, cx.program.values_at(view.place(expr)), 3)
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
            if let Some(only) = only_read_here(view, expr) {
                return elements(cx, view, only);
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

/// The comprehension that a variable is bound to, where it is used for nothing else than at this place.
fn only_read_here<'v>(view: &View<'v>, expr: &Expr) -> Option<&'v Expr> {
    let Expr::Name(name) = expr else { return None };
    let id = name.id.as_str();
    let scopes = &view.scopes;
    let scope = scopes.resolve(id, scopes.at(name.start()))?;
    let mut reads = (scopes.references.iter())
        .filter(|it| it.name == id && scopes.resolve(id, it.scope) == Some(scope));
    let read_elsewhere = reads.any(|it| it.range != name.range());
    let [bound] = scopes.scopes[scope].bindings.get(id)?.as_slice() else {
        return None;
    };
    if read_elsewhere {
        return None;
    }
    match view.tree.enclosing_statement(bound.range)? {
        Stmt::Assign(it) => match (&it.targets[..], &*it.value) {
            ([Expr::Name(target)], Expr::ListComp(_) | Expr::SetComp(_) | Expr::Generator(_))
                if target.range() == bound.range =>
            {
                view.tree.expr_at(it.value.range())
            }
            _ => None,
        },
        _ => None,
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
    let mut values = cx.program.values_at(view.place(expr)).peekable();
    values.peek().is_some()
        && values.all(|value| match value {
            Value::Func(func) | Value::Bound(func, _) => {
                let function = cx.program.function(func);
                function.is_async && !function.is_generator
            }
            _ => false,
        })
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

/// The functions whose coroutines an expression may be, or may hold.
pub(crate) fn coroutines(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> BTreeSet<FuncId> {
    let mut found = super::code::called_within(cx, view.place(expr));
    let flow = &cx.program.flow;
    let mut work: Vec<Value> = cx.program.values_at(view.place(expr)).collect();
    let mut budget = 200_u32;
    while let Some(value) = work.pop() {
        budget = budget.saturating_sub(1);
        if budget == 0 {
            break;
        }
        match value {
            Value::Coroutine(func) => {
                found.insert(func);
            }
            Value::Container(id) => {
                let container = &flow.linked.containers[id.0 as usize];
                work.extend(flow.values_of(container.elements));
                for (_, node) in &container.items {
                    work.extend(flow.values_of(*node));
                }
            }
            Value::Iterator(node) => work.extend(flow.values_of(node)),
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

/// What is known of a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seconds {
    /// More than none.
    Positive,
    /// `None`.
    NoLimit,
    /// None at all, or less.
    Zero,
    /// Anything.
    Unknown,
}

/// What is known of an expression that gives seconds.
pub(crate) fn seconds(cx: &Context<'_>, view: &View<'_>, expr: &Expr, depth: u8) -> Seconds {
    if expr.is_none_literal_expr() {
        return Seconds::NoLimit;
    }
    if let Some(number) = number(expr) {
        return if number > 0.0 {
            Seconds::Positive
        } else {
            Seconds::Zero
        };
    }
    if depth == 0 {
        return Seconds::Unknown;
    }
    let all = |list: &mut dyn Iterator<Item = Seconds>| {
        let mut any = false;
        for it in list {
            any = true;
            if !matches!(it, Seconds::Positive | Seconds::NoLimit) {
                return Seconds::Unknown;
            }
        }
        if any {
            Seconds::Positive
        } else {
            Seconds::Unknown
        }
    };
    match expr {
        Expr::BinOp(it)
            if matches!(
                it.op,
                loopshift_python::ast::Operator::Add
                    | loopshift_python::ast::Operator::Mult
                    | loopshift_python::ast::Operator::Div
            ) =>
        {
            let sides = [&it.left, &it.right].map(|side| seconds(cx, view, side, depth - 1));
            if sides == [Seconds::Positive, Seconds::Positive] {
                Seconds::Positive
            } else {
                Seconds::Unknown
            }
        }
        Expr::If(it) => all(&mut [&it.body, &it.orelse]
            .into_iter()
            .map(|side| seconds(cx, view, side, depth - 1))),
        Expr::Name(name) => {
            let scope = view.scopes.at(name.range.start());
            let Some(scope) = view.scopes.resolve(name.id.as_str(), scope) else {
                return Seconds::Unknown;
            };
            let Some(bindings) = view.scopes.scopes[scope].bindings.get(name.id.as_str()) else {
                return Seconds::Unknown;
            };
            all(&mut bindings
                .iter()
                .map(|binding| bound_seconds(cx, view, binding.range, depth - 1)))
        }
        Expr::Attribute(it) => attribute_seconds(cx, view, it, depth - 1),
        _ => Seconds::Unknown,
    }
}

/// What is known of the seconds in an attribute of an instance of ours: what anybody gives an attribute of that name.
fn attribute_seconds(
    cx: &Context<'_>,
    view: &View<'_>,
    attribute: &ExprAttribute,
    depth: u8,
) -> Seconds {
    let name = attribute.attr.as_str();
    let mut any = false;
    let ours = cx
        .program
        .values_at(view.place(&*attribute.value))
        .all(|value| {
            any = true;
            matches!(value, Value::Instance(_) | Value::Class(_))
        });
    if !any || !ours {
        return Seconds::Unknown;
    }
    let mut found = false;
    for (index, file) in cx.program.files.iter().enumerate() {
        if !file.text.contains(name) && !file.text.contains("setattr") {
            continue;
        }
        let id = loopshift_engine::change::FileId(u32::try_from(index).unwrap_or(u32::MAX));
        let Some(view) = cx.view(id) else {
            return Seconds::Unknown;
        };
        if file.text.contains("setattr") || file.text.contains("__dict__") {
            return Seconds::Unknown;
        }
        for given in given_to(view, name) {
            found = true;
            let known = given.is_some_and(|value| {
                matches!(
                    seconds(cx, view, value, depth),
                    Seconds::Positive | Seconds::NoLimit
                )
            });
            if !known {
                return Seconds::Unknown;
            }
        }
    }
    if found {
        Seconds::Positive
    } else {
        Seconds::Unknown
    }
}

/// What a file gives attributes of that name: values, or `None` for what can't be followed, such as the field of a
/// dataclass.
fn given_to<'v>(view: &View<'v>, name: &str) -> Vec<Option<&'v Expr>> {
    let is_it = |target: &Expr| {
        matches!(target, Expr::Attribute(it)
            if it.attr.as_str() == name && it.ctx != loopshift_python::ast::ExprContext::Load)
    };
    let mut out = Vec::new();
    for node in view.tree.nodes() {
        match node {
            AnyNodeRef::StmtAssign(it) if it.targets.iter().any(is_it) => {
                out.push(Some(&*it.value));
            }
            AnyNodeRef::StmtAnnAssign(it) if is_it(&it.target) => out.push(it.value.as_deref()),
            AnyNodeRef::ExprAttribute(it)
                if it.attr.as_str() == name
                    && it.ctx != loopshift_python::ast::ExprContext::Load =>
            {
                let plain = matches!(
                    view.tree.parent(it),
                    Some(AnyNodeRef::StmtAssign(_) | AnyNodeRef::StmtAnnAssign(_))
                );
                if !plain {
                    out.push(None);
                }
            }
            AnyNodeRef::StmtClassDef(class) => {
                for stmt in &class.body {
                    match stmt {
                        Stmt::Assign(it)
                            if it.targets.iter().any(
                                |target| matches!(target, Expr::Name(it) if it.id == name),
                            ) =>
                        {
                            out.push(Some(&*it.value));
                        }
                        // The constructor of a dataclass may be given another.
                        Stmt::AnnAssign(it) if matches!(&*it.target, Expr::Name(it) if it.id == name) =>
                        {
                            out.push(None);
                        }
                        Stmt::FunctionDef(it) if it.name.as_str() == name => out.push(None),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    out
}

/// What is known of the seconds that a binding gives a name.
fn bound_seconds(cx: &Context<'_>, view: &View<'_>, binding: TextRange, depth: u8) -> Seconds {
    for node in view.tree.around(binding) {
        match node {
            AnyNodeRef::StmtAssign(it) => {
                let whole = it.targets.iter().any(|target| target.range() == binding);
                return if whole {
                    seconds(cx, view, &it.value, depth)
                } else {
                    Seconds::Unknown
                };
            }
            AnyNodeRef::StmtAnnAssign(it) if it.target.range() == binding => {
                return it
                    .value
                    .as_ref()
                    .map_or(Seconds::Unknown, |value| seconds(cx, view, value, depth));
            }
            AnyNodeRef::StmtFunctionDef(def) => {
                return parameter_seconds(cx, view, def, binding, depth);
            }
            _ if node.is_statement() => return Seconds::Unknown,
            _ => {}
        }
    }
    Seconds::Unknown
}

/// What is known of the seconds that callers give a parameter.
fn parameter_seconds(
    cx: &Context<'_>,
    view: &View<'_>,
    def: &loopshift_python::ast::StmtFunctionDef,
    binding: TextRange,
    depth: u8,
) -> Seconds {
    let parameters = &def.parameters;
    let position = parameters
        .posonlyargs
        .iter()
        .chain(&parameters.args)
        .position(|it| it.parameter.name.range() == binding);
    let Some(parameter) = parameters
        .iter_non_variadic_params()
        .find(|it| it.parameter.name.range() == binding)
    else {
        return Seconds::Unknown;
    };
    let func = cx.program.function_at(view.place(def.name.range()));
    let function = cx.program.function(func);
    if function.range != def.range()
        || function.decorated
        || cx.callers.is_handed_over(func)
        || cx.callers.of(func).is_empty()
    {
        return Seconds::Unknown;
    }
    for site in cx.callers.of(func) {
        let Some(other) = cx.view(site.place.file) else {
            return Seconds::Unknown;
        };
        let Some(Expr::Call(call)) = other.tree.expr_at(site.place.range) else {
            return Seconds::Unknown;
        };
        // A call that hands the function over says nothing of its arguments; that of a method brings its object along.
        let method = function.class.is_some();
        let direct = cx
            .program
            .values_at(other.place(&*call.func))
            .all(|value| match value {
                Value::Func(it) => it == func && !method,
                Value::Bound(..) | Value::Class(_) => method,
                _ => false,
            });
        let unpacked = call.arguments.args.iter().any(Expr::is_starred_expr)
            || call.arguments.keywords.iter().any(|it| it.arg.is_none());
        if !direct || unpacked {
            return Seconds::Unknown;
        }
        let by_name = call.arguments.keywords.iter().find(|keyword| {
            keyword
                .arg
                .as_ref()
                .map(loopshift_python::ast::Identifier::as_str)
                == Some(parameter.parameter.name.as_str())
        });
        let given = by_name.map(|keyword| &keyword.value).or_else(|| {
            position
                .and_then(|position| position.checked_sub(usize::from(method)))
                .and_then(|position| call.arguments.args.get(position))
        });
        let (view, value) = match (given, parameter.default()) {
            (Some(value), _) => (other, value),
            (None, Some(default)) => (view, default),
            (None, None) => return Seconds::Unknown,
        };
        if !matches!(
            seconds(cx, view, value, depth),
            Seconds::Positive | Seconds::NoLimit
        ) {
            return Seconds::Unknown;
        }
    }
    Seconds::Positive
}
