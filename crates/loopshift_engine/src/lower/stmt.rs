//! Statements: assignments, branches, definitions.

use loopshift_python::ast::{self, Expr, Stmt};
use loopshift_python::{Ranged, TextRange};

use super::Lowerer;
use super::bindings;
use crate::ir::{CallForm, FuncId, Node, ParamKind, ProtocolKind, Reason};

impl<'a> Lowerer<'a> {
    /// Lowers the statements; returns whether control never leaves them at the end.
    pub(super) fn body(&mut self, body: &'a [Stmt]) -> bool {
        let mut ends = false;
        for stmt in body {
            ends |= self.stmt(stmt);
        }
        ends
    }

    fn stmt(&mut self, stmt: &'a Stmt) -> bool {
        match stmt {
            Stmt::FunctionDef(def) => self.function_def(def),
            Stmt::ClassDef(def) => self.class_def(def),
            Stmt::Return(return_) => {
                self.return_(return_);
                return true;
            }
            Stmt::Delete(delete) => {
                for target in &delete.targets {
                    if let Expr::Subscript(subscript) = target {
                        let base = self.expr_node(&subscript.value);
                        self.expr(&subscript.slice);
                        let method = self.sym("__delitem__");
                        self.protocol(ProtocolKind::Method(method), base, Node::NONE);
                        self.forget_items();
                    } else if let Expr::Attribute(attribute) = target {
                        let base = self.expr_node(&attribute.value);
                        let method = self.sym("__delattr__");
                        self.protocol(ProtocolKind::Method(method), base, Node::NONE);
                        if base.is_some() {
                            // A property's deleter has the getter's name.
                            self.load(base, attribute.attr.as_str());
                        }
                    }
                }
            }
            Stmt::TypeAlias(_) | Stmt::Pass(_) | Stmt::IpyEscapeCommand(_) => {}
            Stmt::Global(_) | Stmt::Nonlocal(_) => {}
            Stmt::Assign(assign) => self.assign(assign),
            Stmt::AugAssign(assign) => self.aug_assign(assign),
            Stmt::AnnAssign(assign) => self.ann_assign(assign),
            Stmt::For(for_) => self.for_(for_),
            Stmt::While(while_) => self.while_(while_),
            Stmt::If(if_) => return self.if_(if_),
            Stmt::With(with) => return self.with(with),
            Stmt::Match(match_) => return self.match_(match_),
            Stmt::Raise(raise) => {
                if let Some(exc) = &raise.exc {
                    let node = self.expr_node(exc);
                    self.protocol(ProtocolKind::Raise, node, Node::NONE);
                }
                if let Some(cause) = &raise.cause {
                    self.expr(cause);
                }
                return true;
            }
            Stmt::Try(try_) => return self.try_(try_),
            Stmt::Assert(assert) => {
                self.truth(&assert.test);
                if let Some(msg) = &assert.msg {
                    self.expr(msg);
                }
                self.narrow(&assert.test, false);
            }
            Stmt::Import(import) => self.import(import),
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::Expr(expr) => {
                self.expr_form(&expr.value, CallForm::Statement);
            }
            Stmt::Break(_) | Stmt::Continue(_) => return true,
        }
        false
    }

    fn return_(&mut self, return_: &'a ast::StmtReturn) {
        let Some(value) = &return_.value else { return };
        let func = self.owner();
        let node = match &**value {
            Expr::If(it) if self.chooses_in(func, value) => {
                self.truth(&it.test);
                let mark = self.mark();
                for (branch, is_negated) in [(&it.body, false), (&it.orelse, true)] {
                    self.narrow(&it.test, is_negated);
                    let node = self.expr_node(branch);
                    self.hand_back(func, node, branch.range());
                    self.roll_back(mark);
                }
                return;
            }
            _ => self.expr_node(value),
        };
        self.hand_back(func, node, return_.range);
    }

    /// What a function returns at a place.
    fn hand_back(&mut self, func: FuncId, node: Node, at: TextRange) {
        if !node.is_some() {
            return;
        }
        let to = self.returned_to(func, at);
        let function = &mut self.ir.functions[func.0 as usize];
        // A parameter handed back is followed call by call, so that callers do not see each other's arguments.
        let passed = function.params.iter().position(|param| {
            param.node == node
                && matches!(
                    param.kind,
                    ParamKind::Positional | ParamKind::PositionalOnly | ParamKind::KeywordOnly
                )
        });
        match passed.and_then(|index| u16::try_from(index).ok()) {
            Some(index) if !function.is_async && !function.is_generator => {
                if !function.passes.contains(&index) {
                    function.passes.push(index);
                }
            }
            _ => self.copy(node, to),
        }
    }

    fn loop_at(&mut self, range: TextRange) {
        let owner = self.owner();
        self.ir.functions[owner.0 as usize].loops.push(range);
    }

