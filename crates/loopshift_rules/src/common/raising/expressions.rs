//! What expressions raise.

use loopshift_engine::flow::value::Value;
use loopshift_engine::objects::site_place;
use loopshift_python::Ranged;
use loopshift_python::ast::{
    AnyNodeRef, CmpOp, Comprehension, Expr, ExprCall, InterpolatedStringElement, Operator, Stmt,
    UnaryOp,
};

use super::apis::{self, QUIET_BUILTINS};
use super::errors::Errors;
use super::implied::{CALCULATED, COMPARED, HASHED, SHOWN, TRUE};
use super::{Raising, is_builtin_call};
use crate::common::code::{called_within, is_switch, own};
use crate::common::shared::number;
use crate::context::View;

impl Raising<'_, '_> {
    /// What evaluating an expression raises.
    pub(super) fn of_expr(&self, view: &View<'_>, expr: &Expr) -> Errors {
        let of = |expr: &Expr| self.of_expr(view, expr);
        let builtin = |expr: &Expr| self.is_builtin(view, expr);
        let operated = |parts: &[&Expr], names: &[&str]| {
            let given: Errors = parts.iter().map(|it| of(it)).collect();
            given.and(self.of_operation(view, parts, names))
        };
        let shown = |expr: &Expr| self.of_implied(view, expr, SHOWN);
        let when = |quiet: bool, errors: Errors| if quiet { errors } else { Errors::Any };
        match expr {
            Expr::Name(_)
            | Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::BytesLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::NoneLiteral(_)
            | Expr::Lambda(_) => Errors::NONE,
            Expr::FString(it) => it
                .value
                .elements()
                .map(|element| match element {
                    InterpolatedStringElement::Literal(_) => Errors::NONE,
                    InterpolatedStringElement::Interpolation(part) => {
                        let plain = part.format_spec.is_none() || builtin(&part.expression);
                        when(plain, shown(&part.expression)).and(of(&part.expression))
                    }
                })
                .collect(),
            Expr::Tuple(it) => it.elts.iter().map(of).collect(),
            Expr::List(it) => it.elts.iter().map(of).collect(),
            Expr::Set(it) => it.elts.iter().map(|it| when(builtin(it), of(it))).collect(),
            Expr::Dict(it) => it
                .items
                .iter()
                .map(|item| {
                    let key = item.key.as_ref().is_some_and(builtin);
                    let of_key = item.key.as_ref().map_or(Errors::NONE, of);
                    when(key, of_key.and(of(&item.value)))
                })
                .collect(),
            Expr::ListComp(it) => self.of_comprehension(view, [&it.elt], &it.generators),
            Expr::SetComp(it) => self.of_comprehension(view, [&it.elt], &it.generators),
            Expr::Generator(it) => self.of_comprehension(view, [&it.elt], &it.generators),
            Expr::DictComp(it) => it.key.as_deref().map_or(Errors::Any, |key| {
                self.of_comprehension(view, [key, &it.value], &it.generators)
            }),
            Expr::Starred(it) => of(&it.value),
            Expr::Attribute(it) => when(self.is_field(view, &it.value), of(&it.value))
                .and(self.of_reading(view, &it.value, &it.attr))
                .and(
                    // A property is a call.
                    called_within(self.cx, view.place(expr))
                        .difference(&called_within(self.cx, view.place(&*it.value)))
                        .map(|func| self.of_function(*func))
                        .collect(),
                ),
            Expr::BoolOp(it) => it.values.iter().map(|it| self.of_test(view, it)).collect(),
            Expr::UnaryOp(it) if it.op == UnaryOp::Not => self.of_test(view, &it.operand),
            Expr::UnaryOp(it) => operated(&[&it.operand], CALCULATED),
            Expr::Compare(it) => {
                let plain = it
                    .ops
                    .iter()
                    .all(|op| matches!(op, CmpOp::Is | CmpOp::IsNot));
                let sides: Vec<&Expr> = std::iter::once(&*it.left).chain(&it.comparators).collect();
                let ordered =
                    |op: &CmpOp| matches!(op, CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE);
                if plain {
                    sides.into_iter().map(of).collect()
                } else if it.ops.iter().any(ordered) {
                    let order = sides.iter().map(|it| self.of_ordering(view, it));
                    operated(&sides, COMPARED).and(order.collect())
                } else {
                    operated(&sides, COMPARED)
                }
            }
            // `"…" % values`: types are taken to fit.
            Expr::BinOp(it) if it.op == Operator::Mod && it.left.is_string_literal_expr() => {
                shown(&it.right).and(of(&it.right))
            }
            Expr::BinOp(it) => {
                let by_operator = match it.op {
                    Operator::Add
                    | Operator::Sub
                    | Operator::Mult
                    | Operator::BitAnd
                    | Operator::BitOr
                    | Operator::BitXor => Errors::NONE,
                    Operator::Div | Operator::FloorDiv | Operator::Mod => match &*it.right {
                        Expr::NumberLiteral(literal)
                            if literal
                                .value
                                .as_int()
                                .is_some_and(|it| it.as_u64() != Some(0))
                                || literal.value.as_float().is_some_and(|it| *it != 0.0) =>
                        {
                            Errors::NONE
                        }
                        _ => Errors::named(&["<builtin>.ZeroDivisionError"]),
                    },
                    _ => return Errors::Any,
                };
                operated(&[&it.left, &it.right], CALCULATED).and(by_operator)
            }
            Expr::If(it) => self
                .of_test(view, &it.test)
                .and(of(&it.body))
                .and(of(&it.orelse)),
            Expr::Named(it) => of(&it.value),
            Expr::Slice(it) => {
                let parts = [&it.lower, &it.upper, &it.step];
                parts.into_iter().flatten().map(|it| of(it)).collect()
            }
            Expr::Subscript(it) => {
                let key = self.of_implied(view, &it.slice, HASHED);
                let errors = of(&it.value).and(of(&it.slice)).and(key);
                let missing = match &*it.slice {
                    Expr::Slice(_) => Errors::NONE,
                    _ => Errors::named(&["<builtin>.IndexError", "<builtin>.KeyError"]),
                };
                when(self.is_known_builtin(view, &it.value), errors.and(missing))
            }
            Expr::Await(it) => match &*it.value {
                Expr::Call(call) => self.of_call(view, call, true),
                other => self.of_awaiting(view, other),
            },
            Expr::Call(call) => self.of_call(view, call, false),
            _ => Errors::Any,
        }
    }

