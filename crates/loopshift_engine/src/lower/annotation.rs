//! Annotations, as far as they say what class an instance is of. Those in strings are code in the tree already.

use loopshift_python::ast::{self, Expr};

use super::{Lowerer, last_identifier};
use crate::ir::{Annotation, Node};

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
}

fn union(parts: Vec<Option<Annotation>>) -> Option<Annotation> {
    let parts: Vec<Annotation> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then_some(Annotation::Union(parts))
}
