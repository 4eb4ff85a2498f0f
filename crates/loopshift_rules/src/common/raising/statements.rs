//! What statements raise.

use loopshift_python::ast::{
    ExceptHandler, Expr, Operator, Stmt, StmtRaise, StmtTry, StmtWith, WithItem,
};

use super::errors::Errors;
use super::implied::{CALCULATED, HASHED};
use super::{Raising, apis, is_mapping};
use crate::common::cancellation::is_cancelled_error;
use crate::context::View;

impl Raising<'_, '_> {
    pub(super) fn of_body(&self, view: &View<'_>, body: &[Stmt]) -> Errors {
        body.iter().map(|stmt| self.of_stmt(view, stmt)).collect()
    }

    fn of_stmt(&self, view: &View<'_>, stmt: &Stmt) -> Errors {
        let of = |expr: &Expr| self.of_expr(view, expr);
        let of_one = |expr: Option<&Expr>| expr.map_or(Errors::NONE, of);
        let test = |expr: Option<&Expr>| expr.map_or(Errors::NONE, |it| self.of_test(view, it));
        match stmt {
            Stmt::Expr(it) => of(&it.value),
            Stmt::Assign(it) => {
                let targets = it.targets.iter().map(|target| {
                    self.of_target(view, target)
                        .and(self.of_unpacking(view, target, &it.value))
                });
                targets.collect::<Errors>().and(of(&it.value))
            }
            Stmt::AnnAssign(it) => self
                .of_target(view, &it.target)
                .and(of_one(it.value.as_deref())),
            Stmt::AugAssign(it) => {
                let plain = is_quiet_operator(it.op) && self.is_builtin(view, &it.target);
                let added = self
                    .of_implied(view, &it.value, CALCULATED)
                    .and(of(&it.value));
                match &*it.target {
                    _ if !plain => Errors::Any,
                    Expr::Subscript(_) => of(&it.target).and(added),
                    target => self.of_target(view, target).and(added),
                }
            }
            Stmt::Return(it) => of_one(it.value.as_deref()),
            Stmt::FunctionDef(it) if it.decorator_list.is_empty() => {
                let parameters = it.parameters.iter_non_variadic_params();
                parameters.map(|it| of_one(it.default())).collect()
            }
            Stmt::Pass(_)
            | Stmt::Break(_)
            | Stmt::Continue(_)
            | Stmt::Global(_)
            | Stmt::Nonlocal(_) => Errors::NONE,
            Stmt::If(it) => {
                let clauses = it.elif_else_clauses.iter();
                let clauses =
                    clauses.map(|it| test(it.test.as_ref()).and(self.of_body(view, &it.body)));
                test(Some(&it.test))
                    .and(self.of_body(view, &it.body))
                    .and(clauses.collect())
            }
            Stmt::While(it) => test(Some(&it.test))
                .and(self.of_body(view, &it.body))
                .and(self.of_body(view, &it.orelse)),
            Stmt::For(it) if !it.is_async && self.is_builtin(view, &it.iter) => self
                .of_target(view, &it.target)
                .and(self.of_unpacking_each(view, &it.target, &it.iter))
                .and(of(&it.iter))
                .and(self.of_body(view, &it.body))
                .and(self.of_body(view, &it.orelse)),
            Stmt::With(it) => self.of_with(view, it),
            Stmt::Try(it) => self.of_try(view, it),
            Stmt::Raise(it) => self.of_raise(view, it),
            _ => Errors::Any,
        }
    }

    /// What binding a target raises, unpacking apart.
    fn of_target(&self, view: &View<'_>, target: &Expr) -> Errors {
        match target {
            Expr::Name(_) => Errors::NONE,
            Expr::Attribute(it) if matches!(&*it.value, Expr::Name(_)) => {
                self.of_setting(view, &it.value, &it.attr)
            }
            Expr::Tuple(it) => it.elts.iter().map(|it| self.of_target(view, it)).collect(),
            Expr::Subscript(it) if is_mapping(self.cx, view, &it.value) => self
                .of_expr(view, &it.value)
                .and(self.of_expr(view, &it.slice))
                .and(self.of_implied(view, &it.slice, HASHED)),
            _ => Errors::Any,
        }
    }

