//! Annotations in strings, which type checkers read as code: `queue: "asyncio.Queue[int]"`.
//!
//! In the tree that everyone sees, the code stands in the place of the string, with its ranges in the text. So it is
//! found, followed and edited as code without quotes is, and the quotes around it stay.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::visitor::transformer::{self, Transformer};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Expr, ExprCall, ExprStringLiteral, ExprSubscript, ModModule, Operator, Stmt,
};
use ruff_python_parser::parse_parenthesized_expression_range;
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::blocks::Blocks;
use crate::nesting;

/// Strings in strings nested deeper stay strings.
const DEPTH_LIMIT: u32 = 3;

/// Code that was read from a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quoted {
    /// The code.
    pub(crate) code: TextRange,
    /// The string with its quotes.
    pub(crate) string: TextRange,
}

/// What was read from the strings of a module.
pub(crate) struct Read {
    /// The code, by the start of its string.
    found: BTreeMap<TextSize, Expr>,
    /// Where it stands.
    pub(crate) quoted: Vec<Quoted>,
}

/// Reads the annotations in the strings of a module; none where there are none.
pub(crate) fn read(source: &str, module: &ModModule) -> Option<Read> {
    let forms = Forms::of_module(module);
    let mut finder = Finder::new(source, &forms, 0);
    finder.visit_body(&module.body);
    let Finder { found, quoted, .. } = finder;
    (!found.is_empty()).then_some(Read { found, quoted })
}

impl Read {
    /// Puts the code of the annotations in the places of their strings. Gives where it stands.
    pub(crate) fn put(self, module: &mut ModModule) -> Vec<Quoted> {
        Put(RefCell::new(self.found)).visit_body(&mut module.body);
        self.quoted
    }
}

/// What a module calls the forms of `typing`.
#[derive(Default)]
pub(crate) struct Forms<'a> {
    modules: BTreeSet<&'a str>,
    names: BTreeMap<&'a str, &'a str>,
}

impl<'a> Forms<'a> {
    pub(crate) fn of_module(module: &'a ModModule) -> Self {
        let mut forms = Forms::default();
        for stmt in Blocks::new(&module.body).iter().flat_map(|it| it.stmts) {
            match stmt {
                Stmt::Import(import) => {
                    let typing = import.names.iter().filter(|it| is_typing(&it.name));
                    let local = typing.map(|it| it.asname.as_ref().unwrap_or(&it.name).as_str());
                    forms.modules.extend(local);
                }
                Stmt::ImportFrom(import) if import.module.as_deref().is_some_and(is_typing) => {
                    forms.names.extend(import.names.iter().map(|alias| {
                        let local = alias.asname.as_ref().unwrap_or(&alias.name);
                        (local.as_str(), alias.name.as_str())
                    }));
                }
                _ => {}
            }
        }
        forms
    }

    /// The name that an expression has in `typing`.
    fn of(&self, expr: &'a Expr) -> Option<&'a str> {
        match expr {
            Expr::Name(name) => self.names.get(name.id.as_str()).copied(),
            Expr::Attribute(attribute) => {
                let module = attribute.value.as_name_expr()?;
                let known = self.modules.contains(module.id.as_str());
                known.then_some(attribute.attr.as_str())
            }
            _ => None,
        }
    }

    /// The same, where the expression stands in an annotation: names that come from elsewhere are what they are called.
    fn in_annotation(&self, expr: &'a Expr) -> Option<&'a str> {
        self.of(expr).or(match expr {
            Expr::Name(name) => Some(name.id.as_str()),
            Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
            _ => None,
        })
    }

    /// What stands in the brackets of an annotation: the types, and the rest, which are values: those of `Literal`, and the
    /// remarks of `Annotated`.
    pub(crate) fn arguments(&self, subscript: &'a ExprSubscript) -> (&'a [Expr], &'a [Expr]) {
        let many: &'a [Expr] = match &*subscript.slice {
            Expr::Tuple(it) => &it.elts,
            other => std::slice::from_ref(other),
        };
        let types = match self.in_annotation(&subscript.value) {
            Some("Literal") => 0,
            Some("Annotated") => many.len().min(1),
            _ => many.len(),
        };
        many.split_at(types)
    }

    /// Whether what stands in the brackets behind an expression are types, wherever that is.
    fn is_generic(&self, expr: &'a Expr) -> bool {
        let builtin = |name: &str| {
            matches!(
                name,
                "list" | "dict" | "set" | "frozenset" | "tuple" | "type"
            )
        };
        self.of(expr).is_some() || matches!(expr, Expr::Name(name) if builtin(name.id.as_str()))
    }
}

fn is_typing(module: &str) -> bool {
    matches!(module, "typing" | "typing_extensions" | "collections.abc")
}

/// Finds the strings that are code.
struct Finder<'f, 'a> {
    source: &'f str,
    forms: &'f Forms<'a>,
    depth: u32,
    /// The code, by the start of its string.
    found: BTreeMap<TextSize, Expr>,
    quoted: Vec<Quoted>,
}

impl<'f, 'a> Finder<'f, 'a> {
    fn new(source: &'f str, forms: &'f Forms<'a>, depth: u32) -> Self {
        Finder {
            source,
            forms,
            depth,
            found: BTreeMap::new(),
            quoted: Vec::new(),
        }
    }

