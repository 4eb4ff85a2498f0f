//! Annotations, as far as they say what class an instance is of.

use loopshift_python::ast::{self, Expr};

use super::{Lowerer, last_identifier};
use crate::ir::{Annotation, Node};

/// Annotations in strings nested deeper are not followed.
const DEPTH_LIMIT: u32 = 16;

/// What a subscripted name in an annotation means for its arguments.
enum Form {
    /// Any of them.
    Union,
    /// The first of them.
    First,
    /// The class itself.
    Class,
    /// A list of the first that says something.
    List,
    /// A dict with the second as its values.
    Dict,
    /// Nothing that we follow.
    Nothing,
    /// The name is a class of its own.
    Plain,
}

fn form(name: &str) -> Form {
    match name {
        "Optional" | "Union" => Form::Union,
        "Annotated" | "Final" | "ClassVar" | "Required" | "NotRequired" | "InitVar" => Form::First,
        "Type" | "type" => Form::Class,
        "List" | "list" | "Sequence" | "MutableSequence" | "Iterable" | "Iterator"
        | "Collection" | "Set" | "set" | "FrozenSet" | "frozenset" | "AbstractSet"
        | "MutableSet" | "Deque" | "deque" | "Generator" | "AsyncIterator" | "AsyncIterable"
        | "AsyncGenerator" | "Tuple" | "tuple" => Form::List,
        "Dict" | "dict" | "Mapping" | "MutableMapping" | "DefaultDict" | "defaultdict"
        | "OrderedDict" => Form::Dict,
        "Callable" | "Literal" | "Awaitable" | "Coroutine" => Form::Nothing,
        _ => Form::Plain,
    }
}

/// Whether a name says nothing that values are followed for.
fn is_plain(name: &str) -> bool {
    matches!(
        name,
        "str" | "int" | "float" | "bool" | "bytes" | "None" | "Any" | "object"
    )
}

impl<'a> Lowerer<'a> {
    /// What the annotation says, or `None` where it says nothing we follow.
    pub(super) fn annotation(&mut self, expr: &'a Expr) -> Option<Annotation> {
        match expr {
            Expr::Name(_) | Expr::Attribute(_) => {
                let skip = last_identifier(expr).is_some_and(is_plain);
                let node = self.expr_node(expr);
                (!skip && node.is_some()).then_some(Annotation::Instance(node))
            }
            Expr::BinOp(ast::ExprBinOp {
                left,
                op: ast::Operator::BitOr,
                right,
                ..
            }) => {
                let sides = vec![self.annotation(left), self.annotation(right)];
                union(sides)
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
        let args = args.into_iter().map(|arg| self.annotation(arg)).collect();
        self.combine(name, base, args)
    }

    /// A subscripted name, with what its arguments say.
    fn combine(
        &mut self,
        name: &str,
        base: Node,
        mut args: Vec<Option<Annotation>>,
    ) -> Option<Annotation> {
        match form(name) {
            Form::Union => union(args),
            Form::First => args.into_iter().next().flatten(),
            Form::Class => match args.into_iter().next().flatten()? {
                Annotation::Instance(node) => Some(Annotation::Class(node)),
                _ => None,
            },
            Form::List => {
                let element = args.into_iter().flatten().next()?;
                let kind = self.sym("list");
                Some(Annotation::Container(kind, Box::new(element)))
            }
            Form::Dict => {
                let element = (args.len() == 2).then(|| args.pop().flatten()).flatten()?;
                let kind = self.sym("dict");
                Some(Annotation::Container(kind, Box::new(element)))
            }
            Form::Nothing => None,
            Form::Plain => base.is_some().then_some(Annotation::Instance(base)),
        }
    }

    /// `"asyncio.Queue[int] | None"`: names, subscripts and unions, which need no parser.
    fn string_annotation(&mut self, expr: &'a Expr) -> Option<Annotation> {
        let literal = expr.as_string_literal_expr()?;
        let single = literal.as_single_part_string()?;
        let range = single.content_range();
        let text = self
            .source
            .get(range.start().to_usize()..range.end().to_usize())?;
        self.text_annotation(text, 0)
    }

    fn text_annotation(&mut self, text: &'a str, depth: u32) -> Option<Annotation> {
        if depth > DEPTH_LIMIT {
            return None;
        }
        let sides = split(text, '|');
        if sides.len() > 1 {
            let sides = sides
                .into_iter()
                .map(|side| self.text_annotation(side, depth + 1))
                .collect();
            return union(sides);
        }
        let text = text.trim();
        let (head, args) = match text.split_once('[') {
            Some((head, rest)) => (head.trim(), Some(rest.trim_end().strip_suffix(']')?)),
            None => (text, None),
        };
        let last = head.rsplit('.').next().unwrap_or(head);
        if is_plain(last) || !head.split('.').all(is_identifier) {
            return None;
        }
        let mut parts = head.split('.');
        let mut base = self.read(parts.next()?);
        for part in parts {
            base = self.load(base, part);
        }
        match args {
            None => Some(Annotation::Instance(base)),
            Some(args) => {
                let args = split(args, ',')
                    .into_iter()
                    .map(|arg| self.text_annotation(arg, depth + 1))
                    .collect();
                self.combine(last, base, args)
            }
        }
    }
}

fn union(parts: Vec<Option<Annotation>>) -> Option<Annotation> {
    let parts: Vec<Annotation> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then_some(Annotation::Union(parts))
}

/// Splits at a character that stands in no brackets.
fn split(text: &str, at: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (place, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            c if c == at && depth == 0 => {
                parts.push(&text[start..place]);
                start = place + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}
