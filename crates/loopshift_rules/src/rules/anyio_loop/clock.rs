//! Where times of the loop's clock go: through variables, attributes, parameters, tuples and containers. `AnyIO`'s clock may
//! start anywhere, so they must only meet each other.

use std::collections::BTreeSet;

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{
    AnyNodeRef, CmpOp, Expr, ExprAttribute, ExprBinOp, ExprCompare, ExprSubscript, Number,
    Operator, UnaryOp,
};
use loopshift_python::{Ranged, TextRange};
use memchr::memmem;

use super::is_other_clock;
use crate::common::origins::{Origin, origins};
use crate::common::raising::is_mapping;
use crate::common::shared::number;
use crate::context::{Context, View};

/// More questions are not asked of one time.
const LIMIT: usize = 2000;

/// What makes a container of the elements of another one.
pub(super) const COPIES: &[&str] = &[
    "<builtin>.dict",
    "<builtin>.iter",
    "<builtin>.list",
    "<builtin>.reversed",
    "<builtin>.set",
    "<builtin>.sorted",
    "<builtin>.tuple",
    "collections.OrderedDict",
    "collections.deque",
];

/// How a time stands in something: it is an element, or it stands at a place of a tuple.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Item,
    At(usize),
}

/// The path with another step before it.
pub(super) fn within(step: Step, path: &[Step]) -> Vec<Step> {
    [&[step], path].concat()
}

/// What is asked of the places that something goes to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ask {
    /// Whether the time in it only meets others.
    Meets,
    /// Whether all that is put into it there are times.
    Puts,
    /// Whether all who can get at it are known.
    Known,
    /// Whether it is a time itself.
    Point,
}

/// Questions about one time, with what has been asked: where an answer depends on itself, the others decide.
pub(super) struct Clock<'p, 'c> {
    pub(super) cx: &'p Context<'c>,
    asked: BTreeSet<(Ask, Place, Vec<Step>)>,
    /// How many questions there were, also those that led nowhere.
    count: usize,
}

/// Whether a time of the loop's clock, at this range, only meets other times of it.
pub(super) fn only_meets_times(cx: &Context<'_>, view: &View<'_>, range: TextRange) -> bool {
    let mut clock = Clock {
        cx,
        asked: BTreeSet::new(),
        count: 0,
    };
    (cx.view(view.file)).is_some_and(|view| clock.goes(Ask::Meets, view, range, &[]))
}

