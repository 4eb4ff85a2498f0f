//! Names in strings that Python or type checkers read as code.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ModModule, Stmt};
use ruff_python_parser::parse_expression;

use crate::nesting;
use crate::parse::with_deep_stack;
use crate::quoted::Forms;

/// The names in string annotations that are no code in the tree, in strings between the brackets of a subscript
/// (`Optional["a.B"]`), in the arguments of `cast`, `TypeVar` and `NewType`, and those that `__all__` lists.
pub(super) fn names_in_strings(module: &ModModule) -> BTreeSet<String> {
    let mut collector = Collector {
        forms: Forms::of_module(module),
        names: BTreeSet::new(),
        typing: false,
        exports: false,
    };
    with_deep_stack(|| collector.visit_body(&module.body));
    collector.names
}

struct Collector<'a> {
    forms: Forms<'a>,
    names: BTreeSet<String>,
    /// Whether strings are annotations here.
    typing: bool,
    /// Whether strings are names to export here.
    exports: bool,
}

impl<'a> Collector<'a> {
    fn in_types(&mut self, expr: &'a Expr) {
        self.visit_as(true, expr);
    }

    fn visit_as(&mut self, typing: bool, expr: &'a Expr) {
        let outer = std::mem::replace(&mut self.typing, typing);
        self.visit_expr(expr);
        self.typing = outer;
    }

    fn in_exports(&mut self, target: &'a Expr, value: &'a Expr) {
        if matches!(target, Expr::Name(name) if name.id.as_str() == "__all__") {
            self.exports = true;
            self.visit_expr(value);
            self.exports = false;
        }
    }

    fn string(&mut self, text: &str) {
        if self.exports {
            self.names.insert(text.to_owned());
        }
        if self.typing && nesting::too_deep_in_text(text).is_none() {
            // As annotations may, the string may go over several lines.
            if let Ok(parsed) = parse_expression(&format!("({text}\n)")) {
                let mut inner = Names::default();
                inner.visit_expr(parsed.expr());
                self.names.extend(inner.0);
            }
        }
    }
}

#[derive(Default)]
struct Names(BTreeSet<String>);

impl Visitor<'_> for Names {
    fn visit_expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Name(name) => {
                self.0.insert(name.id.to_string());
            }
            // A string in a string annotation is one again, but for what `Literal` holds, which does no harm.
            Expr::StringLiteral(string) => {
                let words = string
                    .value
                    .to_str()
                    .split(|it: char| !(it.is_alphanumeric() || it == '_'));
                self.0.extend(words.map(str::to_owned));
            }
            _ => visitor::walk_expr(self, expr),
        }
    }
}

/// Whether what stands before a subscript looks like a type: `Optional[…]`, `list[…]`, but not `sys.modules[…]`.
fn is_type(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return false,
    };
    name.starts_with(char::is_uppercase)
        || matches!(
            name,
            "list" | "dict" | "set" | "frozenset" | "tuple" | "type"
        )
}

impl<'a> Visitor<'a> for Collector<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Assign(it) => {
                for target in &it.targets {
                    self.in_exports(target, &it.value);
                }
            }
            Stmt::AugAssign(it) => self.in_exports(&it.target, &it.value),
            Stmt::AnnAssign(it) => {
                if let Some(value) = &it.value {
                    self.in_exports(&it.target, value);
                }
            }
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_annotation(&mut self, expr: &'a Expr) {
        self.in_types(expr);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::StringLiteral(string) if self.typing || self.exports => {
                self.string(string.value.to_str());
            }
            Expr::Subscript(it) if self.typing || is_type(&it.value) => {
                let (types, values) = self.forms.arguments(it);
                for it in types {
                    self.in_types(it);
                }
                for it in values {
                    self.visit_as(false, it);
                }
            }
            Expr::Call(call) => {
                let name = match &*call.func {
                    Expr::Name(name) => name.id.as_str(),
                    Expr::Attribute(attribute) => attribute.attr.as_str(),
                    _ => "",
                };
                if matches!(name, "cast" | "TypeVar" | "NewType") {
                    for argument in &call.arguments.args {
                        self.in_types(argument);
                    }
                    for keyword in &call.arguments.keywords {
                        self.in_types(&keyword.value);
                    }
                }
                // `__all__.extend([…])`
                let exports = matches!(&*call.func, Expr::Attribute(it)
                    if matches!(&*it.value, Expr::Name(name) if name.id.as_str() == "__all__"));
                let outer = self.exports;
                self.exports |= exports;
                visitor::walk_expr(self, expr);
                self.exports = outer;
            }
            _ => visitor::walk_expr(self, expr),
        }
    }
}