    fn of_raise(&self, view: &View<'_>, stmt: &StmtRaise) -> Errors {
        let (class, call) = match stmt.exc.as_deref() {
            Some(Expr::Call(call)) => (&*call.func, Some(call)),
            Some(class) => (class, None),
            None => return Errors::Any,
        };
        let Some(name) = self.class_of(view, class) else {
            return Errors::Any;
        };
        let given = call.map_or(Errors::NONE, |call| self.of_arguments(view, call));
        let cause = stmt.cause.as_deref();
        let cause = cause.map_or(Errors::NONE, |cause| self.of_expr(view, cause));
        given.and(cause).and(Errors::named(&[name]))
    }

    /// The class of errors that an expression names.
    pub(super) fn class_of(&self, view: &View<'_>, class: &Expr) -> Option<&'static str> {
        apis::class(self.canonical(self.cx.api_of(view, class)?))
    }

    /// From Python 3.11 on there is one class for time that is over.
    fn canonical<'n>(&self, api: &'n str) -> &'n str {
        match api {
            "asyncio.TimeoutError" if self.cx.settings.python_has(3, 11) => {
                "<builtin>.TimeoutError"
            }
            _ => api,
        }
    }

    /// What is raised where time is over.
    pub(super) fn timeout(&self) -> Errors {
        let name = apis::class(self.canonical("asyncio.TimeoutError"));
        name.map_or(Errors::Any, |name| Errors::named(&[name]))
    }

    /// What handlers for the classes let through.
    fn except(&self, view: &View<'_>, errors: Errors, classes: &[Expr]) -> Errors {
        let mut left = errors;
        for class in classes {
            if let Some(api) = self.cx.api_of(view, class) {
                left = left.except(self.canonical(api));
            }
        }
        left
    }

    fn of_try(&self, view: &View<'_>, stmt: &StmtTry) -> Errors {
        if stmt.is_star {
            return Errors::Any;
        }
        let mut left = self.of_body(view, &stmt.body);
        let mut out = Errors::NONE;
        for ExceptHandler::ExceptHandler(handler) in &stmt.handlers {
            left = match handler.type_.as_deref() {
                None => Errors::NONE,
                Some(Expr::Tuple(classes)) => self.except(view, left, &classes.elts),
                Some(class) => self.except(view, left, std::slice::from_ref(class)),
            };
            // A bare `raise` in a handler of a cancellation raises no error.
            let cancellation = handler
                .type_
                .as_deref()
                .is_some_and(|class| is_cancelled_error(self.cx, view, class));
            let own = handler.body.iter().filter(
                |stmt| !matches!(stmt, Stmt::Raise(raise) if cancellation && raise.exc.is_none()),
            );
            out = out.and(own.map(|stmt| self.of_stmt(view, stmt)).collect());
        }
        out.and(left)
            .and(self.of_body(view, &stmt.orelse))
            .and(self.of_body(view, &stmt.finalbody))
    }

    fn of_with(&self, view: &View<'_>, stmt: &StmtWith) -> Errors {
        let inside = self.of_body(view, &stmt.body);
        let items = stmt.items.iter().rev();
        items.fold(inside, |inside, item| self.of_item(view, item, inside))
    }

    /// What is raised in a block, and by entering and leaving it.
    fn of_item(&self, view: &View<'_>, item: &WithItem, inside: Errors) -> Errors {
        let manager = &item.context_expr;
        if self.is_lock(view, manager) {
            return inside;
        }
        let Expr::Call(call) = manager else {
            return Errors::Any;
        };
        let given = self.of_arguments(view, call);
        match self.cx.api_of(view, &call.func) {
            Some("contextlib.suppress") => {
                given.and(self.except(view, inside, &call.arguments.args))
            }
            Some(
                "asyncio.timeout" | "asyncio.timeout_at" | "anyio.fail_after" | "anyio.fail_at",
            ) => given.and(inside).and(self.timeout()),
            Some("anyio.move_on_after" | "anyio.move_on_at" | "anyio.CancelScope") => {
                given.and(inside)
            }
            _ => Errors::Any,
        }
    }
}

fn is_quiet_operator(operator: Operator) -> bool {
    matches!(operator, Operator::Add | Operator::Sub | Operator::Mult)
}