    /// What asking whether it is true raises.
    pub(super) fn of_test(&self, view: &View<'_>, expr: &Expr) -> Errors {
        self.of_expr(view, expr)
            .and(self.of_implied(view, expr, TRUE))
    }

    fn of_comprehension<const N: usize>(
        &self,
        view: &View<'_>,
        elements: [&Expr; N],
        parts: &[Comprehension],
    ) -> Errors {
        let of = |expr: &Expr| self.of_expr(view, expr);
        if parts
            .iter()
            .any(|part| part.is_async || !self.is_builtin(view, &part.iter))
        {
            return Errors::Any;
        }
        let elements: Errors = elements.into_iter().map(of).collect();
        let parts = parts.iter().map(|part| {
            of(&part.iter).and(part.ifs.iter().map(|it| self.of_test(view, it)).collect())
        });
        elements.and(parts.collect())
    }

    /// What the arguments of a call raise before it. A function that it is handed runs in it at the earliest.
    pub(super) fn of_arguments(&self, view: &View<'_>, call: &ExprCall) -> Errors {
        let given = call.arguments.args.iter();
        let named = call.arguments.keywords.iter().map(|it| &it.value);
        given
            .chain(named)
            .map(|it| self.of_expr(view, it))
            .collect()
    }

    /// What a call raises, and waiting for what it gives, where that is awaited. A coroutine that is not awaited here raises
    /// nothing yet.
    fn of_call(&self, view: &View<'_>, call: &ExprCall, is_awaited: bool) -> Errors {
        let api = self.cx.api_of(view, &call.func);
        if let Some(api) = api
            && let Some(errors) = self.of_waiting(view, call, api, is_awaited)
        {
            return errors;
        }
        let given = self.of_arguments(view, call);
        if given == Errors::Any {
            return given;
        }
        if let Some(errors) = self.of_builtin_function(view, call) {
            return given.and(errors);
        }
        if api.is_some_and(|api| self.puts_without_end(view, call, api)) {
            return given;
        }
        if let Some(raised) = api.and_then(apis::raised_by) {
            let settled = raised == ["asyncio.InvalidStateError"] && is_asked_before(view, call)
                || match api {
                    Some("contextvars.ContextVar.get") => self.has_default(view, call),
                    Some("asyncio.Queue.task_done") => self.follow_gets(),
                    Some("json.dumps") => {
                        let mut given = call.arguments.args.iter();
                        call.arguments.find_keyword("default").is_none()
                            && !given.any(|it| self.holds_ours(view, it))
                    }
                    Some("random.randint") => is_range(&call.arguments.args),
                    Some("random.choice") => is_filled(&call.arguments.args),
                    _ => false,
                };
            return given.and(if settled {
                Errors::NONE
            } else {
                Errors::named(raised)
            });
        }
        if api.and_then(apis::class).is_some() {
            return given;
        }
        if let Some(errors) = self.of_builtin_method(view, call) {
            return given.and(errors);
        }
        let callee = self.of_expr_of_callee(view, &call.func);
        let functions = self.cx.program.values_at(view.place(&*call.func));
        // A coroutine begins when it is awaited.
        let begins = |value: &Value| {
            let func = value.function();
            is_awaited || func.is_none_or(|func| !self.cx.program.function(func).is_async)
        };
        let mut functions = functions.peekable();
        if functions.peek().is_none() {
            return Errors::Any;
        }
        let called = functions.filter(begins).map(|it| self.of_callable(it));
        let waited = if is_awaited {
            self.of_awaitables(self.cx.program.values_at(view.place(call)), 3)
        } else {
            Errors::NONE
        };
        given.and(callee).and(called.collect()).and(waited)
    }