impl<'c> Clock<'_, 'c> {
    /// Whether the question is new, and there are not too many.
    pub(super) fn asks(&mut self, ask: Ask, place: Place, path: &[Step]) -> Option<bool> {
        self.count += 1;
        if self.count > LIMIT {
            return Some(false);
        }
        let is_new = self.asked.insert((ask, place, path.to_vec()));
        (!is_new).then_some(true)
    }

    /// Answers a question with what follows from it. Nothing does where the answer is no.
    pub(super) fn trying(&mut self, question: impl FnOnce(&mut Self) -> bool) -> bool {
        let before = self.asked.clone();
        let holds = question(self);
        if !holds {
            self.asked = before;
        }
        holds
    }

    /// Whether all is well that is done with what an expression gives, which has a time at the path.
    pub(super) fn goes(
        &mut self,
        ask: Ask,
        view: &'c View<'c>,
        range: TextRange,
        path: &[Step],
    ) -> bool {
        if ask == Ask::Puts && path.is_empty() {
            return true;
        }
        if let Some(known) = self.asks(ask, view.place(range), path) {
            return known;
        }
        let Some(expr) = view.tree.expr_at(range) else {
            return false;
        };
        if is_test(view, expr) {
            return true;
        }
        let element = path.split_first().filter(|(step, _)| **step == Step::Item);
        let parent = view.tree.parent(expr);
        match parent {
            Some(AnyNodeRef::ExprBinOp(it)) => self.calculated(ask, view, it, range, path),
            Some(AnyNodeRef::ExprCompare(it)) => self.is_compared(view, it, range, path),
            Some(AnyNodeRef::ExprNamed(it)) => {
                self.bound(ask, view, &it.target, path) && self.goes(ask, view, it.range(), path)
            }
            Some(AnyNodeRef::ExprIf(it)) => self.goes(ask, view, it.range(), path),
            Some(AnyNodeRef::ExprBoolOp(it)) => self.goes(ask, view, it.range(), path),
            Some(AnyNodeRef::StmtAssign(it)) => {
                (it.targets.iter()).all(|target| self.bound(ask, view, target, path))
            }
            Some(AnyNodeRef::StmtAnnAssign(it)) => self.bound(ask, view, &it.target, path),
            Some(AnyNodeRef::StmtAugAssign(it)) => {
                let adds = matches!(it.op, Operator::Add | Operator::Sub);
                adds && self.bound(ask, view, &it.target, path)
            }
            Some(AnyNodeRef::ExprSubscript(it)) if it.value.range() == range => {
                self.subscripted(ask, view, it, path)
            }
            Some(AnyNodeRef::ExprAttribute(it)) => self.method(ask, view, it, path),
            Some(AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_)) => {
                let call = view.tree.call_around(expr);
                call.is_some_and(|call| self.argument(ask, view, call, range, path))
            }
            Some(AnyNodeRef::ExprTuple(it)) if it.ctx.is_load() => {
                let at = it.elts.iter().position(|it| it.range() == range);
                let starred = it.elts.iter().any(Expr::is_starred_expr);
                at.filter(|_| !starred)
                    .is_some_and(|at| self.goes(ask, view, it.range(), &within(Step::At(at), path)))
            }
            Some(AnyNodeRef::ExprList(it)) if it.ctx.is_load() => {
                self.goes(ask, view, it.range(), &within(Step::Item, path))
            }
            Some(AnyNodeRef::ExprDict(it)) => {
                it.items.iter().any(|it| it.value.range() == range)
                    && self.goes(ask, view, it.range(), &within(Step::Item, path))
            }
            Some(AnyNodeRef::ExprListComp(it)) => {
                self.goes(ask, view, it.range(), &within(Step::Item, path))
            }
            Some(AnyNodeRef::ExprGenerator(it)) => {
                self.goes(ask, view, it.range(), &within(Step::Item, path))
            }
            Some(AnyNodeRef::ExprDictComp(it)) => {
                it.value.range() == range
                    && self.goes(ask, view, it.range(), &within(Step::Item, path))
            }
            // What iterates over a dictionary gets its keys.
            Some(AnyNodeRef::Comprehension(_) | AnyNodeRef::StmtFor(_))
                if is_mapping(self.cx, view, expr) =>
            {
                true
            }
            Some(AnyNodeRef::Comprehension(it)) if it.iter.range() == range => {
                element.is_some_and(|(_, rest)| self.bound(ask, view, &it.target, rest))
            }
            Some(AnyNodeRef::StmtFor(it)) if it.iter.range() == range => {
                element.is_some_and(|(_, rest)| self.bound(ask, view, &it.target, rest))
            }
            Some(AnyNodeRef::StmtReturn(_)) => self.returned(ask, view, range, path),
            Some(AnyNodeRef::StmtExpr(_) | AnyNodeRef::StmtDelete(_)) => true,
            _ => false,
        }
    }

    /// What is calculated with it: a time less a time is a span, a time less a span is a time.
    fn calculated(
        &mut self,
        ask: Ask,
        view: &'c View<'c>,
        it: &'c ExprBinOp,
        range: TextRange,
        path: &[Step],
    ) -> bool {
        let is_right = it.right.range() == range;
        let other = if is_right { &*it.left } else { &*it.right };
        match it.op {
            Operator::Add if !path.is_empty() => self.goes(ask, view, it.range(), path),
            _ if !path.is_empty() || is_other_clock(self.cx, view, other) => false,
            Operator::Sub if is_right => !other.is_number_literal_expr(),
            Operator::Sub if self.is_point(view, other) => true,
            Operator::Sub | Operator::Add => self.goes(ask, view, it.range(), path),
            _ => false,
        }
    }

    /// What it is compared with: a container is asked for an element, a time is earlier or later than another.
    fn is_compared(
        &self,
        view: &View<'_>,
        it: &ExprCompare,
        range: TextRange,
        path: &[Step],
    ) -> bool {
        let is = |op: &CmpOp| matches!(op, CmpOp::Is | CmpOp::IsNot);
        let contains = |op: &CmpOp| matches!(op, CmpOp::In | CmpOp::NotIn);
        let others = [&*it.left].into_iter().chain(&it.comparators);
        let mut others = others.filter(|it| it.range() != range);
        if path.is_empty() {
            // Every clock has begun.
            let is_foreign = |it: &Expr| {
                number(it).is_some_and(|it| it != 0.0) || is_other_clock(self.cx, view, it)
            };
            !it.ops.iter().any(contains) && !others.any(is_foreign)
        } else {
            let asked = it.ops.iter().all(|op| is(op) || contains(op));
            asked && (it.left.range() != range || it.ops.iter().all(is))
        }
    }

    /// Whether all is well with what is bound to the target.
    fn bound(&mut self, ask: Ask, view: &'c View<'c>, target: &'c Expr, path: &[Step]) -> bool {
        let elements = match target {
            Expr::Tuple(it) => &it.elts,
            Expr::List(it) => &it.elts,
            _ => return self.is_held(ask, view, target, path),
        };
        if elements.iter().any(Expr::is_starred_expr) {
            return false;
        }
        match path.split_first() {
            Some((Step::At(at), rest)) => {
                (elements.get(*at)).is_some_and(|target| self.bound(ask, view, target, rest))
            }
            Some((Step::Item, rest)) => {
                (elements.iter()).all(|target| self.bound(ask, view, target, rest))
            }
            None => false,
        }
    }

    /// Whether all is well with what a variable or attribute holds, or an element of what it holds.
    fn is_held(&mut self, ask: Ask, view: &'c View<'c>, holder: &'c Expr, path: &[Step]) -> bool {
        match holder {
            Expr::Subscript(it) if !it.slice.is_slice_expr() => {
                self.is_kept(ask, view, &it.value, &within(Step::Item, path))
            }
            _ => self.is_read(ask, view, holder, path),
        }
    }

    /// Whether all is well with what goes into a container, wherever that is known.
    pub(super) fn is_kept(
        &mut self,
        ask: Ask,
        view: &'c View<'c>,
        container: &'c Expr,
        path: &[Step],
    ) -> bool {
        match container {
            Expr::Subscript(it) if !it.slice.is_slice_expr() => {
                self.is_kept(ask, view, &it.value, &within(Step::Item, path))
            }
            Expr::List(_) | Expr::Dict(_) | Expr::Set(_) | Expr::NoneLiteral(_) => true,
            Expr::ListComp(_) | Expr::DictComp(_) | Expr::SetComp(_) => true,
            Expr::BoolOp(it) => (it.values.iter()).all(|it| self.is_kept(ask, view, it, path)),
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(it) if matches!(it.attr.as_str(), "get" | "setdefault") => {
                    self.is_kept(ask, view, &it.value, &within(Step::Item, path))
                }
                Expr::Attribute(it) if matches!(it.attr.as_str(), "pop" | "popleft") => true,
                callee => {
                    let api = self.cx.api_of(view, callee);
                    api.is_some_and(|it| COPIES.contains(&it) || it == "collections.defaultdict")
                }
            },
            Expr::Name(_) | Expr::Attribute(_) => {
                if let Some(known) = self.asks(Ask::Known, view.place(container), path) {
                    return known;
                }
                let found = origins(self.cx, view, container);
                ask == Ask::Meets
                    && self.is_read(ask, view, container, path)
                    && found.is_some_and(|found| {
                        found.into_iter().all(|origin| match origin {
                            Origin::Value(view, value) => self.is_kept(ask, view, value, path),
                            Origin::Element(view, of, None) => {
                                self.is_kept(ask, view, of, &within(Step::Item, path))
                            }
                            _ => false,
                        })
                    })
            }
            _ => false,
        }
    }

    /// Whether all is well with what reads a variable or an attribute.
    pub(super) fn is_read(
        &mut self,
        ask: Ask,
        view: &'c View<'c>,
        holder: &Expr,
        path: &[Step],
    ) -> bool {
        match holder {
            Expr::Name(name) => {
                let scope = view.scopes.at(name.start());
                self.is_name_read(ask, view, name.id.as_str(), scope, path)
            }
            Expr::Attribute(attribute) => {
                let mut owners = self.cx.program.values_at(view.place(&*attribute.value));
                owners.all(|value| matches!(value, Value::Instance(_)))
                    && self.is_attribute_read(ask, attribute.attr.as_str(), path)
            }
            _ => false,
        }
    }

    pub(super) fn is_name_read(
        &mut self,
        ask: Ask,
        view: &'c View<'c>,
        id: &str,
        scope: usize,
        path: &[Step],
    ) -> bool {
        let Some(own) = view.scopes.resolve(id, scope) else {
            return false;
        };
        // Nobody else has a variable of the module.
        if view.scopes.runs_at_import(own)
            && !naming(self.cx, id).is_some_and(|it| it.iter().all(|it| it.file == view.file))
        {
            return false;
        }
        let mut reads = (view.scopes.references_of(id))
            .filter(|it| view.scopes.resolve(id, it.scope) == Some(own));
        reads.all(|it| self.goes(ask, view, it.range, path))
    }

    /// Every attribute of that name in the program.
    pub(super) fn is_attribute_read(&mut self, ask: Ask, name: &str, path: &[Step]) -> bool {
        naming(self.cx, name).is_some_and(|views| {
            views.into_iter().all(|view| {
                let mut exprs = view.tree.exprs();
                exprs.all(|expr| match expr {
                    Expr::Attribute(it) if it.ctx.is_load() && it.attr.as_str() == name => {
                        self.goes(ask, view, it.range(), path)
                    }
                    _ => true,
                })
            })
        })
    }

    /// An element of a container or a tuple.
    fn subscripted(
        &mut self,
        ask: Ask,
        view: &'c View<'c>,
        it: &'c ExprSubscript,
        path: &[Step],
    ) -> bool {
        let Some((step, rest)) = path.split_first() else {
            return false;
        };
        if it.ctx.is_del() {
            return true;
        }
        if it.ctx.is_store() {
            return ask != Ask::Puts || self.puts(view, it, *step, rest);
        }
        match step {
            _ if it.slice.is_slice_expr() => {
                *step == Step::Item && self.goes(ask, view, it.range(), path)
            }
            Step::Item => self.goes(ask, view, it.range(), rest),
            Step::At(at) => match place_of(&it.slice) {
                Some(place) if place == *at => self.goes(ask, view, it.range(), rest),
                place => place.is_some(),
            },
        }
    }

    /// Whether what is assigned to an element is a time.
    fn puts(
        &mut self,
        view: &'c View<'c>,
        it: &'c ExprSubscript,
        step: Step,
        rest: &[Step],
    ) -> bool {
        step == Step::Item
            && match view.tree.parent(it) {
                Some(AnyNodeRef::StmtAssign(it)) => self.holds(view, &it.value, rest),
                Some(AnyNodeRef::StmtAugAssign(it)) => {
                    let adds = matches!(it.op, Operator::Add | Operator::Sub);
                    adds && rest.is_empty() && !self.is_point(view, &it.value)
                }
                _ => false,
            }
    }

    /// A method of a container.
    fn method(
        &mut self,
        ask: Ask,
        view: &'c View<'c>,
        it: &'c ExprAttribute,
        path: &[Step],
    ) -> bool {
        let (Some((Step::Item, rest)), Some(call)) = (path.split_first(), view.call_of(it.range()))
        else {
            return false;
        };
        let args = &call.arguments.args;
        let mut puts = |at: usize, path: &[Step]| {
            ask != Ask::Puts || (args.get(at)).is_some_and(|it| self.holds(view, it, path))
        };
        match it.attr.as_str() {
            "append" | "appendleft" | "add" => puts(0, rest),
            "extend" => puts(0, path),
            "insert" => puts(1, rest),
            "setdefault" => puts(1, rest) && self.goes(ask, view, call.range(), rest),
            "get" | "pop" | "popleft" => self.goes(ask, view, call.range(), rest),
            "popitem" => self.goes(ask, view, call.range(), &within(Step::At(1), rest)),
            "values" | "copy" => self.goes(ask, view, call.range(), path),
            "items" => {
                let pairs = within(Step::Item, &within(Step::At(1), rest));
                self.goes(ask, view, call.range(), &pairs)
            }
            "sort" => call.arguments.is_empty(),
            "clear" | "discard" | "keys" | "move_to_end" | "remove" | "reverse" | "rotate" => true,
            _ => false,
        }
    }
}

