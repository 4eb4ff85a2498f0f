//! Whether a number can be negative, as far as the program shows where it comes from.

mod tested;

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_python::Ranged;
use loopshift_python::ast::{self, Expr, Operator};

use crate::common::origins::{Origin, element_at, is_only_read, origins};
use crate::common::shared::number;
use crate::context::{Context, View};
use tested::is_tested;

/// More steps back are not gone.
const LIMIT: usize = 100;

/// Whether the expression is provably at least zero wherever it comes from: literals, sums and products of such, `len(…)`,
/// the counter of a `range`, what a test has found to be more than zero. `max(…)` and `random.random()` count as well.
/// Names, attributes and parameters are followed to what they are given.
pub(crate) fn is_non_negative(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let Some(view) = cx.view(view.file) else {
        return false;
    };
    let expr = view.tree.expr_at(expr.range());
    let mut proof = Proof {
        cx,
        seen: BTreeSet::new(),
    };
    expr.is_some_and(|expr| proof.holds(view, expr))
}

/// Which of the elements of something is asked for.
#[derive(Clone, Copy)]
enum Part {
    /// Each that a loop gives.
    Each,
    /// What stands at a place of each.
    At(usize),
    /// Each that a subscript gives.
    Item,
}

struct Proof<'p, 'c> {
    cx: &'p Context<'c>,
    /// What is being proved: where it depends on itself, what it begins with decides.
    seen: BTreeSet<Place>,
}

