//! What code can raise, and whether somebody would catch it: conservative answers.
//!
//! That a name is bound and that types fit is taken for granted. Errors that have a name are followed to the handlers
//! for them; code we can't see counts as raising anything.

mod apis;
mod builtins;
mod caught;
mod errors;
mod expressions;
mod implied;
mod queues;
mod statements;
mod tests;
mod unpacking;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::{Expr, ExprCall, Stmt};

pub(crate) use self::builtins::is_mapping;
pub(crate) use self::caught::{
    Passed, caught_around, is_still, is_told, may_be_caught, passed, passed_around,
    passed_or_failing,
};
use self::errors::Errors;
pub(crate) use self::tests::ends_case;
use crate::common::code::definition;
use crate::context::{Context, View};

/// Answers about the functions of a program, remembered.
pub(crate) struct Raising<'r, 'c> {
    cx: &'r Context<'c>,
    known: RefCell<BTreeMap<FuncId, Errors>>,
    /// Whether each `task_done` follows a `get` of its own.
    counted: OnceCell<bool>,
}

impl<'r, 'c> Raising<'r, 'c> {
    /// Nothing is known at first.
    pub(crate) fn new(cx: &'r Context<'c>) -> Self {
        Raising {
            cx,
            known: RefCell::default(),
            counted: OnceCell::new(),
        }
    }

    /// Whether calling the function, and awaiting what it gives, may raise.
    pub(crate) fn function(&self, func: FuncId) -> bool {
        !self.of_function(func).is_none()
    }

    /// Whether awaiting the value of an expression, or the elements of its value, may raise.
    pub(crate) fn awaiting(&self, view: &View<'_>, expr: &Expr) -> bool {
        !self.of_awaiting(view, expr).is_none()
    }

    /// Whether a statement may raise.
    pub(crate) fn statement(&self, view: &View<'_>, stmt: &Stmt) -> bool {
        !self.of_body(view, std::slice::from_ref(stmt)).is_none()
    }

    /// Whether a statement may raise errors of which all are known by name.
    pub(crate) fn is_known_to_raise(&self, view: &View<'_>, stmt: &Stmt) -> bool {
        let errors = self.of_body(view, std::slice::from_ref(stmt));
        errors != Errors::Any && !errors.is_none()
    }

    /// Whether calling the value of an expression may raise.
    pub(crate) fn calling(&self, view: &View<'_>, callee: &Expr) -> bool {
        !self.of_calling(view, callee).is_none()
    }

    fn of_function(&self, func: FuncId) -> Errors {
        if let Some(known) = self.known.borrow().get(&func) {
            return known.clone();
        }
        // A recursion may go too deep.
        self.known.borrow_mut().insert(func, Errors::Any);
        let errors = match definition(self.cx, func) {
            Some((view, def))
                if def.decorator_list.is_empty()
                    && !self.cx.program.function(func).is_generator =>
            {
                self.of_body(view, &def.body)
            }
            _ => Errors::Any,
        };
        self.known.borrow_mut().insert(func, errors.clone());
        errors
    }

    /// What calling one of the values raises; anything where none is known.
    fn of_callables(&self, values: impl Iterator<Item = Value>) -> Errors {
        let mut values = values.peekable();
        if values.peek().is_none() {
            return Errors::Any;
        }
        values.map(|value| self.of_callable(value)).collect()
    }

    fn of_callable(&self, value: Value) -> Errors {
        let flow = &self.cx.program.flow;
        match value {
            Value::Func(func) | Value::Bound(func, _) | Value::Static(func) => {
                self.of_function(func)
            }
            // What a base outside of the program does at this is not known.
            Value::Class(class) if flow.is_all_ours(class) => {
                let made = flow.constructors(class).into_iter();
                made.map(|func| self.of_function(func))
                    .collect::<Errors>()
                    .and(self.of_methods(class, &["__post_init__"]))
            }
            _ => Errors::Any,
        }
    }

    /// What awaiting the values raises, or the elements of containers among them; anything where none is known.
    fn of_awaitables(&self, values: impl Iterator<Item = Value>, depth: u8) -> Errors {
        let flow = &self.cx.program.flow;
        let mut values = values.peekable();
        if values.peek().is_none() {
            return Errors::Any;
        }
        values
            .map(|value| match value {
                Value::Coroutine(func) => self.of_function(func),
                Value::Container(id) if depth > 0 => {
                    let container = &flow.linked.containers[id.0 as usize];
                    let nodes = container.contents();
                    nodes
                        .filter(|node| flow.values_of(*node).next().is_some())
                        .map(|node| self.of_awaitables(flow.values_of(node), depth - 1))
                        .collect()
                }
                Value::Iterator(node) if depth > 0 => {
                    self.of_awaitables(flow.values_of(node), depth - 1)
                }
                _ => Errors::Any,
            })
            .collect()
    }
}

/// Whether the call is one of the builtin function `name`.
pub(crate) fn is_builtin_call(view: &View<'_>, call: &ExprCall, name: &str) -> bool {
    matches!(&*call.func, Expr::Name(callee) if callee.id == name)
        && view
            .scopes
            .resolve(name, view.scopes.at(call.start()))
            .is_none()
}
