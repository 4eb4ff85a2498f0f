//! What tests and patterns say about the class of a value.

use loopshift_python::Ranged;
use loopshift_python::ast::{self, Expr, Pattern};

use super::{Lowerer, Operand};
use crate::ir::{ContainerKind, Key, Narrow, Node, ProtocolKind, Subscript};

impl<'a> Lowerer<'a> {
    pub(super) fn match_(&mut self, match_: &'a ast::StmtMatch) -> bool {
        let subject = self.expr_node(&match_.subject);
        let name = match &*match_.subject {
            Expr::Name(name) => Some(name.id.as_str()),
            _ => None,
        };
        let mut left = Vec::new();
        let mut complete = false;
        let outer = self.mark();
        let mut current = subject;
        for case in &match_.cases {
            let mark = self.mark();
            if let Some(name) = name {
                current = self.read(name);
            }
            let matched = self.pattern(&case.pattern, current);
            let name_here = name.filter(|name| self.is_local(name));
            if let (Some(name), true) = (name_here, matched.is_some() && matched != current) {
                self.without_regions(|lowerer| lowerer.write(name, matched));
            }
            if let Some(guard) = &case.guard {
                self.truth(guard);
            }
            let ends = self.body(&case.body);
            let versions = self.roll_back(mark);
            if !ends {
                left.push(versions);
            }
            if case.guard.is_none() {
                complete |= is_irrefutable(&case.pattern);
                // What follows is reached only by what did not match.
                if let (Some(name), Pattern::MatchClass(class)) = (name, &case.pattern)
                    && class.arguments.patterns.is_empty()
                    && class.arguments.keywords.is_empty()
                {
                    let class = self.expr_node(&class.cls);
                    self.narrow_to(name, class, true);
                }
            }
        }
        let versions = self.roll_back(outer);
        let ends = complete && left.is_empty();
        if !complete {
            left.push(versions);
        }
        self.merge(&left, false);
        ends
    }

    /// Binds the names of a pattern; returns what the subject is where it matches.
    fn pattern(&mut self, pattern: &'a Pattern, subject: Node) -> Node {
        match pattern {
            Pattern::MatchValue(value) => {
                let value = self.expr(&value.value);
                if let Operand::Node(value) = value {
                    let method = self.sym("__eq__");
                    let kind = ProtocolKind::Binary(method, method);
                    self.protocol_with(kind, subject, value, Node::NONE);
                }
            }
            Pattern::MatchSingleton(_) => {}
            Pattern::MatchSequence(sequence) => self.sequence_pattern(&sequence.patterns, subject),
            Pattern::MatchMapping(mapping) => {
                for (key, pattern) in mapping.keys.iter().zip(&mapping.patterns) {
                    let key = self.expr(key);
                    let item = self.node();
                    self.subscript(subject, key, item, false);
                    self.pattern(pattern, item);
                }
                if let Some(rest) = &mapping.rest {
                    let node = self.node();
                    self.protocol(ProtocolKind::Concat, subject, node);
                    self.write(rest.as_str(), node);
                }
            }
            Pattern::MatchClass(class) => {
                let cls = self.expr_node(&class.cls);
                let instance = self.node();
                self.push_narrow(subject, cls, instance, false);
                for keyword in &class.arguments.keywords {
                    let attr = self.load(instance, keyword.attr.as_str());
                    self.pattern(&keyword.pattern, attr);
                }
                for (place, pattern) in class.arguments.patterns.iter().enumerate() {
                    let attr = self.node();
                    let place = u16::try_from(place).unwrap_or(u16::MAX);
                    self.protocol(ProtocolKind::Match(place), instance, attr);
                    self.pattern(pattern, attr);
                }
                return instance;
            }
            Pattern::MatchStar(star) => {
                if let Some(name) = &star.name {
                    self.write(name.as_str(), subject);
                }
            }
            Pattern::MatchAs(as_) => {
                let node = match &as_.pattern {
                    Some(pattern) => self.pattern(pattern, subject),
                    None => subject,
                };
                if let Some(name) = &as_.name {
                    self.record(name.range(), node);
                    self.write(name.as_str(), node);
                }
                return node;
            }
            Pattern::MatchOr(or) => {
                let matched: Vec<Operand> = or
                    .patterns
                    .iter()
                    .map(|pattern| match self.pattern(pattern, subject) {
                        node if node.is_some() => Operand::Node(node),
                        _ => Operand::None,
                    })
                    .collect();
                let joined = self.join(&matched);
                return self.materialize(joined);
            }
        }
        subject
    }