    /// An expression that stands for a type.
    fn types(&mut self, expr: &'a Expr) {
        match expr {
            Expr::StringLiteral(string) => self.string(string),
            Expr::Subscript(subscript) => self.subscript(subscript),
            Expr::BinOp(it) if it.op == Operator::BitOr => {
                self.types(&it.left);
                self.types(&it.right);
            }
            Expr::Tuple(it) => it.elts.iter().for_each(|it| self.types(it)),
            Expr::List(it) => it.elts.iter().for_each(|it| self.types(it)),
            Expr::Starred(it) => self.types(&it.value),
            _ => visitor::walk_expr(self, expr),
        }
    }

    /// `Optional["Queue"]`, but not what `Literal` holds, nor the remarks of `Annotated`.
    fn subscript(&mut self, subscript: &'a ExprSubscript) {
        self.visit_expr(&subscript.value);
        let (types, others) = self.forms.arguments(subscript);
        for it in types {
            self.types(it);
        }
        for it in others {
            self.visit_expr(it);
        }
    }

    fn string(&mut self, string: &'a ExprStringLiteral) {
        let Some((code, expr)) = self.code(string) else {
            return;
        };
        self.quoted.push(Quoted {
            code,
            string: string.range(),
        });
        self.found.insert(string.start(), expr);
    }

    /// The code in a string, with what is in strings within it.
    fn code(&mut self, string: &ExprStringLiteral) -> Option<(TextRange, Expr)> {
        let part = string.as_single_part_string()?;
        let content = part.content_range();
        // What is written with escapes stands elsewhere in the text.
        let text = self
            .source
            .get(content.start().to_usize()..content.end().to_usize())?;
        let is_plain = text == part.as_str() && self.depth < DEPTH_LIMIT;
        if !is_plain || nesting::too_deep_in_text(text).is_some() {
            return None;
        }
        let parsed = parse_parenthesized_expression_range(self.source, content).ok()?;
        let mut expr = parsed.into_syntax().body;
        if !is_type(&expr, 0) {
            return None;
        }
        let mut inner = Finder::new(self.source, self.forms, self.depth + 1);
        inner.types(&expr);
        let Finder { found, quoted, .. } = inner;
        self.quoted.extend(quoted);
        Put(RefCell::new(found)).visit_expr(&mut expr);
        Some((expr.range(), *expr))
    }
}

impl<'a> Visitor<'a> for Finder<'_, 'a> {
    fn visit_annotation(&mut self, expr: &'a Expr) {
        self.types(expr);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Subscript(it) if self.forms.is_generic(&it.value) => self.subscript(it),
            Expr::Call(call) => {
                for argument in types_of(self.forms.of(&call.func), call) {
                    self.types(argument);
                }
                visitor::walk_expr(self, expr);
            }
            _ => visitor::walk_expr(self, expr),
        }
    }
}

/// The arguments of a function of `typing` that are types.
fn types_of<'a>(name: Option<&str>, call: &'a ExprCall) -> Vec<&'a Expr> {
    let arguments = &call.arguments;
    match name {
        Some("cast") => arguments
            .find_argument_value("typ", 0)
            .into_iter()
            .collect(),
        Some("TypeVar") => {
            let bound = arguments.find_keyword("bound").map(|it| &it.value);
            arguments.args.iter().skip(1).chain(bound).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether an expression is written as types are: names, dots, brackets and bars.
fn is_type(expr: &Expr, depth: usize) -> bool {
    let is = |expr: &Expr| is_type(expr, depth + 1);
    depth < 64
        && match expr {
            Expr::Name(_) | Expr::NoneLiteral(_) | Expr::EllipsisLiteral(_) => true,
            // Those of `Literal`, and strings in strings.
            Expr::StringLiteral(_)
            | Expr::NumberLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::BytesLiteral(_) => depth > 0,
            Expr::Attribute(it) => is(&it.value),
            Expr::Subscript(it) => is(&it.value) && is(&it.slice),
            Expr::BinOp(it) => it.op == Operator::BitOr && is(&it.left) && is(&it.right),
            Expr::Tuple(it) => depth > 0 && it.elts.iter().all(is),
            Expr::List(it) => depth > 0 && it.elts.iter().all(is),
            Expr::Starred(it) => is(&it.value),
            _ => false,
        }
}

/// Puts code in the places of strings.
struct Put(RefCell<BTreeMap<TextSize, Expr>>);

impl Transformer for Put {
    fn visit_expr(&self, expr: &mut Expr) {
        if !expr.is_string_literal_expr() {
            transformer::walk_expr(self, expr);
            return;
        }
        if let Some(code) = self.0.borrow_mut().remove(&expr.start()) {
            *expr = code;
        }
    }
}
