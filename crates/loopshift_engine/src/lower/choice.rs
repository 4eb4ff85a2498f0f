//! What a function returns where a parameter is given, and where it is left to its default: decorators that take settings
//! or not, as `if function is None: return partial(decorate, times=times)`.

use loopshift_python::ast::{self, CmpOp, Expr, Stmt, UnaryOp};
use loopshift_python::{Ranged, TextRange};

use super::Lowerer;
use crate::ir::{Choice, FuncId, Node};

/// Where a function chooses by a parameter.
#[derive(Clone, Copy)]
pub(super) struct Choosing {
    /// What runs, or is returned, where the test holds.
    holds: TextRange,
    /// Whether that is where the parameter is given.
    is_given: bool,
    /// Where the test stands.
    test: TextRange,
}

impl<'a> Lowerer<'a> {
    /// Notes how a function chooses, once its parameters are known.
    pub(super) fn choose(&mut self, func: FuncId, def: &'a ast::StmtFunctionDef) {
        let Some((name, choosing)) = find(def) else {
            return;
        };
        let mut with_defaults = def.parameters.iter_non_variadic_params();
        let is_optional = with_defaults.any(|it| {
            it.name().as_str() == name && it.default().is_some_and(Expr::is_none_literal_expr)
        });
        if !is_optional {
            return;
        }
        let symbol = self.sym(name);
        let params = self.ir.functions[func.0 as usize].params.iter();
        let mut params = (0..).zip(params);
        let found = params.find(|(_, param)| param.name == symbol);
        let Some((param, _)) = found else { return };
        let ret = self.ir.functions[func.0 as usize].ret;
        let (given, absent) = (self.node(), self.node());
        self.copy(given, ret);
        self.copy(absent, ret);
        let choice = Choice {
            param,
            given,
            absent,
        };
        self.ir.functions[func.0 as usize].choice = Some(choice);
        self.choosing.insert(func, choosing);
    }

    /// Where the values go of what a function returns at a place.
    pub(super) fn returned_to(&self, func: FuncId, at: TextRange) -> Node {
        let function = &self.ir.functions[func.0 as usize];
        match (self.choosing.get(&func), &function.choice) {
            (Some(it), Some(choice))
                if at.start() >= it.test.start() || it.holds.contains_range(at) =>
            {
                if it.holds.contains_range(at) == it.is_given {
                    choice.given
                } else {
                    choice.absent
                }
            }
            _ => function.ret,
        }
    }

    /// Whether a function chooses by an expression that it returns.
    pub(super) fn chooses_in(&self, func: FuncId, value: &Expr) -> bool {
        let test = self.choosing.get(&func).map(|it| it.test);
        matches!(value, Expr::If(it) if Some(it.test.range()) == test)
    }
}

/// The parameter by which a function chooses, and where.
fn find(def: &ast::StmtFunctionDef) -> Option<(&str, Choosing)> {
    // What stands before must not bind the parameter.
    let mut first = def.body.iter().skip_while(|stmt| match stmt {
        Stmt::FunctionDef(inner) => !def.parameters.includes(inner.name.as_str()),
        Stmt::Expr(it) => it.value.is_string_literal_expr(),
        _ => false,
    });
    let (test, holds) = match first.next()? {
        Stmt::If(it) => {
            let is_plain = it.elif_else_clauses.iter().all(|it| it.test.is_none());
            let last = it.body.last()?;
            if !is_plain || !last.is_return_stmt() {
                return None;
            }
            (
                &it.test,
                TextRange::new(it.body.first()?.start(), last.end()),
            )
        }
        Stmt::Return(it) => {
            let it = it.value.as_deref()?.as_if_expr()?;
            (&it.test, it.body.range())
        }
        _ => return None,
    };
    let (name, is_given) = tested(test)?;
    let choosing = Choosing {
        holds,
        is_given,
        test: test.range(),
    };
    Some((name, choosing))
}

/// The name that a test asks about, and whether the test holds where it is given: `x is None`, `callable(x)`, `x`.
fn tested(test: &Expr) -> Option<(&str, bool)> {
    match test {
        Expr::Name(it) => Some((it.id.as_str(), true)),
        Expr::UnaryOp(it) if it.op == UnaryOp::Not => {
            tested(&it.operand).map(|(name, is_given)| (name, !is_given))
        }
        Expr::Compare(it) => {
            let left = it.left.as_name_expr()?;
            match (&*it.ops, &*it.comparators) {
                ([CmpOp::Is], [Expr::NoneLiteral(_)]) => Some((left.id.as_str(), false)),
                ([CmpOp::IsNot], [Expr::NoneLiteral(_)]) => Some((left.id.as_str(), true)),
                _ => None,
            }
        }
        Expr::Call(it) => {
            let asks = it.func.as_name_expr()?.id.as_str() == "callable";
            match &*it.arguments.args {
                [Expr::Name(it)] if asks => Some((it.id.as_str(), true)),
                _ => None,
            }
        }
        _ => None,
    }
}
