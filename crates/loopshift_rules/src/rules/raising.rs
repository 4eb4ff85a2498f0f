//! Whether code can raise, and whether somebody would catch it: conservative answers.
//!
//! "Can't raise" is for code that only computes, prints, sleeps and waits. That a name is bound and that types fit is
//! taken for granted; whatever else may fail (subscripts, divisions, code we can't see) counts as raising.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{
    AnyNodeRef, CmpOp, ExceptHandler, Expr, ExprCall, InterpolatedStringElement, Operator, Stmt,
    StmtTry, UnaryOp,
};
use loopshift_python::{Ranged, TextRange};

use super::code::definition;
use crate::context::{Context, View};

/// APIs that raise nothing when they are used as meant.
const QUIET: &[&str] = &[
    "asyncio.sleep",
    "anyio.sleep",
    "asyncio.Event.wait",
    "asyncio.Event.set",
    "asyncio.Event.clear",
    "asyncio.Event.is_set",
    "asyncio.Queue.get",
    "asyncio.Queue.put",
    "asyncio.Queue.qsize",
    "asyncio.Queue.empty",
    "asyncio.Queue.full",
    "asyncio.Queue.join",
    "asyncio.Lock.acquire",
    "asyncio.Lock.locked",
    "asyncio.Semaphore.acquire",
    "asyncio.Semaphore.locked",
    "asyncio.AbstractEventLoop.time",
    "asyncio.AbstractEventLoop.call_at",
    "asyncio.AbstractEventLoop.call_later",
    "asyncio.AbstractEventLoop.call_soon",
    "asyncio.get_running_loop",
    "asyncio.get_event_loop",
    "logging.getLogger",
    "logging.debug",
    "logging.Logger.debug",
    "logging.info",
    "logging.Logger.info",
    "logging.warning",
    "logging.Logger.warning",
    "logging.error",
    "logging.Logger.error",
    "logging.exception",
    "logging.Logger.exception",
    "logging.critical",
    "logging.Logger.critical",
    "time.monotonic",
    "time.perf_counter",
    "time.time",
    "time.sleep",
];

const QUIET_BUILTINS: &[&str] = &[
    "print",
    "len",
    "str",
    "repr",
    "id",
    "bool",
    "range",
    "list",
    "tuple",
    "isinstance",
    "enumerate",
    "sorted",
    "sum",
    "abs",
    "type",
];

const QUIET_METHODS: &[&str] = &[
    "append",
    "appendleft",
    "add",
    "discard",
    "extend",
    "clear",
    "copy",
    "upper",
    "lower",
    "strip",
    "title",
    "join",
    "startswith",
    "endswith",
    "format",
    "items",
    "keys",
    "values",
    "setdefault",
];

/// Answers about the functions of a program, remembered.
pub(crate) struct Raising<'r, 'c> {
    cx: &'r Context<'c>,
    known: RefCell<BTreeMap<FuncId, bool>>,
}

impl<'r, 'c> Raising<'r, 'c> {
    /// Nothing is known at first.
    pub(crate) fn new(cx: &'r Context<'c>) -> Self {
        Raising {
            cx,
            known: RefCell::default(),
        }
    }

    /// Whether calling the function, and awaiting what it gives, may raise.
    pub(crate) fn function(&self, func: FuncId) -> bool {
        if let Some(known) = self.known.borrow().get(&func) {
            return *known;
        }
        // A recursion may go too deep.
        self.known.borrow_mut().insert(func, true);
        let may = match definition(self.cx, func) {
            Some((view, def)) => {
                !def.decorator_list.is_empty()
                    || self.cx.program.function(func).is_generator
                    || !self.quiet_body(view, &def.body)
            }
            None => true,
        };
        self.known.borrow_mut().insert(func, may);
        may
    }