/// The views of all files whose text has the name; `None` where one has none.
fn naming<'c>(cx: &Context<'c>, name: &str) -> Option<Vec<&'c View<'c>>> {
    let finder = memmem::Finder::new(name);
    let files = (0..).map(FileId).zip(cx.program.files);
    files
        .filter(|(_, file)| finder.find(file.text.as_bytes()).is_some())
        .map(|(file, _)| cx.view(file))
        .collect()
}

/// Whether only the truth of an expression is asked.
fn is_test(view: &View<'_>, expr: &Expr) -> bool {
    match view.tree.parent(expr) {
        Some(AnyNodeRef::StmtIf(it)) => it.test.range() == expr.range(),
        Some(AnyNodeRef::StmtWhile(it)) => it.test.range() == expr.range(),
        Some(AnyNodeRef::ElifElseClause(_)) => true,
        Some(AnyNodeRef::ExprIf(it)) => it.test.range() == expr.range(),
        Some(AnyNodeRef::ExprUnaryOp(it)) => it.op == UnaryOp::Not,
        Some(AnyNodeRef::ExprBoolOp(it)) => {
            let whole = view.tree.expr_at(it.range());
            whole.is_some_and(|whole| is_test(view, whole))
        }
        _ => false,
    }
}

/// The number that an index is.
pub(super) fn place_of(slice: &Expr) -> Option<usize> {
    match slice {
        Expr::NumberLiteral(it) => match &it.value {
            Number::Int(it) => it.as_usize(),
            _ => None,
        },
        _ => None,
    }
}
