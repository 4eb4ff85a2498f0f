//! Operators, comparisons, truth tests and text: operations that may call methods.

use loopshift_python::ast::{self, Expr};

use super::expr::SHORT;
use super::{Lowerer, Operand};
use crate::ir::{Node, ProtocolKind, TextForm};

impl<'a> Lowerer<'a> {
    pub(super) fn operator(&mut self, operand: Operand, method: &str) -> Operand {
        let Operand::Node(base) = operand else {
            return Operand::None;
        };
        let to = self.node();
        let method = self.sym(method);
        self.protocol(ProtocolKind::Method(method), base, to);
        Operand::Node(to)
    }

    pub(super) fn binary(&mut self, bin: &'a ast::ExprBinOp) -> Operand {
        // A chain of operators is a deep tree on its left: walked with a loop.
        let mut chain = vec![bin];
        let mut left = &*bin.left;
        while let Expr::BinOp(inner) = left {
            chain.push(inner);
            left = &inner.left;
        }
        let mut operand = self.expr(left);
        while let Some(bin) = chain.pop() {
            if bin.op == ast::Operator::Mod && is_text(operand) {
                self.interpolated(&bin.right);
                operand = match left {
                    Expr::StringLiteral(literal) => {
                        let text = literal.value.to_str();
                        self.start(text.split('%').next().unwrap_or_default())
                    }
                    _ => Operand::Builtin("str"),
                };
                continue;
            }
            let right = self.expr(&bin.right);
            operand = self.binary_step(operand, bin.op, right);
        }
        operand
    }

    /// A string that begins with the text.
    pub(super) fn start(&mut self, text: &str) -> Operand {
        if text.is_empty() || text.len() > SHORT {
            return Operand::Builtin("str");
        }
        Operand::Start(self.sym(text))
    }

    /// `"%s" % right`: what is put in is turned into text.
    fn interpolated(&mut self, right: &'a Expr) {
        let single = std::slice::from_ref(right);
        let parts = match right {
            Expr::Tuple(tuple) => &tuple.elts[..],
            _ => single,
        };
        for part in parts {
            let node = self.expr_node(part);
            self.protocol(ProtocolKind::Text(TextForm::Str), node, Node::NONE);
        }
    }

    fn binary_step(&mut self, left: Operand, op: ast::Operator, right: Operand) -> Operand {
        let name = operator_name(op);
        if is_text(left) || (op == ast::Operator::Add && is_text(right)) {
            if let Operand::Node(right) = right {
                self.reflected(name, right, Node::NONE);
            }
            return match left {
                Operand::Str(sym) | Operand::Start(sym) => Operand::Start(sym),
                _ => Operand::Builtin("str"),
            };
        }
        let result = match (left, right) {
            (Operand::Node(left), right) => {
                let right = match right {
                    Operand::Node(right) => right,
                    _ => Node::NONE,
                };
                let to = self.node();
                let kind = self.binary_kind(name);
                self.protocol_with(kind, left, right, to);
                to
            }
            (_, Operand::Node(right)) => {
                let to = self.node();
                self.reflected(name, right, to);
                to
            }
            _ => return Operand::None,
        };
        // Lists joined by `+` keep their elements, and so do sets.
        if matches!(
            op,
            ast::Operator::Add
                | ast::Operator::BitOr
                | ast::Operator::Mult
                | ast::Operator::Sub
                | ast::Operator::BitAnd
                | ast::Operator::BitXor
        ) {
            let sides = [(left, ProtocolKind::Concat), (right, ProtocolKind::Append)];
            for (side, kind) in sides {
                if let Operand::Node(side) = side {
                    self.protocol(kind, side, result);
                }
            }
        }
        Operand::Node(result)
    }

    fn binary_kind(&mut self, name: &str) -> ProtocolKind {
        let left = self.sym(&format!("__{name}__"));
        let right = self.sym(&format!("__r{name}__"));
        ProtocolKind::Binary(left, right)
    }

    /// The left side is no object of ours: the right side's method answers.
    fn reflected(&mut self, name: &str, right: Node, to: Node) {
        let method = self.sym(&format!("__r{name}__"));
        self.protocol(ProtocolKind::Method(method), right, to);
    }

    /// `target op= value`; returns what the target is bound to.
    pub(super) fn augmented(&mut self, before: Node, op: ast::Operator, value: Operand) -> Node {
        let name = operator_name(op);
        let result = self.node();
        let value = match value {
            Operand::Node(value) => value,
            _ => Node::NONE,
        };
        let left = self.sym(&format!("__i{name}__"));
        let right = self.sym(&format!("__r{name}__"));
        self.protocol_with(ProtocolKind::Binary(left, right), before, value, result);
        self.protocol(ProtocolKind::Concat, before, result);
        self.protocol(ProtocolKind::Append, value, result);
        result
    }

