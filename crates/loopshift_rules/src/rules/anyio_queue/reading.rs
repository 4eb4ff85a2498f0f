//! What becomes of a queue where it is read.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::objects::Member;
use loopshift_python::ast::{self, AnyNodeRef, Expr};
use loopshift_python::{Ranged, TextRange};

use super::calls::{parameter, reached};
use super::collect::{Collector, Fact};
use super::slots::{RECEIVE, SEND, Slot, of_container, slots_of};
use crate::common::objects::{Obstacle, method};
use crate::context::View;

impl<'v> Collector<'_, 'v> {
    /// What becomes of a value where it stands.
    pub(super) fn value(&mut self, view: &'v View<'v>, expr: &'v Expr) -> Result<(), Obstacle> {
        let cx = self.cx;
        let refuse = |reason: &str| Obstacle::new(view.place(expr), reason);
        let mut outer = expr;
        loop {
            match view.tree.parent(outer) {
                Some(AnyNodeRef::ExprIf(it)) if it.test.range() == outer.range() => {
                    return self.test(view, expr, outer);
                }
                Some(AnyNodeRef::ExprIf(it)) => {
                    outer = view.tree.expr_at(it.range()).unwrap_or(outer);
                }
                Some(AnyNodeRef::ExprBoolOp(it)) => {
                    let last = it
                        .values
                        .last()
                        .is_some_and(|last| last.range() == outer.range());
                    if it.op == ast::BoolOp::And && !last {
                        return self.test(view, expr, outer);
                    }
                    outer = view.tree.expr_at(it.range()).unwrap_or(outer);
                }
                _ => break,
            }
        }
        let parent = view
            .tree
            .parent(outer)
            .ok_or_else(|| refuse("it is used in a way that is not known"))?;
        match parent {
            AnyNodeRef::ExprAttribute(attribute) if outer.range() == expr.range() => {
                self.member(view, expr, attribute.range())
            }
            AnyNodeRef::StmtAssign(assign) => match &assign.targets[..] {
                [Expr::Subscript(target)] => {
                    slots_of(cx, view, &assign.targets[0])?;
                    let _ = target;
                    self.store(view, outer, Slot::Element)
                }
                [target @ (Expr::Name(_) | Expr::Attribute(_))] => {
                    self.occurrence(view.place(target))
                }
                _ => Err(refuse("it is assigned to several targets at once")),
            },
            AnyNodeRef::StmtAnnAssign(assign) => self.occurrence(view.place(&*assign.target)),
            AnyNodeRef::StmtReturn(return_) => {
                let func = cx.program.function_at(view.place(return_));
                self.store(view, outer, Slot::Returned(func))
            }
            AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) => self.argument(view, outer),
            AnyNodeRef::ExprTuple(tuple) => self.in_tuple(view, outer, tuple),
            AnyNodeRef::ExprList(_) | AnyNodeRef::ExprSet(_) => {
                self.store(view, outer, Slot::Element)
            }
            AnyNodeRef::ExprDict(dict)
                if dict
                    .items
                    .iter()
                    .any(|item| item.value.range() == outer.range()) =>
            {
                self.store(view, outer, Slot::Element)
            }
            AnyNodeRef::ExprListComp(it) if it.elt.range() == outer.range() => {
                self.store(view, outer, Slot::Element)
            }
            AnyNodeRef::ExprDictComp(it) if it.value.range() == outer.range() => {
                self.store(view, outer, Slot::Element)
            }
            AnyNodeRef::ExprCompare(compare) => self.compare(view, expr, outer, compare),
            AnyNodeRef::StmtIf(_)
            | AnyNodeRef::ElifElseClause(_)
            | AnyNodeRef::StmtWhile(_)
            | AnyNodeRef::StmtAssert(_)
            | AnyNodeRef::ExprUnaryOp(_) => self.test(view, expr, outer),
            AnyNodeRef::StmtExpr(_) if outer.is_call_expr() || outer.is_await_expr() => Ok(()),
            // The default of a parameter is written with it.
            AnyNodeRef::ParameterWithDefault(it) => {
                let range = it.parameter.name.range();
                self.occurrence(Place {
                    file: view.file,
                    range,
                })
            }
            _ => Err(refuse("it is used in a way that two streams can't be")),
        }
    }

    pub(super) fn in_tuple(
        &mut self,
        view: &'v View<'v>,
        outer: &'v Expr,
        tuple: &'v ast::ExprTuple,
    ) -> Result<(), Obstacle> {
        // `a, b = Queue(), Queue()`
        if let Some(AnyNodeRef::StmtAssign(assign)) = view.tree.parent(tuple)
            && let [Expr::Tuple(targets)] = &assign.targets[..]
            && targets.len() == tuple.len()
            && !targets.iter().any(Expr::is_starred_expr)
            && let Some(at) = tuple
                .elts
                .iter()
                .position(|elt| elt.range() == outer.range())
        {
            return match &targets.elts[at] {
                target @ (Expr::Name(_) | Expr::Attribute(_)) => {
                    self.occurrence(view.place(target))
                }
                other => Err(Obstacle::new(
                    view.place(other),
                    "it is bound in a way that two streams can't be",
                )),
            };
        }
        self.store(view, outer, Slot::Element)
    }

    pub(super) fn store(
        &mut self,
        view: &'v View<'v>,
        value: &'v Expr,
        slot: Slot,
    ) -> Result<(), Obstacle> {
        let slot = self.slots.add(slot);
        self.flows(view, value, slot)?;
        if self.passed.insert(view.place(value)) {
            self.facts.push((view, Fact::Store { value, slot }));
        }
        Ok(())
    }

    pub(super) fn test(
        &mut self,
        view: &'v View<'v>,
        expr: &'v Expr,
        outer: &'v Expr,
    ) -> Result<(), Obstacle> {
        if outer.range() != expr.range() && !outer.is_bool_op_expr() {
            return Err(Obstacle::new(
                view.place(expr),
                "it is tested in a way that is not known",
            ));
        }
        let slot = self.slot(view, expr)?;
        self.facts.push((view, Fact::Test { expr, slot }));
        Ok(())
    }

    pub(super) fn compare(
        &mut self,
        view: &'v View<'v>,
        expr: &'v Expr,
        outer: &'v Expr,
        compare: &'v ast::ExprCompare,
    ) -> Result<(), Obstacle> {
        let refuse = || Obstacle::new(view.place(expr), "it is compared with something");
        let ([op], [right]) = (&*compare.ops, &*compare.comparators) else {
            return Err(refuse());
        };
        match op {
            ast::CmpOp::Is | ast::CmpOp::IsNot | ast::CmpOp::Eq | ast::CmpOp::NotEq
                if right.is_none_literal_expr() =>
            {
                self.test(view, expr, outer)
            }
            ast::CmpOp::In | ast::CmpOp::NotIn if compare.left.range() == outer.range() => {
                let known = self
                    .cx
                    .program
                    .values_at(view.place(right))
                    .all(|value| matches!(value, Value::Container(_)));
                if known {
                    self.store(view, outer, Slot::Element)
                } else {
                    Err(refuse())
                }
            }
            _ => Err(refuse()),
        }
    }

    pub(super) fn argument(&mut self, view: &'v View<'v>, outer: &'v Expr) -> Result<(), Obstacle> {
        let cx = self.cx;
        let call = view.tree.call_around(outer);
        let Some(call) = call.filter(|call| call.arguments.range().contains_range(outer.range()))
        else {
            return Err(Obstacle::new(
                view.place(outer),
                "it is used in a way that is not known",
            ));
        };
        if let Some(name) = of_container(cx, view, &call.func) {
            let known = matches!(
                name,
                "append"
                    | "appendleft"
                    | "add"
                    | "insert"
                    | "remove"
                    | "discard"
                    | "setdefault"
                    | "count"
                    | "index"
            );
            if known {
                return self.store(view, outer, Slot::Element);
            }
        }
        for reached in reached(cx, view, call)? {
            let index = parameter(cx, view, call, reached, outer.range())?;
            let param = &cx.program.function(reached.func).params[index];
            let file = cx.program.function_file(reached.func);
            let there = self.view(Place {
                file,
                range: param.range,
            })?;
            let name = there
                .tree
                .around(param.range)
                .find_map(|node| match node {
                    AnyNodeRef::Parameter(it) if it.range == param.range => Some(it.name.range()),
                    _ => None,
                })
                .ok_or_else(|| Obstacle::new(view.place(outer), "its parameter is not known"))?;
            self.occurrence(Place { file, range: name })?;
        }
        Ok(())
    }

    pub(super) fn member(
        &mut self,
        view: &'v View<'v>,
        receiver: &'v Expr,
        range: TextRange,
    ) -> Result<(), Obstacle> {
        let place = Place {
            file: view.file,
            range,
        };
        if self.is_site(view.place(receiver)) {
            return Err(Obstacle::new(place, "it is used where it is made"));
        }
        let slot = self.slot(view, receiver)?;
        let member = self
            .cluster
            .members
            .iter()
            .find(|member| member.place == place)
            .cloned()
            .unwrap_or(Member {
                place,
                api: format!(
                    "asyncio.Queue.{}",
                    view.text(TextRange::new(receiver.end(), range.end()))
                        .trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_')
                ),
                only: true,
            });
        match method(&member) {
            "put" | "put_nowait" => self.slots.need(slot, SEND),
            "get" | "get_nowait" | "empty" => self.slots.need(slot, RECEIVE),
            "qsize" => self.hints.push((slot, RECEIVE)),
            "full" | "maxsize" => self.hints.push((slot, SEND)),
            name => {
                return Err(Obstacle::new(
                    place,
                    format!("`{name}` is used, which a memory object stream does not have"),
                ));
            }
        }
        self.facts.push((
            view,
            Fact::Member {
                member,
                receiver,
                slot,
            },
        ));
        Ok(())
    }
}
