//! Annotations, as far as they say what class an instance is of.

use loopshift_python::ast::{self, Expr};

use super::{Lowerer, last_identifier};
use crate::ir::Annotation;

impl<'a> Lowerer<'a> {
    /// What the annotation says, or `None` where it says nothing we follow.
    pub(super) fn annotation(&mut self, expr: &'a Expr) -> Option<Annotation> {
        match expr {
            Expr::Name(_) | Expr::Attribute(_) => {
                let skip = matches!(
                    last_identifier(expr),
                    Some("str" | "int" | "float" | "bool" | "bytes" | "None" | "Any" | "object")
                );
                let node = self.expr_node(expr);
                (!skip && node.is_some()).then_some(Annotation::Instance(node))
            }
            Expr::BinOp(ast::ExprBinOp {
                left,
                op: ast::Operator::BitOr,
                right,
                ..
            }) => {
                let sides = [self.annotation(left), self.annotation(right)];
                let sides: Vec<Annotation> = sides.into_iter().flatten().collect();
                (!sides.is_empty()).then_some(Annotation::Union(sides))
            }
            Expr::Subscript(subscript) => self.generic(subscript),
            Expr::StringLiteral(_) => self.string_annotation(expr),
            other => {
                self.expr(other);
                None
            }
        }
    }

    fn generic(&mut self, subscript: &'a ast::ExprSubscript) -> Option<Annotation> {
        let base = self.expr_node(&subscript.value);
        let args: Vec<&'a Expr> = match &*subscript.slice {
            Expr::Tuple(tuple) => tuple.elts.iter().collect(),
            other => vec![other],
        };
        let name = last_identifier(&subscript.value)?;
        match name {
            "Optional" | "Union" => {
                let parts: Vec<Annotation> = args
                    .into_iter()
                    .filter_map(|arg| self.annotation(arg))
                    .collect();
                (!parts.is_empty()).then_some(Annotation::Union(parts))
            }
            "Annotated" | "Final" | "ClassVar" | "Required" | "NotRequired" => {
                args.first().and_then(|arg| self.annotation(arg))
            }
            "Type" | "type" => match args.first().and_then(|arg| self.annotation(arg))? {
                Annotation::Instance(node) => Some(Annotation::Class(node)),
                _ => None,
            },
            "List" | "list" | "Sequence" | "MutableSequence" | "Iterable" | "Iterator"
            | "Collection" | "Set" | "set" | "FrozenSet" | "frozenset" | "AbstractSet"
            | "MutableSet" | "Deque" | "deque" | "Generator" | "AsyncIterator"
            | "AsyncIterable" | "AsyncGenerator" | "Tuple" | "tuple" => {
                let element = args.into_iter().find_map(|arg| self.annotation(arg));
                let kind = self.sym("list");
                element.map(|element| Annotation::Container(kind, Box::new(element)))
            }
            "Dict" | "dict" | "Mapping" | "MutableMapping" | "DefaultDict" | "defaultdict"
            | "OrderedDict" => {
                let element = args.get(1).and_then(|arg| self.annotation(arg));
                let kind = self.sym("dict");
                element.map(|element| Annotation::Container(kind, Box::new(element)))
            }
            "Callable" | "Literal" | "Awaitable" | "Coroutine" => {
                for arg in args {
                    self.annotation(arg);
                }
                None
            }
            _ => {
                for arg in args {
                    self.annotation(arg);
                }
                base.is_some().then_some(Annotation::Instance(base))
            }
        }
    }

    /// `"asyncio.Queue[int]"`: only dotted names and subscripts of them, which need no parser.
    fn string_annotation(&mut self, expr: &'a Expr) -> Option<Annotation> {
        let literal = expr.as_string_literal_expr()?;
        let single = literal.as_single_part_string()?;
        let range = single.content_range();
        let text = self
            .source
            .get(range.start().to_usize()..range.end().to_usize())?;
        let head = text.split('[').next().unwrap_or(text).trim();
        let head = head.strip_suffix("| None").unwrap_or(head).trim();
        let mut parts = head.split('.');
        let first = parts.next().filter(|part| is_identifier(part))?;
        if matches!(
            head,
            "str" | "int" | "float" | "bool" | "bytes" | "None" | "Any" | "object"
        ) || matches!(
            first,
            "Optional" | "Union" | "List" | "Dict" | "Callable" | "typing"
        ) {
            return None;
        }
        let mut node = self.read(first);
        for part in parts {
            if !is_identifier(part) {
                return None;
            }
            node = self.load(node, part);
        }
        Some(Annotation::Instance(node))
    }
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}
