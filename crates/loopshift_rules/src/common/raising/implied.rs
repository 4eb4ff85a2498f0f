//! What methods raise that no call names: those of the program's classes that operators, texts, tests for truth, attributes
//! and collections call by themselves.

use std::collections::BTreeSet;

use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId, Node};
use loopshift_python::Ranged;
use loopshift_python::ast::Expr;
use rustc_hash::FxHashSet;

use super::Raising;
use super::errors::Errors;
use crate::common::code::{class_definition, definition};
use crate::context::View;

/// For a text of the object.
pub(super) const SHOWN: &[&str] = &["__format__", "__repr__", "__str__"];

/// For whether it counts as true.
pub(super) const TRUE: &[&str] = &["__bool__", "__len__"];

/// For finding it in a set, or as a key.
pub(super) const HASHED: &[&str] = &["__eq__", "__hash__"];

/// For comparing it, and for what it holds.
pub(super) const COMPARED: &[&str] = &[
    "__contains__",
    "__eq__",
    "__ge__",
    "__gt__",
    "__hash__",
    "__le__",
    "__lt__",
    "__ne__",
];

/// For sorting.
const ORDERED: &[&str] = &["__ge__", "__gt__", "__le__", "__lt__"];

/// For calculating with it.
pub(super) const CALCULATED: &[&str] = &[
    "__add__",
    "__and__",
    "__floordiv__",
    "__iadd__",
    "__iand__",
    "__ifloordiv__",
    "__imod__",
    "__imul__",
    "__invert__",
    "__ior__",
    "__isub__",
    "__itruediv__",
    "__ixor__",
    "__mod__",
    "__mul__",
    "__neg__",
    "__or__",
    "__pos__",
    "__radd__",
    "__rand__",
    "__rfloordiv__",
    "__rmod__",
    "__rmul__",
    "__ror__",
    "__rsub__",
    "__rtruediv__",
    "__rxor__",
    "__sub__",
    "__truediv__",
    "__xor__",
];

/// How deep collections are looked into.
const DEPTH: u8 = 3;

impl Raising<'_, '_> {
    /// What methods with these names raise, of what the expression gives and of what is in it.
    pub(super) fn of_implied(&self, view: &View<'_>, expr: &Expr, names: &[&str]) -> Errors {
        let classes = self.classes_in(view, expr).into_iter();
        classes.map(|class| self.of_methods(class, names)).collect()
    }

    /// What putting what is in a collection into order raises, or telling which of several values is the first.
    pub(super) fn of_ordering(&self, view: &View<'_>, expr: &Expr) -> Errors {
        let order = |class| {
            let orders = self.named(class, ORDERED).next().is_some()
                || !self.cx.program.flow.is_all_ours(class)
                || self.is_made_by(class, "order=True");
            if orders {
                self.of_methods(class, COMPARED)
            } else {
                Errors::named(&["<builtin>.TypeError"])
            }
        };
        self.classes_in(view, expr).into_iter().map(order).collect()
    }

    /// What reading the attribute raises, a property apart.
    pub(super) fn of_reading(&self, view: &View<'_>, object: &Expr, name: &str) -> Errors {
        let mut values = self.cx.program.values_at(view.place(object));
        let is_made = |value: Value| {
            let Value::Instance(class) = value else {
                return false;
            };
            self.named(class, &["__getattr__", "__getattribute__"])
                .next()
                .is_some()
                || self.named(class, &[name]).any(|func| {
                    definition(self.cx, func).is_some_and(|(_, def)| {
                        def.decorator_list.iter().any(|it| {
                            !matches!(&it.expression, Expr::Name(it)
                                if matches!(it.id.as_str(), "classmethod" | "property" | "staticmethod"))
                        })
                    })
                })
        };
        if values.any(is_made) {
            Errors::Any
        } else {
            Errors::NONE
        }
    }

    /// What setting the attribute raises.
    pub(super) fn of_setting(&self, view: &View<'_>, object: &Expr, name: &str) -> Errors {
        let mut values = self.cx.program.values_at(view.place(object));
        let refuses = |value: Value| {
            let Value::Instance(class) = value else {
                return false;
            };
            self.named(class, &["__setattr__", name]).next().is_some()
                || self.is_made_by(class, "frozen=True")
        };
        if values.any(refuses) {
            Errors::Any
        } else {
            Errors::NONE
        }
    }

    /// Whether objects of classes of ours are in what the expression gives.
    pub(super) fn holds_ours(&self, view: &View<'_>, expr: &Expr) -> bool {
        !self.classes_in(view, expr).is_empty()
    }

    /// The classes of ours of what the expression gives and of what is in it.
    fn classes_in(&self, view: &View<'_>, expr: &Expr) -> BTreeSet<ClassId> {
        let flow = &self.cx.program.flow;
        let expr = expr.as_starred_expr().map_or(expr, |it| &it.value);
        let mut classes = BTreeSet::new();
        let mut seen: FxHashSet<Node> = FxHashSet::default();
        let mut values: Vec<Value> = self.cx.program.values_at(view.place(expr)).collect();
        for _ in 0..=DEPTH {
            let mut inside: Vec<Node> = Vec::new();
            for value in values {
                match value {
                    Value::Instance(class) => {
                        classes.insert(class);
                    }
                    Value::Container(id) => {
                        let container = &flow.linked.containers[id.0 as usize];
                        inside.extend(container.contents().chain([container.keys]));
                    }
                    Value::Iterator(node) => inside.push(node),
                    _ => {}
                }
            }
            inside.retain(|node| seen.insert(*node));
            values = inside
                .into_iter()
                .flat_map(|it| flow.values_of(it))
                .collect();
        }
        classes
    }

    pub(super) fn of_methods(&self, class: ClassId, names: &[&str]) -> Errors {
        self.named(class, names)
            .map(|func| self.of_function(func))
            .collect()
    }

    /// The methods with these names of a class and of those of ours above it.
    fn named<'s>(
        &'s self,
        class: ClassId,
        names: &'s [&'s str],
    ) -> impl Iterator<Item = FuncId> + 's {
        let program = self.cx.program;
        let line = program.flow.mro[class.0 as usize].iter();
        let ours = line.filter_map(|entry| match entry {
            MroEntry::Class(class) => Some(*class),
            MroEntry::External(_) => None,
        });
        ours.flat_map(|class| program.methods(class))
            .copied()
            .filter(|func| names.contains(&program.function(*func).name()))
    }

    /// Whether a decorator of the class is told this: `@dataclass(frozen=True)`.
    fn is_made_by(&self, class: ClassId, told: &str) -> bool {
        class_definition(self.cx, class).is_some_and(|(view, def)| {
            let mut decorators = def.decorator_list.iter();
            decorators.any(|it| view.text(it.expression.range()).contains(told))
        })
    }
}