    pub(super) fn compare(&mut self, compare: &'a ast::ExprCompare) -> Operand {
        let mut left = self.expr(&compare.left);
        for (op, right) in compare.ops.iter().zip(&compare.comparators) {
            let right = self.expr(right);
            let (base, arg, method, mirrored) = match op {
                ast::CmpOp::Eq => (left, right, "__eq__", "__eq__"),
                ast::CmpOp::NotEq => (left, right, "__ne__", "__ne__"),
                ast::CmpOp::Lt => (left, right, "__lt__", "__gt__"),
                ast::CmpOp::LtE => (left, right, "__le__", "__ge__"),
                ast::CmpOp::Gt => (left, right, "__gt__", "__lt__"),
                ast::CmpOp::GtE => (left, right, "__ge__", "__le__"),
                ast::CmpOp::In | ast::CmpOp::NotIn => (right, left, "__contains__", ""),
                ast::CmpOp::Is | ast::CmpOp::IsNot => {
                    left = right;
                    continue;
                }
            };
            match (base, arg) {
                (Operand::Node(base), arg) => {
                    let arg = match arg {
                        Operand::Node(arg) => arg,
                        _ => Node::NONE,
                    };
                    let method = self.sym(method);
                    let kind = if mirrored.is_empty() {
                        ProtocolKind::Method(method)
                    } else {
                        ProtocolKind::Binary(method, self.sym(mirrored))
                    };
                    self.protocol_with(kind, base, arg, Node::NONE);
                }
                (_, Operand::Node(arg)) if !mirrored.is_empty() => {
                    let method = self.sym(mirrored);
                    self.protocol(ProtocolKind::Method(method), arg, Node::NONE);
                }
                _ => {}
            }
            left = right;
        }
        Operand::None
    }

    /// Lowers an expression that is only asked whether it is true.
    pub(super) fn truth(&mut self, test: &'a Expr) {
        let operand = self.expr(test);
        if let Operand::Node(node) = operand
            && !matches!(test, Expr::BoolOp(_) | Expr::Compare(_))
        {
            self.protocol(ProtocolKind::Truth, node, Node::NONE);
        }
    }

    /// `a and b`, `a or b`: what stands right of `and` runs where the left holds.
    pub(super) fn bool_op(&mut self, bool_op: &'a ast::ExprBoolOp) -> Operand {
        let mark = self.mark();
        let mut operands = Vec::new();
        let last = bool_op.values.len().saturating_sub(1);
        for (index, value) in bool_op.values.iter().enumerate() {
            let operand = self.expr(value);
            operands.push(operand);
            if index == last {
                break;
            }
            if let Operand::Node(node) = operand {
                self.protocol(ProtocolKind::Truth, node, Node::NONE);
            }
            // A walrus in an operand is a binding that must outlast the test.
            if !self.has_walrus {
                match bool_op.op {
                    ast::BoolOp::And => self.narrow(value, false),
                    ast::BoolOp::Or => self.narrow(value, true),
                }
            }
        }
        if !self.has_walrus {
            self.roll_back(mark);
        }
        self.join(&operands)
    }

    pub(super) fn fstring_element(&mut self, element: &'a ast::InterpolatedStringElement) {
        if let ast::InterpolatedStringElement::Interpolation(interpolation) = element {
            let node = self.expr_node(&interpolation.expression);
            let form = match interpolation.conversion {
                ast::ConversionFlag::None => TextForm::Format,
                ast::ConversionFlag::Str => TextForm::Str,
                ast::ConversionFlag::Repr | ast::ConversionFlag::Ascii => TextForm::Repr,
            };
            self.protocol(ProtocolKind::Text(form), node, Node::NONE);
            if let Some(spec) = &interpolation.format_spec {
                for element in &spec.elements {
                    self.fstring_element(element);
                }
            }
        }
    }
}

fn is_text(operand: Operand) -> bool {
    matches!(
        operand,
        Operand::Str(_) | Operand::Start(_) | Operand::Builtin("str")
    )
}

fn operator_name(op: ast::Operator) -> &'static str {
    match op {
        ast::Operator::Add => "add",
        ast::Operator::Sub => "sub",
        ast::Operator::Mult => "mul",
        ast::Operator::MatMult => "matmul",
        ast::Operator::Div => "truediv",
        ast::Operator::Mod => "mod",
        ast::Operator::Pow => "pow",
        ast::Operator::LShift => "lshift",
        ast::Operator::RShift => "rshift",
        ast::Operator::BitOr => "or",
        ast::Operator::BitXor => "xor",
        ast::Operator::BitAnd => "and",
        ast::Operator::FloorDiv => "floordiv",
    }
}