    /// What the expression raises that gives what is called: the object of a method.
    fn of_expr_of_callee(&self, view: &View<'_>, callee: &Expr) -> Errors {
        match callee {
            Expr::Attribute(it) => self.of_expr(view, &it.value),
            other => self.of_expr(view, other),
        }
    }

    /// The calls that wait for what they are given, start it, or call it.
    fn of_waiting(
        &self,
        view: &View<'_>,
        call: &ExprCall,
        api: &str,
        is_awaited: bool,
    ) -> Option<Errors> {
        let args = &call.arguments.args;
        let all = || {
            args.iter()
                .map(|it| self.of_awaiting(view, it))
                .collect::<Errors>()
        };
        let given = || self.of_arguments(view, call);
        Some(match api {
            "asyncio.gather" if is_awaited && call.arguments.keywords.is_empty() => {
                given().and(all())
            }
            "asyncio.wait_for" if is_awaited => given()
                .and(self.of_awaiting(view, args.first()?))
                .and(self.timeout()),
            "asyncio.shield" if is_awaited => given().and(all()),
            "asyncio.create_task"
            | "asyncio.ensure_future"
            | "asyncio.AbstractEventLoop.create_task" => {
                let waited = is_awaited.then(all);
                given().and(waited.unwrap_or(Errors::NONE))
            }
            "asyncio.Condition.wait_for" | "asyncio.to_thread" if is_awaited => {
                given().and(self.of_calling(view, args.first()?))
            }
            _ => return None,
        })
    }

    /// Whether a context variable has a value wherever it is read: every one that it may be was made with a default.
    fn has_default(&self, view: &View<'_>, get: &ExprCall) -> bool {
        let Expr::Attribute(method) = &*get.func else {
            return false;
        };
        let made_with_default = |value: Value| {
            let Value::Object(_, site) = value else {
                return false;
            };
            let made = site_place(self.cx.program, site).and_then(|place| {
                let view = self.cx.view(place.file)?;
                view.tree.expr_at(place.range)?.as_call_expr()
            });
            made.is_some_and(|call| call.arguments.find_keyword("default").is_some())
        };
        let mut values = (self.cx.program)
            .values_at(view.place(&*method.value))
            .peekable();
        !get.arguments.is_empty() || values.peek().is_some() && values.all(made_with_default)
    }

    /// What awaiting the value of an expression raises, or the elements of its value.
    pub(super) fn of_awaiting(&self, view: &View<'_>, expr: &Expr) -> Errors {
        let all = |list: &[Expr]| list.iter().map(|it| self.of_awaiting(view, it)).collect();
        match expr {
            Expr::Starred(it) => self.of_awaiting(view, &it.value),
            Expr::ListComp(it) => self.of_awaiting(view, &it.elt),
            Expr::SetComp(it) => self.of_awaiting(view, &it.elt),
            Expr::Generator(it) => self.of_awaiting(view, &it.elt),
            Expr::List(it) => all(&it.elts),
            Expr::Tuple(it) => all(&it.elts),
            Expr::BinOp(it) => self
                .of_awaiting(view, &it.left)
                .and(self.of_awaiting(view, &it.right)),
            Expr::Call(call) => match self.cx.api_of(view, &call.func) {
                Some("asyncio.gather") => all(&call.arguments.args),
                Some(api) => match apis::raised_by(api) {
                    Some(raised) => Errors::named(raised),
                    None => self
                        .of_waiting(view, call, api, true)
                        .unwrap_or(Errors::Any),
                },
                None if is_builtin_call(view, call, "map") => {
                    let Some(function) = call.arguments.args.first() else {
                        return Errors::Any;
                    };
                    self.of_callables(self.cx.program.values_at(view.place(function)))
                }
                None => self.of_awaitables(self.cx.program.values_at(view.place(call)), 3),
            },
            other => self.of_awaitables(self.cx.program.values_at(view.place(other)), 3),
        }
    }

