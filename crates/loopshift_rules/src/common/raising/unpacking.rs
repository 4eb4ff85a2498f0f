//! What unpacking raises: an error where there are fewer or more values than names.

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::ContainerKind;
use loopshift_python::ast::Expr;

use super::errors::Errors;
use super::{Raising, is_builtin_call};
use crate::context::View;

impl Raising<'_, '_> {
    /// What giving the parts of a value to the names of a target raises.
    pub(super) fn of_unpacking(&self, view: &View<'_>, target: &Expr, value: &Expr) -> Errors {
        let Some(names) = names(target) else {
            return Errors::NONE;
        };
        let written = match value {
            Expr::Tuple(it) => Some(&it.elts[..]),
            Expr::List(it) => Some(&it.elts[..]),
            Expr::Await(it) => match &*it.value {
                // A result for each.
                Expr::Call(call) if self.cx.api_of(view, &call.func) == Some("asyncio.gather") => {
                    return fit(names, &call.arguments.args);
                }
                _ => None,
            },
            _ => None,
        };
        if let Some(parts) = written {
            let inner = names.iter().zip(parts);
            let inner = inner.map(|(name, part)| self.of_unpacking(view, name, part));
            return fit(names, parts).and(inner.collect());
        }
        self.of_values(names, self.cx.program.values_at(view.place(value)))
    }

    /// The same for each of the values of what a loop goes through.
    pub(super) fn of_unpacking_each(&self, view: &View<'_>, target: &Expr, all: &Expr) -> Errors {
        let Some(names) = names(target) else {
            return Errors::NONE;
        };
        if let Expr::Call(call) = all {
            let args = &call.arguments.args;
            let is = |name| is_builtin_call(view, call, name);
            match (&names, &**args) {
                ([_, value], [each]) if is("enumerate") => {
                    return self.of_unpacking_each(view, value, each);
                }
                (names, each) if is("zip") => {
                    let inner = names.iter().zip(each);
                    let inner = inner.map(|(name, each)| self.of_unpacking_each(view, name, each));
                    return fit(names, each).and(inner.collect());
                }
                ([_, value], []) if !value.is_tuple_expr() => {
                    if let Expr::Attribute(it) = &*call.func
                        && it.attr.as_str() == "items"
                        && self.is_known_builtin(view, &it.value)
                    {
                        return Errors::NONE;
                    }
                }
                _ => {}
            }
        }
        let flow = &self.cx.program.flow;
        let mut values = self.cx.program.values_at(view.place(all)).peekable();
        if values.peek().is_none() {
            return uneven();
        }
        let each = values.map(|value| match value {
            Value::Container(id) => {
                let container = &flow.linked.containers[id.0 as usize];
                let nodes = container
                    .contents()
                    .filter(|it| flow.values_of(*it).next().is_some());
                nodes
                    .map(|node| self.of_values(names, flow.values_of(node)))
                    .collect()
            }
            Value::Iterator(node) => self.of_values(names, flow.values_of(node)),
            _ => uneven(),
        });
        each.collect()
    }

    fn of_values(&self, names: &[Expr], values: impl Iterator<Item = Value>) -> Errors {
        let flow = &self.cx.program.flow;
        let mut values = values.peekable();
        let fits = |value: Value| {
            let Value::Container(id) = value else {
                return false;
            };
            let container = &flow.linked.containers[id.0 as usize];
            container.kind == ContainerKind::Tuple
                && container.items.len() == names.len()
                && flow.values_of(container.elements).next().is_none()
                && names.iter().all(|it| !it.is_starred_expr())
        };
        if values.peek().is_some() && values.all(fits) {
            Errors::NONE
        } else {
            uneven()
        }
    }
}

/// The targets that a value is unpacked into.
fn names(target: &Expr) -> Option<&[Expr]> {
    match target {
        Expr::Tuple(it) => Some(&it.elts),
        Expr::List(it) => Some(&it.elts),
        _ => None,
    }
}

fn fit(names: &[Expr], parts: &[Expr]) -> Errors {
    let mut all = names.iter().chain(parts);
    if names.len() == parts.len() && !all.any(Expr::is_starred_expr) {
        Errors::NONE
    } else {
        uneven()
    }
}

fn uneven() -> Errors {
    Errors::named(&["<builtin>.ValueError"])
}
