//! Which expressions give points in time by the clock of the loop, wherever they come from.

use loopshift_engine::flow::value::Value;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Operator};

use super::clock::{Ask, Clock, Step, place_of, within};
use crate::common::code::{definition, own};
use crate::common::origins::{Origin, element_at, origins};
use crate::context::View;

impl<'c> Clock<'_, 'c> {
    /// Whether an expression gives a time of the clock, and nothing else but `None`.
    pub(super) fn is_point(&mut self, view: &'c View<'c>, expr: &'c Expr) -> bool {
        !expr.is_none_literal_expr() && self.trying(|it| it.holds(view, expr, &[]))
    }

    /// Whether what an expression gives has times at the path, and nothing else but `None`.
    pub(super) fn holds(&mut self, view: &'c View<'c>, expr: &'c Expr, path: &[Step]) -> bool {
        let element = path.split_first();
        match expr {
            Expr::NoneLiteral(_) => true,
            Expr::BinOp(it) if path.is_empty() => match it.op {
                Operator::Add => self.is_point(view, &it.left) != self.is_point(view, &it.right),
                Operator::Sub => self.is_point(view, &it.left) && !self.is_point(view, &it.right),
                _ => false,
            },
            Expr::If(it) => self.holds(view, &it.body, path) && self.holds(view, &it.orelse, path),
            Expr::BoolOp(it) => it.values.iter().all(|it| self.holds(view, it, path)),
            Expr::Named(it) => self.holds(view, &it.value, path),
            Expr::Tuple(it) => match element {
                Some((Step::At(at), rest)) => {
                    element_at(expr, *at).is_some_and(|it| self.holds(view, it, rest))
                }
                Some((Step::Item, rest)) => it.elts.iter().all(|it| self.holds(view, it, rest)),
                None => false,
            },
            Expr::List(it) => element.is_some_and(|(step, rest)| {
                *step == Step::Item && it.elts.iter().all(|it| self.holds(view, it, rest))
            }),
            Expr::Dict(it) => element.is_some_and(|(step, rest)| {
                let mut items = it.items.iter();
                *step == Step::Item
                    && items.all(|it| it.key.is_some() && self.holds(view, &it.value, rest))
            }),
            Expr::ListComp(it) => element.is_some_and(|(_, rest)| self.holds(view, &it.elt, rest)),
            Expr::DictComp(it) => {
                element.is_some_and(|(_, rest)| self.holds(view, &it.value, rest))
            }
            Expr::Subscript(it) if it.slice.is_slice_expr() => self.holds(view, &it.value, path),
            Expr::Subscript(it) => {
                let in_tuple = place_of(&it.slice).map(|at| within(Step::At(at), path));
                in_tuple.is_some_and(|path| self.trying(|this| this.holds(view, &it.value, &path)))
                    || self.holds(view, &it.value, &within(Step::Item, path))
            }
            Expr::Call(call) => self.is_given(view, call, path),
            Expr::Name(_) | Expr::Attribute(_) => self.comes_from(view, expr, path),
            _ => false,
        }
    }

    /// Whether what a call gives has.
    fn is_given(&mut self, view: &'c View<'c>, call: &'c ExprCall, path: &[Step]) -> bool {
        let args = &call.arguments.args;
        let of = |step: Step| within(step, path);
        match (self.cx.api_of(view, &call.func), path.split_first()) {
            (Some("asyncio.AbstractEventLoop.time"), None) => return true,
            (Some("<builtin>.min" | "<builtin>.max"), None) if args.len() > 1 => {
                return args.iter().all(|it| self.is_point(view, it));
            }
            (Some("<builtin>.min" | "<builtin>.max" | "<builtin>.next" | "heapq.heappop"), _) => {
                return matches!(&**args, [only] if self.holds(view, only, &of(Step::Item)));
            }
            (
                Some(
                    "<builtin>.dict"
                    | "<builtin>.list"
                    | "<builtin>.set"
                    | "<builtin>.sorted"
                    | "<builtin>.tuple"
                    | "<builtin>.reversed"
                    | "collections.OrderedDict"
                    | "collections.deque",
                ),
                Some((Step::Item, _)),
            ) => {
                return args.iter().all(|it| self.holds(view, it, path));
            }
            // The elements that it makes by itself are empty.
            (Some("collections.defaultdict"), Some((Step::Item, rest))) => {
                return !rest.is_empty() && args.len() == 1;
            }
            _ => {}
        }
        if let Expr::Attribute(it) = &*call.func {
            let owner = &it.value;
            let default = || args.get(1);
            match (it.attr.as_str(), path) {
                ("get" | "pop" | "setdefault", _) => {
                    return default().is_none_or(|it| self.holds(view, it, path))
                        && self.trying(|it| it.holds(view, owner, &of(Step::Item)));
                }
                ("popleft", _) => return self.holds(view, owner, &of(Step::Item)),
                ("values" | "copy", _) => return self.holds(view, owner, path),
                ("items", [Step::Item, Step::At(1), rest @ ..]) => {
                    return self.holds(view, owner, &within(Step::Item, rest));
                }
                _ => {}
            }
        }
        let functions: Vec<Value> = (self.cx.program)
            .values_at(view.place(&*call.func))
            .collect();
        !functions.is_empty() && functions.into_iter().all(|it| self.returns(it, path))
    }

    /// Whether what a function of ours returns has.
    fn returns(&mut self, function: Value, path: &[Step]) -> bool {
        let (Value::Func(func) | Value::Bound(func, _)) = function else {
            return false;
        };
        let known = self.cx.program.function(func);
        let Some((view, def)) = definition(self.cx, func) else {
            return false;
        };
        if known.is_async || known.is_generator || known.decorated {
            return false;
        }
        if let Some(answer) = self.asks(Ask::Point, view.place(def.name.range()), path) {
            return answer;
        }
        let mut any = false;
        own(&def.body).into_iter().all(|node| match node {
            AnyNodeRef::StmtReturn(it) => it.value.as_deref().is_none_or(|it| {
                any = true;
                self.holds(view, it, path)
            }),
            _ => true,
        }) && any
    }

    /// Whether all that a variable or attribute is given has, and all that is put into that.
    fn comes_from(&mut self, view: &'c View<'c>, expr: &'c Expr, path: &[Step]) -> bool {
        if let Some(answer) = self.asks(Ask::Point, view.place(expr), path) {
            return answer;
        }
        let found = origins(self.cx, view, expr);
        found.is_some_and(|found| {
            found.into_iter().all(|origin| match origin {
                Origin::Value(view, value) => self.holds(view, value, path),
                Origin::Changed(Operator::Add | Operator::Sub, view, value) => {
                    path.is_empty() && !self.is_point(view, value)
                }
                Origin::Changed(..) => false,
                Origin::Element(view, iterable, place) => {
                    let of = place.map_or(path.to_vec(), |at| within(Step::At(at), path));
                    self.holds(view, iterable, &within(Step::Item, &of))
                }
            })
        }) && (path.is_empty() || self.is_read(Ask::Puts, view, expr, path))
    }
}