    fn sequence_pattern(&mut self, patterns: &'a [Pattern], subject: Node) {
        let star = patterns.iter().position(Pattern::is_match_star);
        for (index, pattern) in patterns.iter().enumerate() {
            let item = self.node();
            let after = star.is_some_and(|star| index > star);
            let key = if star == Some(index) {
                Key::Any
            } else if after {
                i32::try_from(patterns.len() - index).map_or(Key::Any, |back| Key::Int(-back))
            } else {
                i32::try_from(index).map_or(Key::Any, Key::Int)
            };
            if subject.is_some() {
                let owner = self.owner();
                self.ir.subscripts.push(Subscript {
                    base: subject,
                    key,
                    key_node: Node::NONE,
                    value: item,
                    store: false,
                    owner,
                });
            }
            let item = if star == Some(index) {
                let (id, elements) =
                    self.container(ContainerKind::List, Vec::new(), pattern.range());
                self.copy(item, elements);
                self.constant(crate::ir::Constant::Container(id))
            } else {
                item
            };
            self.pattern(pattern, item);
        }
    }

    /// In what follows, `test` has held, or failed where `negated`: `isinstance(x, C)`.
    pub(super) fn narrow(&mut self, test: &'a Expr, negated: bool) {
        match test {
            Expr::BoolOp(ast::ExprBoolOp { op, values, .. }) => {
                let all = match op {
                    ast::BoolOp::And => !negated,
                    ast::BoolOp::Or => negated,
                };
                if all {
                    for value in values {
                        self.narrow(value, negated);
                    }
                }
            }
            Expr::UnaryOp(ast::ExprUnaryOp {
                op: ast::UnaryOp::Not,
                operand,
                ..
            }) => self.narrow(operand, !negated),
            Expr::Call(call) => {
                let Expr::Name(func) = &*call.func else {
                    return;
                };
                let [Expr::Name(name), class] = &call.arguments.args[..] else {
                    return;
                };
                if func.id.as_str() == "isinstance" {
                    let class = self.expr_node(class);
                    self.narrow_to(name.id.as_str(), class, negated);
                }
            }
            _ => {}
        }
    }

    fn narrow_to(&mut self, name: &'a str, class: Node, negated: bool) {
        // A variable that other scopes see is narrowed for nobody.
        if !class.is_some() || !self.is_local(name) {
            return;
        }
        let subject = self.read(name);
        let instance = self.node();
        self.push_narrow(subject, class, instance, negated);
        self.without_regions(|lowerer| lowerer.write(name, instance));
    }

    pub(super) fn push_narrow(&mut self, subject: Node, class: Node, to: Node, negated: bool) {
        if class.is_some() {
            self.ir.narrows.push(Narrow {
                subject,
                class,
                to,
                negated,
            });
        }
    }

    /// A value that a `try` or loop must not take for an assignment: narrowing is no assignment.
    fn without_regions(&mut self, action: impl FnOnce(&mut Self)) {
        let index = self.body_scope();
        let regions = std::mem::take(&mut self.scopes[index].regions);
        action(self);
        let index = self.body_scope();
        self.scopes[index].regions = regions;
    }
}

fn is_irrefutable(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::MatchAs(as_) => as_.pattern.as_deref().is_none_or(is_irrefutable),
        Pattern::MatchOr(or) => or.patterns.iter().any(is_irrefutable),
        _ => false,
    }
}