    fn for_(&mut self, for_: &'a ast::StmtFor) {
        self.loop_at(for_.range());
        let iter = self.expr_node(&for_.iter);
        let item = self.node();
        let kind = if for_.is_async {
            ProtocolKind::AsyncIter
        } else {
            ProtocolKind::Iter
        };
        self.protocol_at(for_.iter.range(), kind, iter, item);
        let mut names = bindings::assigned(&[&for_.body], self.has_walrus);
        names.extend(bindings::assigned_targets(&for_.target));
        self.open_region(&names);
        self.enter_joins();
        self.bind(&for_.target, item);
        self.body(&for_.body);
        self.enter_joins();
        self.close_region();
        self.body(&for_.orelse);
    }

    fn while_(&mut self, while_: &'a ast::StmtWhile) {
        self.loop_at(while_.range());
        let names = bindings::assigned(&[&while_.body], self.has_walrus);
        self.open_region(&names);
        self.enter_joins();
        self.truth(&while_.test);
        let mark = self.mark();
        self.narrow(&while_.test, false);
        self.body(&while_.body);
        self.roll_back(mark);
        self.enter_joins();
        self.close_region();
        self.body(&while_.orelse);
    }

    fn if_(&mut self, if_: &'a ast::StmtIf) -> bool {
        let mut left = Vec::new();
        let mut ends_all = true;
        let mut has_else = false;
        self.truth(&if_.test);
        let outer = self.mark();
        self.narrow(&if_.test, false);
        let ends = self.body(&if_.body);
        let versions = self.roll_back(outer);
        if !ends {
            left.push(versions);
            ends_all = false;
        }
        let mut failed = Some(&*if_.test);
        for clause in &if_.elif_else_clauses {
            // What follows is reached only where the tests so far have failed.
            if let Some(failed) = failed {
                self.narrow(failed, true);
            }
            failed = clause.test.as_ref();
            if let Some(test) = &clause.test {
                self.truth(test);
            }
            let mark = self.mark();
            match &clause.test {
                Some(test) => self.narrow(test, false),
                None => has_else = true,
            }
            let ends = self.body(&clause.body);
            let versions = self.roll_back(mark);
            if !ends {
                left.push(versions);
                ends_all = false;
            }
        }
        if let (Some(failed), false) = (failed, has_else) {
            self.narrow(failed, true);
        }
        let versions = self.roll_back(outer);
        if !has_else {
            left.push(versions);
        }
        self.merge(&left, false);
        ends_all && has_else
    }

    fn with(&mut self, with: &'a ast::StmtWith) -> bool {
        for item in &with.items {
            let base = self.expr_node(&item.context_expr);
            let to = self.node();
            let kind = if with.is_async {
                ProtocolKind::AsyncEnter
            } else {
                ProtocolKind::Enter
            };
            self.protocol_at(item.context_expr.range(), kind, base, to);
            if let Some(target) = &item.optional_vars {
                self.bind(target, to);
            }
        }
        self.body(&with.body)
    }

    fn try_(&mut self, try_: &'a ast::StmtTry) -> bool {
        let names = bindings::assigned(&[&try_.body], self.has_walrus);
        self.open_region(&names);
        let mark = self.mark();
        let body_ends = self.body(&try_.body);
        let else_ends = self.body(&try_.orelse) || body_ends;
        let mut left = Vec::new();
        let versions = self.roll_back(mark);
        let mut ends_all = else_ends;
        if !else_ends {
            left.push(versions);
        }
        let mut caught: Vec<Node> = Vec::new();
        for handler in &try_.handlers {
            let ast::ExceptHandler::ExceptHandler(handler) = handler;
            let mark = self.mark();
            self.enter_joins();
            let class = handler.type_.as_deref().map(|type_| self.expr_node(type_));
            if let Some(name) = &handler.name {
                let instance = self.node();
                let mut instance = instance;
                if let Some(class) = class {
                    self.push_narrow(Node::NONE, class, instance, false);
                }
                // What an earlier clause catches does not come here.
                for earlier in &caught {
                    let rest = self.node();
                    self.push_narrow(instance, *earlier, rest, true);
                    instance = rest;
                }
                self.record(name.range(), instance);
                self.write(name.as_str(), instance);
            }
            caught.extend(class.filter(|class| class.is_some()));
            let ends = self.body(&handler.body);
            let versions = self.roll_back(mark);
            if !ends {
                left.push(versions);
            }
            ends_all &= ends;
        }
        if !try_.finalbody.is_empty() {
            // On the way out by an exception.
            let mark = self.mark();
            self.enter_joins();
            let versions = self.roll_back(mark);
            self.close_region();
            if ends_all {
                left.push(versions);
            }
            self.merge(&left, false);
            return self.body(&try_.finalbody) || ends_all;
        }
        self.close_region();
        self.merge(&left, false);
        ends_all
    }

    pub(super) fn unknown_node(&mut self) -> Node {
        self.unknown(Reason::Dynamic)
    }
}