    /// Whether awaiting the value of an expression, or the elements of its value, may raise.
    pub(crate) fn awaiting(&self, view: &View<'_>, expr: &Expr) -> bool {
        match expr {
            Expr::Starred(it) => self.awaiting(view, &it.value),
            Expr::ListComp(it) => self.awaiting(view, &it.elt),
            Expr::SetComp(it) => self.awaiting(view, &it.elt),
            Expr::Generator(it) => self.awaiting(view, &it.elt),
            Expr::List(it) => it.elts.iter().any(|element| self.awaiting(view, element)),
            Expr::Tuple(it) => it.elts.iter().any(|element| self.awaiting(view, element)),
            Expr::BinOp(it) => self.awaiting(view, &it.left) || self.awaiting(view, &it.right),
            Expr::Call(call) => match self.cx.api_of(view, &call.func) {
                Some("asyncio.gather") => call
                    .arguments
                    .args
                    .iter()
                    .any(|argument| self.awaiting(view, argument)),
                Some("asyncio.wait_for") => true,
                Some(api) => !QUIET.contains(&api),
                None if is_builtin_call(view, call, "map") => {
                    let Some(function) = call.arguments.args.first() else {
                        return true;
                    };
                    let mut any = false;
                    let may = self
                        .cx
                        .program
                        .values_at(view.place(function))
                        .any(|value| {
                            any = true;
                            match value {
                                Value::Func(func) | Value::Bound(func, _) => self.function(func),
                                _ => true,
                            }
                        });
                    may || !any
                }
                None => self.values(self.cx.program.values_at(view.place(call)), 3),
            },
            other => self.values(self.cx.program.values_at(view.place(other)), 3),
        }
    }

    /// Whether calling the value of an expression may raise.
    pub(crate) fn calling(&self, view: &View<'_>, callee: &Expr) -> bool {
        match (callee, self.cx.api_of(view, callee)) {
            (Expr::Lambda(it), _) => !self.quiet(view, &it.body),
            (_, Some(api)) if QUIET.contains(&api) => false,
            (_, Some(api)) if api.starts_with("asyncio.") && api.ends_with(".cancel") => false,
            (_, Some(api)) if api.starts_with("<builtin>.") => {
                let name = api.trim_start_matches("<builtin>.");
                !QUIET_BUILTINS.contains(&name) && !self.is_quiet_method(view, callee)
            }
            _ if self.is_quiet_method(view, callee) => false,
            _ => {
                let mut any = false;
                let values = self.cx.program.values_at(view.place(callee));
                let may = values.into_iter().any(|value| {
                    any = true;
                    match value {
                        Value::Func(func) | Value::Bound(func, _) => self.function(func),
                        _ => true,
                    }
                });
                may || !any
            }
        }
    }

    fn is_quiet_method(&self, view: &View<'_>, callee: &Expr) -> bool {
        matches!(callee, Expr::Attribute(attribute)
            if QUIET_METHODS.contains(&attribute.attr.as_str())
                && self.is_known_builtin(view, &attribute.value)
                && self.quiet(view, &attribute.value))
    }

    fn values(&self, values: impl Iterator<Item = Value>, depth: u8) -> bool {
        let flow = &self.cx.program.flow;
        let mut any = false;
        for value in values {
            any = true;
            let may = match value {
                Value::Coroutine(func) => self.function(func),
                Value::Container(id) if depth > 0 => {
                    let container = &flow.linked.containers[id.0 as usize];
                    let nodes = container.items.iter().map(|(_, node)| *node);
                    nodes
                        .chain([container.elements])
                        .filter(|node| flow.values_of(*node).next().is_some())
                        .any(|node| self.values(flow.values_of(node), depth - 1))
                }
                Value::Iterator(node) if depth > 0 => self.values(flow.values_of(node), depth - 1),
                _ => true,
            };
            if may {
                return true;
            }
        }
        !any
    }

    fn quiet_body(&self, view: &View<'_>, body: &[Stmt]) -> bool {
        body.iter().all(|stmt| self.quiet_stmt(view, stmt))
    }

