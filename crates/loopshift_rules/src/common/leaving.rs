//! Whether statements are left other than by their end: what a block put around them would have to let out.

use loopshift_python::ast::visitor::source_order::{self, SourceOrderVisitor};
use loopshift_python::ast::{Expr, Stmt};
use loopshift_python::{Ranged, TextRange};

/// The first `return`, `break`, `continue` or `yield` that leaves the statements.
pub(crate) fn first_exit(statements: &[Stmt]) -> Option<TextRange> {
    first_of(statements, true)
}

/// The same where the block may be open over a `yield`, as in what becomes a context manager.
pub(crate) fn first_jump(statements: &[Stmt]) -> Option<TextRange> {
    first_of(statements, false)
}

fn first_of(statements: &[Stmt], yields: bool) -> Option<TextRange> {
    let mut leaving = Leaving {
        found: None,
        yields,
    };
    leaving.visit_body(statements);
    leaving.found
}

/// The first statement that leaves the block, other than by its end.
struct Leaving {
    found: Option<TextRange>,
    /// Whether a `yield` counts.
    yields: bool,
}

impl<'a> SourceOrderVisitor<'a> for Leaving {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            Stmt::Return(_) => self.found = self.found.or(Some(stmt.range())),
            Stmt::For(_) | Stmt::While(_) => {
                // What leaves only a loop inside stays in the block, so only a `return` counts there.
                let mut inner = Returns {
                    found: None,
                    yields: self.yields,
                };
                source_order::walk_stmt(&mut inner, stmt);
                self.found = self.found.or(inner.found);
            }
            Stmt::Break(_) | Stmt::Continue(_) => self.found = self.found.or(Some(stmt.range())),
            _ => source_order::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if matches!(expr, Expr::Yield(_) | Expr::YieldFrom(_)) {
            if self.yields {
                self.found = self.found.or(Some(expr.range()));
            }
        } else if !expr.is_lambda_expr() {
            source_order::walk_expr(self, expr);
        }
    }
}

struct Returns {
    found: Option<TextRange>,
    yields: bool,
}

impl<'a> SourceOrderVisitor<'a> for Returns {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            Stmt::Return(_) => self.found = self.found.or(Some(stmt.range())),
            _ => source_order::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if self.yields && matches!(expr, Expr::Yield(_) | Expr::YieldFrom(_)) {
            self.found = self.found.or(Some(expr.range()));
        }
    }
}