    /// What calling the value of an expression raises.
    pub(super) fn of_calling(&self, view: &View<'_>, callee: &Expr) -> Errors {
        match (callee, self.cx.api_of(view, callee)) {
            (Expr::Lambda(it), _) => self.of_expr(view, &it.body),
            (_, Some(api)) if api.starts_with("asyncio.") && api.ends_with(".cancel") => {
                Errors::NONE
            }
            (_, Some(api)) if apis::raised_by(api).is_some() => {
                apis::raised_by(api).map_or(Errors::Any, Errors::named)
            }
            (_, Some(api)) if api.starts_with("<builtin>.") => {
                let name = api.trim_start_matches("<builtin>.");
                let quiet = QUIET_BUILTINS.contains(&name) || self.is_quiet_method(view, callee);
                if quiet { Errors::NONE } else { Errors::Any }
            }
            _ if self.is_quiet_method(view, callee) => Errors::NONE,
            _ => self.of_callables(self.cx.program.values_at(view.place(callee))),
        }
    }

    /// Whether the attributes of what the expression gives are plain ones: it is an instance of ours, or a module.
    fn is_field(&self, view: &View<'_>, object: &Expr) -> bool {
        let mut values = self.cx.program.values_at(view.place(object)).peekable();
        values.peek().is_some()
            && values.all(|value| {
                matches!(
                    value,
                    Value::Instance(_) | Value::Module(_) | Value::Class(_)
                ) || matches!(value, Value::Object(..)) && self.is_plain(value, object)
            })
    }

    pub(super) fn is_lock(&self, view: &View<'_>, expr: &Expr) -> bool {
        let mut values = self.cx.program.values_at(view.place(expr)).peekable();
        let known = values.peek().is_some();
        let locks = values.all(|value| {
            matches!(value, Value::Object(ty, _) if matches!(
                self.cx.program.flow.text(ty),
                "asyncio.Lock" | "asyncio.Semaphore" | "asyncio.BoundedSemaphore" | "asyncio.Condition"
            ))
        });
        locks && known && matches!(expr, Expr::Name(_) | Expr::Attribute(_))
    }
}

/// Whether an `if` around the call asks the future first whether it is done.
fn is_asked_before(view: &View<'_>, call: &ExprCall) -> bool {
    let Expr::Attribute(method) = &*call.func else {
        return false;
    };
    let future = view.text(method.value.range());
    let asks = |test: &Expr| {
        ["done()", "cancelled()"].iter().any(|asked| {
            view.text(test.range())
                .contains(&format!("{future}.{asked}"))
        })
    };
    // Who waits in between lets others settle it.
    let waits = |body: &[Stmt]| {
        let before = own(body).into_iter();
        before
            .filter(|node| node.end() <= call.start())
            .any(is_switch)
    };
    view.tree
        .ancestors(call)
        .take_while(|node| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
        .any(|node| matches!(node, AnyNodeRef::StmtIf(it) if asks(&it.test) && !waits(&it.body)))
}

/// Whether the bounds of a range are two numbers, the lower one first.
fn is_range(args: &[Expr]) -> bool {
    matches!(args, [low, high] if number(low).zip(number(high)).is_some_and(|(low, high)| low <= high))
}

/// Whether what is chosen from is written out, and holds something.
fn is_filled(args: &[Expr]) -> bool {
    match args {
        [Expr::List(it)] => it.elts.iter().any(|it| !it.is_starred_expr()),
        [Expr::Tuple(it)] => it.elts.iter().any(|it| !it.is_starred_expr()),
        [Expr::StringLiteral(it)] => !it.value.is_empty(),
        _ => false,
    }
}