    fn quiet_stmt(&self, view: &View<'_>, stmt: &Stmt) -> bool {
        let quiet = |expr: &Expr| self.quiet(view, expr);
        match stmt {
            Stmt::Expr(it) => quiet(&it.value),
            Stmt::Assign(it) => it.targets.iter().all(is_plain_target) && quiet(&it.value),
            Stmt::AnnAssign(it) => {
                is_plain_target(&it.target) && it.value.as_deref().is_none_or(quiet)
            }
            Stmt::AugAssign(it) => {
                is_plain_target(&it.target)
                    && is_quiet_operator(it.op)
                    && self.is_builtin(view, &it.target)
                    && quiet(&it.value)
            }
            Stmt::Return(it) => it.value.as_deref().is_none_or(quiet),
            Stmt::Pass(_)
            | Stmt::Break(_)
            | Stmt::Continue(_)
            | Stmt::Global(_)
            | Stmt::Nonlocal(_) => true,
            Stmt::If(it) => {
                quiet(&it.test)
                    && self.quiet_body(view, &it.body)
                    && it.elif_else_clauses.iter().all(|clause| {
                        clause.test.as_ref().is_none_or(quiet)
                            && self.quiet_body(view, &clause.body)
                    })
            }
            Stmt::While(it) => {
                quiet(&it.test)
                    && self.quiet_body(view, &it.body)
                    && self.quiet_body(view, &it.orelse)
            }
            Stmt::For(it) => {
                !it.is_async
                    && is_plain_target(&it.target)
                    && quiet(&it.iter)
                    && self.is_builtin(view, &it.iter)
                    && self.quiet_body(view, &it.body)
                    && self.quiet_body(view, &it.orelse)
            }
            Stmt::With(it) => {
                it.items.iter().all(|item| {
                    item.optional_vars.is_none() && self.is_lock(view, &item.context_expr)
                }) && self.quiet_body(view, &it.body)
            }
            Stmt::Try(it) => self.quiet_try(view, it),
            _ => false,
        }
    }

    fn quiet_try(&self, view: &View<'_>, stmt: &StmtTry) -> bool {
        let caught =
            stmt.handlers
                .iter()
                .any(
                    |ExceptHandler::ExceptHandler(handler)| match handler.type_.as_deref() {
                        None => true,
                        Some(Expr::Name(name)) => {
                            matches!(name.id.as_str(), "Exception" | "BaseException")
                        }
                        Some(_) => false,
                    },
                );
        // A bare `raise` in a handler of a cancellation raises no error.
        let handlers =
            stmt.handlers
                .iter()
                .all(|ExceptHandler::ExceptHandler(handler)| {
                    let cancellation = handler.type_.as_deref().is_some_and(|it| {
                        self.cx.api_of(view, it) == Some("asyncio.CancelledError")
                    });
                    handler.body.iter().all(|stmt| match stmt {
                        Stmt::Raise(raise) => cancellation && raise.exc.is_none(),
                        other => self.quiet_stmt(view, other),
                    })
                });
        (caught || self.quiet_body(view, &stmt.body))
            && handlers
            && self.quiet_body(view, &stmt.orelse)
            && self.quiet_body(view, &stmt.finalbody)
    }