impl<'c> Proof<'_, 'c> {
    fn holds(&mut self, view: &'c View<'c>, expr: &'c Expr) -> bool {
        if let Some(value) = number(expr) {
            return value >= 0.0;
        }
        match expr {
            Expr::BinOp(bin) => {
                let left = |it: &mut Self| it.holds(view, &bin.left);
                match bin.op {
                    Operator::Mod => number(&bin.right).is_some_and(|it| it > 0.0),
                    Operator::Pow => left(self),
                    op => is_kept_by(op) && left(self) && self.holds(view, &bin.right),
                }
            }
            Expr::If(it) => self.holds(view, &it.body) && self.holds(view, &it.orelse),
            Expr::BoolOp(it) => it.values.iter().all(|value| self.holds(view, value)),
            Expr::BooleanLiteral(_) | Expr::NoneLiteral(_) => true,
            Expr::Call(call) => self.call(view, call),
            Expr::Subscript(it) => {
                !it.slice.is_slice_expr() && self.elements(view, &it.value, Part::Item)
            }
            Expr::Name(name) => is_tested(view, name) || self.comes_from(view, expr),
            Expr::Attribute(_) => self.comes_from(view, expr),
            _ => false,
        }
    }

    fn call(&mut self, view: &'c View<'c>, call: &'c ast::ExprCall) -> bool {
        let args = &call.arguments.args;
        match self.cx.api_of(view, &call.func) {
            Some("<builtin>.len" | "<builtin>.abs" | "random.random") => true,
            Some("<builtin>.max") => args.iter().any(|arg| self.holds(view, arg)),
            Some("<builtin>.round") => args.first().is_some_and(|arg| self.holds(view, arg)),
            Some("random.choice") => {
                (args.first()).is_some_and(|arg| self.elements(view, arg, Part::Item))
            }
            Some(
                "<builtin>.min" | "<builtin>.float" | "<builtin>.int" | "random.uniform"
                | "random.randint" | "random.randrange" | "random.expovariate",
            ) => !args.is_empty() && args.iter().all(|arg| self.holds(view, arg)),
            _ => false,
        }
    }

    /// Whether all that a name or an attribute is given is so.
    fn comes_from(&mut self, view: &'c View<'c>, expr: &'c Expr) -> bool {
        if !self.seen.insert(view.place(expr)) {
            return true;
        }
        if self.seen.len() > LIMIT {
            return false;
        }
        let found = origins(self.cx, view, expr);
        found.is_some_and(|found| {
            found.into_iter().all(|origin| match origin {
                Origin::Value(view, value) => self.holds(view, value),
                Origin::Changed(op, view, value) => is_kept_by(op) && self.holds(view, value),
                Origin::Element(view, iterable, place) => {
                    self.elements(view, iterable, place.map_or(Part::Each, Part::At))
                }
            })
        })
    }

    /// Whether all elements of an iterable are so, or the part of them that is asked for.
    fn elements(&mut self, view: &'c View<'c>, iterable: &'c Expr, part: Part) -> bool {
        match iterable {
            Expr::Tuple(ast::ExprTuple { elts, .. })
            | Expr::List(ast::ExprList { elts, .. })
            | Expr::Set(ast::ExprSet { elts, .. }) => {
                elts.iter().all(|element| self.part(view, element, part))
            }
            Expr::ListComp(it) => self.part(view, &it.elt, part),
            Expr::SetComp(it) => self.part(view, &it.elt, part),
            Expr::Generator(it) => self.part(view, &it.elt, part),
            Expr::Dict(it) => it.items.iter().all(|item| match (part, &item.key) {
                (Part::Item, Some(_)) => self.holds(view, &item.value),
                (Part::Each, Some(key)) => self.holds(view, key),
                _ => false,
            }),
            Expr::DictComp(it) if matches!(part, Part::Item) => self.holds(view, &it.value),
            Expr::BinOp(it) if it.op == Operator::Mult => self.elements(view, &it.left, part),
            Expr::BinOp(it) if it.op == Operator::Add => {
                self.elements(view, &it.left, part) && self.elements(view, &it.right, part)
            }
            Expr::Subscript(it) if it.slice.is_slice_expr() => self.elements(view, &it.value, part),
            Expr::Call(call) => self.elements_of_call(view, call, part),
            Expr::Name(_) | Expr::Attribute(_) => {
                if !self.seen.insert(view.place(iterable)) {
                    return true;
                }
                if self.seen.len() > LIMIT || !is_only_read(self.cx, view, iterable) {
                    return false;
                }
                let found = origins(self.cx, view, iterable);
                found.is_some_and(|found| {
                    found.into_iter().all(|origin| match origin {
                        Origin::Value(view, value) => self.elements(view, value, part),
                        _ => false,
                    })
                })
            }
            _ => false,
        }
    }

    fn part(&mut self, view: &'c View<'c>, element: &'c Expr, part: Part) -> bool {
        match part {
            Part::Each | Part::Item => self.holds(view, element),
            Part::At(place) => element_at(element, place).is_some_and(|it| self.holds(view, it)),
        }
    }

    fn elements_of_call(
        &mut self,
        view: &'c View<'c>,
        call: &'c ast::ExprCall,
        part: Part,
    ) -> bool {
        let args = &call.arguments.args;
        let Some(first) = args.first() else {
            // `d.values()`, `d.items()`
            return match (&*call.func, part) {
                (Expr::Attribute(it), Part::Each) if it.attr.as_str() == "values" => {
                    self.elements(view, &it.value, Part::Item)
                }
                (Expr::Attribute(it), Part::At(1)) if it.attr.as_str() == "items" => {
                    self.elements(view, &it.value, Part::Item)
                }
                _ => false,
            };
        };
        match (self.cx.api_of(view, &call.func), part) {
            (Some("<builtin>.range"), Part::Each | Part::Item) => {
                let step = args.get(2);
                step.is_none_or(|step| number(step).is_some_and(|it| it > 0.0))
                    && (args.len() == 1 || self.holds(view, first))
            }
            (Some("<builtin>.enumerate"), Part::At(0)) => {
                args.get(1).is_none_or(|start| self.holds(view, start))
                    && call
                        .arguments
                        .keywords
                        .iter()
                        .all(|it| self.holds(view, &it.value))
            }
            (Some("<builtin>.enumerate"), Part::At(1)) => self.elements(view, first, Part::Each),
            (Some("<builtin>.zip"), Part::At(place)) => {
                (args.get(place)).is_some_and(|it| self.elements(view, it, Part::Each))
            }
            (
                Some(
                    "<builtin>.sorted" | "<builtin>.reversed" | "<builtin>.list"
                    | "<builtin>.tuple" | "<builtin>.set",
                ),
                part,
            ) => self.elements(view, first, part),
            _ => false,
        }
    }
}

/// Whether the operator gives no negative number where it is given none.
fn is_kept_by(op: Operator) -> bool {
    matches!(
        op,
        Operator::Add | Operator::Mult | Operator::Div | Operator::FloorDiv | Operator::Pow
    )
}
