//! Assignments and what they bind.

use loopshift_python::ast::{self, Expr};

use super::scope::ScopeKind;
use super::{Lowerer, Operand};
use crate::ir::{Constant, ContainerKind, Key, Node, ProtocolKind, Store, Subscript};

impl<'a> Lowerer<'a> {
    pub(super) fn assign(&mut self, assign: &'a ast::StmtAssign) {
        // Element by element, so that `a, b = f, g` does not mix the two.
        if let ([Expr::Tuple(targets)], Expr::Tuple(values)) = (&assign.targets[..], &*assign.value)
        {
            let plain = |elts: &[Expr]| !elts.iter().any(Expr::is_starred_expr);
            if targets.len() == values.len() && plain(&targets.elts) && plain(&values.elts) {
                let nodes: Vec<Node> = values
                    .elts
                    .iter()
                    .map(|value| self.expr_node(value))
                    .collect();
                for (target, node) in targets.elts.iter().zip(nodes) {
                    self.bind(target, node);
                }
                return;
            }
        }
        let node = self.expr_node(&assign.value);
        if let [Expr::Name(name)] = &assign.targets[..]
            && name.id.as_str() == "__all__"
            && self.scopes.len() == 1
        {
            self.all(&assign.value);
        }
        for target in &assign.targets {
            self.bind(target, node);
        }
    }

    fn all(&mut self, value: &'a Expr) {
        let elts = match value {
            Expr::List(list) => &list.elts,
            Expr::Tuple(tuple) => &tuple.elts,
            _ => return,
        };
        let names: Option<Vec<&str>> = elts
            .iter()
            .map(|elt| {
                elt.as_string_literal_expr()
                    .map(|literal| literal.value.to_str())
            })
            .collect();
        if let Some(names) = names {
            let names = names.into_iter().map(|name| self.sym(name)).collect();
            self.ir.all = Some(names);
        }
    }

    pub(super) fn aug_assign(&mut self, assign: &'a ast::StmtAugAssign) {
        let before = self.expr_node(&assign.target);
        let value = self.expr(&assign.value);
        let result = self.augmented(before, assign.op, value);
        self.bind(&assign.target, result);
    }

    pub(super) fn ann_assign(&mut self, assign: &'a ast::StmtAnnAssign) {
        let annotation = self.annotation(&assign.annotation);
        let node = match &assign.value {
            Some(value) => self.expr_node(value),
            None => Node::NONE,
        };
        if assign.value.is_none() && !matches!(*assign.target, Expr::Name(_)) {
            return;
        }
        let slot = self.node();
        self.copy(node, slot);
        if let Some(annotation) = annotation {
            self.ir.annotations.push((slot, annotation));
        }
        if let (Expr::Name(name), ScopeKind::Class(class)) = (
            &*assign.target,
            self.scopes
                .last()
                .map_or(ScopeKind::Module, |scope| scope.kind),
        ) {
            let sym = self.sym(name.id.as_str());
            self.ir.classes[class.0 as usize].fields.push((sym, slot));
        }
        self.bind(&assign.target, slot);
    }

    /// Gives the values of `node` to an assignment target.
    pub(super) fn bind(&mut self, target: &'a Expr, node: Node) {
        match target {
            Expr::Name(name) => {
                let node = if node.is_some() { node } else { self.node() };
                self.record(name.range, node);
                self.write(name.id.as_str(), node);
            }
            Expr::Attribute(attribute) => {
                let base = self.expr_node(&attribute.value);
                if !base.is_some() {
                    return;
                }
                let node = if node.is_some() { node } else { self.node() };
                self.record(attribute.range, node);
                let attr = self.attr_sym(attribute.attr.as_str());
                let owner = self.owner();
                let class = self
                    .outer_method()
                    .filter(|(_, this)| *this == base)
                    .map(|(class, _)| class);
                self.ir.stores.push(Store {
                    base,
                    attr,
                    from: node,
                    owner,
                    class,
                });
            }
            Expr::Subscript(subscript) => {
                let base = self.expr_node(&subscript.value);
                let key = self.expr(&subscript.slice);
                if subscript.slice.is_slice_expr() && node.is_some() {
                    // `a[:] = b`: what is in `b` is in `a` then, at other places.
                    let item = self.node();
                    self.protocol(ProtocolKind::Iter, node, item);
                    self.subscript(base, key, item, true);
                    self.forget_items();
                    return;
                }
                self.subscript(base, key, node, true);
                self.set_item(base, key, node);
            }
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
                self.unpack(elts, node);
            }
            Expr::Starred(starred) => {
                let (id, elements) = self.container(ContainerKind::List, Vec::new(), starred.range);
                self.copy(node, elements);
                let list = self.constant(Constant::Container(id));
                self.bind(&starred.value, list);
            }
            other => {
                self.expr(other);
            }
        }
    }

    fn unpack(&mut self, elts: &'a [Expr], node: Node) {
        let star = elts.iter().position(Expr::is_starred_expr);
        for (index, elt) in elts.iter().enumerate() {
            let value = self.node();
            if node.is_some() {
                let from_end = star.is_some_and(|star| index > star);
                let starred = star == Some(index);
                let key = if from_end || starred {
                    i32::try_from(elts.len() - index).map_or(Key::Any, |back| Key::Int(-back))
                } else {
                    i32::try_from(index).map_or(Key::Any, Key::Int)
                };
                let key = if starred { Key::Any } else { key };
                let owner = self.owner();
                self.ir.subscripts.push(Subscript {
                    base: node,
                    key,
                    key_node: Node::NONE,
                    value,
                    store: false,
                    owner,
                });
            }
            self.bind(elt, value);
        }
    }

    pub(super) fn subscript(&mut self, base: Node, key: Operand, value: Node, store: bool) {
        if !base.is_some() {
            return;
        }
        let (key, key_node) = match key {
            Operand::Str(sym) => (Key::Str(sym), Node::NONE),
            Operand::Int(value) => (Key::Int(value), Node::NONE),
            Operand::Node(node) => (Key::Any, node),
            Operand::None | Operand::Start(_) | Operand::Builtin(_) => (Key::Any, Node::NONE),
        };
        let owner = self.owner();
        self.ir.subscripts.push(Subscript {
            base,
            key,
            key_node,
            value,
            store,
            owner,
        });
    }
}