    fn quiet(&self, view: &View<'_>, expr: &Expr) -> bool {
        let quiet = |expr: &Expr| self.quiet(view, expr);
        match expr {
            Expr::Name(_)
            | Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::BytesLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::NoneLiteral(_)
            | Expr::Lambda(_) => true,
            Expr::FString(it) => it.value.elements().all(|element| match element {
                InterpolatedStringElement::Literal(_) => true,
                InterpolatedStringElement::Interpolation(part) => {
                    quiet(&part.expression) && self.is_builtin(view, &part.expression)
                }
            }),
            Expr::Tuple(it) => it.elts.iter().all(quiet),
            Expr::List(it) => it.elts.iter().all(quiet),
            Expr::Dict(it) => it.items.iter().all(|item| {
                item.key.as_ref().is_some_and(Expr::is_literal_expr) && quiet(&item.value)
            }),
            Expr::Starred(it) => quiet(&it.value),
            Expr::Attribute(it) => quiet(&it.value) && self.is_field(view, expr),
            Expr::BoolOp(it) => it.values.iter().all(quiet),
            Expr::UnaryOp(it) => {
                quiet(&it.operand) && (it.op == UnaryOp::Not || self.is_builtin(view, &it.operand))
            }
            Expr::Compare(it) => {
                let identity = it
                    .ops
                    .iter()
                    .all(|op| matches!(op, CmpOp::Is | CmpOp::IsNot));
                let sides = || std::iter::once(&*it.left).chain(&it.comparators);
                sides().all(quiet) && (identity || sides().all(|side| self.is_builtin(view, side)))
            }
            Expr::BinOp(it) => {
                is_quiet_operator(it.op)
                    && [&it.left, &it.right]
                        .into_iter()
                        .all(|side| quiet(side) && self.is_builtin(view, side))
            }
            Expr::If(it) => quiet(&it.test) && quiet(&it.body) && quiet(&it.orelse),
            Expr::Named(it) => quiet(&it.value),
            Expr::Await(it) => quiet(&it.value),
            Expr::Call(call) => self.quiet_call(view, call),
            _ => false,
        }
    }

    fn quiet_call(&self, view: &View<'_>, call: &ExprCall) -> bool {
        let arguments = call.arguments.args.iter().all(|it| self.quiet(view, it))
            && call
                .arguments
                .keywords
                .iter()
                .all(|it| self.quiet(view, &it.value));
        if !arguments {
            return false;
        }
        if QUIET_BUILTINS
            .iter()
            .any(|name| is_builtin_call(view, call, name))
        {
            return call
                .arguments
                .args
                .iter()
                .all(|it| self.is_builtin(view, it));
        }
        if let Some(api) = self.cx.api_of(view, &call.func)
            && QUIET.contains(&api)
        {
            return true;
        }
        if self.is_quiet_method(view, &call.func) {
            return true;
        }
        let mut any = false;
        let quiet = self
            .cx
            .program
            .values_at(view.place(&*call.func))
            .all(|value| {
                any = true;
                match value {
                    Value::Func(func) | Value::Bound(func, _) => !self.function(func),
                    _ => false,
                }
            });
        quiet && any
    }

    /// Whether nothing speaks for an object of a class with methods of its own.
    fn is_builtin(&self, view: &View<'_>, expr: &Expr) -> bool {
        self.cx
            .program
            .values_at(view.place(expr))
            .all(|value| match value {
                Value::Int(_)
                | Value::Str(_)
                | Value::Start(_)
                | Value::Container(_)
                | Value::Iterator(_) => true,
                Value::Object(ty, _) => self.cx.program.flow.text(ty).starts_with("<builtin>."),
                Value::Unknown(_) => matches!(expr, Expr::Name(_) | Expr::Await(_)),
                _ => false,
            })
    }

    fn is_known_builtin(&self, view: &View<'_>, expr: &Expr) -> bool {
        matches!(expr, Expr::StringLiteral(_) | Expr::FString(_))
            || (self.cx.program.values_at(view.place(expr)).next().is_some()
                && self
                    .cx
                    .program
                    .values_at(view.place(expr))
                    .all(|value| match value {
                        Value::Str(_) | Value::Start(_) | Value::Container(_) => true,
                        Value::Object(ty, _) => {
                            let name = self.cx.program.flow.text(ty);
                            name.starts_with("<builtin>.") || name == "collections.deque"
                        }
                        _ => false,
                    }))
    }

    /// Whether the attribute is a plain one of an instance of ours, or a name of a module.
    fn is_field(&self, view: &View<'_>, expr: &Expr) -> bool {
        let Expr::Attribute(attribute) = expr else {
            return false;
        };
        let mut any = false;
        let plain = self
            .cx
            .program
            .values_at(view.place(&*attribute.value))
            .all(|value| {
                any = true;
                matches!(value, Value::Instance(_) | Value::Module(_))
            });
        plain && any
    }

    fn is_lock(&self, view: &View<'_>, expr: &Expr) -> bool {
        let mut any = false;
        let locks = self.cx.program.values_at(view.place(expr)).all(|value| {
            any = true;
            matches!(value, Value::Object(ty, _) if matches!(
                self.cx.program.flow.text(ty),
                "asyncio.Lock" | "asyncio.Semaphore" | "asyncio.BoundedSemaphore"
            ))
        });
        locks && any && matches!(expr, Expr::Name(_) | Expr::Attribute(_))
    }
}

fn is_plain_target(expr: &Expr) -> bool {
    match expr {
        Expr::Name(_) => true,
        Expr::Attribute(it) => matches!(&*it.value, Expr::Name(_)),
        _ => false,
    }
}

fn is_quiet_operator(operator: Operator) -> bool {
    matches!(operator, Operator::Add | Operator::Sub | Operator::Mult)
}

/// Whether the call is one of the builtin function `name`.
pub(crate) fn is_builtin_call(view: &View<'_>, call: &ExprCall, name: &str) -> bool {
    matches!(&*call.func, Expr::Name(callee) if callee.id == name)
        && view
            .scopes
            .resolve(name, view.scopes.at(call.start()))
            .is_none()
}

/// Whether an error that is raised at a place may be caught: in the function, or by whoever calls it.
pub(crate) fn may_be_caught(cx: &Context<'_>, place: Place) -> bool {
    let mut seen = BTreeSet::new();
    let mut work = vec![place];
    while let Some(place) = work.pop() {
        let Some(view) = cx.view(place.file) else {
            return true;
        };
        if caught_around(view, place.range) {
            return true;
        }
        let func = cx.program.function_at(place);
        if !seen.insert(func) {
            continue;
        }
        if cx.program.function(func).kind == loopshift_engine::ir::FunctionKind::Module {
            continue;
        }
        let sites = cx.callers.of(func);
        if sites.is_empty() || cx.callers.is_handed_over(func) {
            return true;
        }
        for site in sites {
            let Some(view) = cx.view(site.place.file) else {
                return true;
            };
            let awaited = view.await_of(site.place.range).is_some();
            if !awaited && !is_run(cx, view, site.place.range) {
                // The error waits in a task.
                return true;
            }
            work.push(site.place);
        }
    }
    false
}

/// Whether the coroutine is given to a runner.
pub(crate) fn is_run(cx: &Context<'_>, view: &View<'_>, coroutine: TextRange) -> bool {
    let Some(expr) = view.tree.expr_at(coroutine) else {
        return false;
    };
    view.tree.ancestors(expr).take(2).any(|node| match node {
        AnyNodeRef::ExprCall(call) => cx.api_of(view, &call.func) == Some("asyncio.run"),
        _ => false,
    })
}

/// Whether something in the same function may catch an error.
pub(crate) fn caught_around(view: &View<'_>, range: TextRange) -> bool {
    for node in view.tree.around(range) {
        match node {
            AnyNodeRef::StmtTry(it) => {
                let inside = it
                    .body
                    .iter()
                    .any(|stmt| stmt.range().contains_range(range));
                if inside && !it.handlers.is_empty() {
                    return true;
                }
            }
            AnyNodeRef::StmtWith(it) => {
                let inside = it
                    .body
                    .iter()
                    .any(|stmt| stmt.range().contains_range(range));
                let catches = it.items.iter().any(|item| {
                    let text = view.text(item.context_expr.range());
                    ["suppress", "raises", "assertRaises"]
                        .iter()
                        .any(|name| text.contains(name))
                });
                if inside && catches {
                    return true;
                }
            }
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) => return false,
            _ => {}
        }
    }
    false
}
