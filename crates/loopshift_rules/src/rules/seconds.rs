//! What is known of an expression that gives a number of seconds: a timeout, or how long to sleep.

use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprAttribute, Stmt};
use loopshift_python::{Ranged, TextRange};

use super::shared::number;
use crate::context::{Context, View};

/// What is known of a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seconds {
    /// More than none.
    Positive,
    /// `None`.
    NoLimit,
    /// None at all, or less.
    Zero,
    /// Anything.
    Unknown,
}

/// What is known of an expression that gives seconds.
pub(crate) fn seconds(cx: &Context<'_>, view: &View<'_>, expr: &Expr, depth: u8) -> Seconds {
    if expr.is_none_literal_expr() {
        return Seconds::NoLimit;
    }
    if let Some(number) = number(expr) {
        return if number > 0.0 {
            Seconds::Positive
        } else {
            Seconds::Zero
        };
    }
    if depth == 0 {
        return Seconds::Unknown;
    }
    let all = |list: &mut dyn Iterator<Item = Seconds>| {
        let mut any = false;
        for it in list {
            any = true;
            if !matches!(it, Seconds::Positive | Seconds::NoLimit) {
                return Seconds::Unknown;
            }
        }
        if any {
            Seconds::Positive
        } else {
            Seconds::Unknown
        }
    };
    match expr {
        Expr::BinOp(it)
            if matches!(
                it.op,
                loopshift_python::ast::Operator::Add
                    | loopshift_python::ast::Operator::Mult
                    | loopshift_python::ast::Operator::Div
            ) =>
        {
            let sides = [&it.left, &it.right].map(|side| seconds(cx, view, side, depth - 1));
            if sides == [Seconds::Positive, Seconds::Positive] {
                Seconds::Positive
            } else {
                Seconds::Unknown
            }
        }
        Expr::If(it) => all(&mut [&it.body, &it.orelse]
            .into_iter()
            .map(|side| seconds(cx, view, side, depth - 1))),
        Expr::Name(name) => {
            let scope = view.scopes.at(name.range.start());
            let Some(scope) = view.scopes.resolve(name.id.as_str(), scope) else {
                return Seconds::Unknown;
            };
            let Some(bindings) = view.scopes.scopes[scope].bindings.get(name.id.as_str()) else {
                return Seconds::Unknown;
            };
            all(&mut bindings
                .iter()
                .map(|binding| bound_seconds(cx, view, binding.range, depth - 1)))
        }
        Expr::Attribute(it) => attribute_seconds(cx, view, it, depth - 1),
        _ => Seconds::Unknown,
    }
}

/// What is known of the seconds in an attribute of an instance of ours: what anybody gives an attribute of that name.
fn attribute_seconds(
    cx: &Context<'_>,
    view: &View<'_>,
    attribute: &ExprAttribute,
    depth: u8,
) -> Seconds {
    let name = attribute.attr.as_str();
    let mut any = false;
    let ours = cx
        .program
        .values_at(view.place(&*attribute.value))
        .all(|value| {
            any = true;
            matches!(value, Value::Instance(_) | Value::Class(_))
        });
    if !any || !ours {
        return Seconds::Unknown;
    }
    let mut found = false;
    for (index, file) in cx.program.files.iter().enumerate() {
        if !file.text.contains(name) && !file.text.contains("setattr") {
            continue;
        }
        let id = loopshift_engine::change::FileId(u32::try_from(index).unwrap_or(u32::MAX));
        let Some(view) = cx.view(id) else {
            return Seconds::Unknown;
        };
        if file.text.contains("setattr") || file.text.contains("__dict__") {
            return Seconds::Unknown;
        }
        for given in given_to(view, name) {
            found = true;
            let known = given.is_some_and(|value| {
                matches!(
                    seconds(cx, view, value, depth),
                    Seconds::Positive | Seconds::NoLimit
                )
            });
            if !known {
                return Seconds::Unknown;
            }
        }
    }
    if found {
        Seconds::Positive
    } else {
        Seconds::Unknown
    }
}

/// What a file gives attributes of that name: values, or `None` for what can't be followed, such as the field of a
/// dataclass.
fn given_to<'v>(view: &View<'v>, name: &str) -> Vec<Option<&'v Expr>> {
    let is_it = |target: &Expr| {
        matches!(target, Expr::Attribute(it)
            if it.attr.as_str() == name && it.ctx != loopshift_python::ast::ExprContext::Load)
    };
    let mut out = Vec::new();
    for node in view.tree.nodes() {
        match node {
            AnyNodeRef::StmtAssign(it) if it.targets.iter().any(is_it) => {
                out.push(Some(&*it.value));
            }
            AnyNodeRef::StmtAnnAssign(it) if is_it(&it.target) => out.push(it.value.as_deref()),
            AnyNodeRef::ExprAttribute(it)
                if it.attr.as_str() == name
                    && it.ctx != loopshift_python::ast::ExprContext::Load =>
            {
                let plain = matches!(
                    view.tree.parent(it),
                    Some(AnyNodeRef::StmtAssign(_) | AnyNodeRef::StmtAnnAssign(_))
                );
                if !plain {
                    out.push(None);
                }
            }
            AnyNodeRef::StmtClassDef(class) => {
                for stmt in &class.body {
                    match stmt {
                        Stmt::Assign(it)
                            if it.targets.iter().any(
                                |target| matches!(target, Expr::Name(it) if it.id == name),
                            ) =>
                        {
                            out.push(Some(&*it.value));
                        }
                        // The constructor of a dataclass may be given another.
                        Stmt::AnnAssign(it) if matches!(&*it.target, Expr::Name(it) if it.id == name) =>
                        {
                            out.push(None);
                        }
                        Stmt::FunctionDef(it) if it.name.as_str() == name => out.push(None),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    out
}

/// What is known of the seconds that a binding gives a name.
fn bound_seconds(cx: &Context<'_>, view: &View<'_>, binding: TextRange, depth: u8) -> Seconds {
    for node in view.tree.around(binding) {
        match node {
            AnyNodeRef::StmtAssign(it) => {
                let whole = it.targets.iter().any(|target| target.range() == binding);
                return if whole {
                    seconds(cx, view, &it.value, depth)
                } else {
                    Seconds::Unknown
                };
            }
            AnyNodeRef::StmtAnnAssign(it) if it.target.range() == binding => {
                return it
                    .value
                    .as_ref()
                    .map_or(Seconds::Unknown, |value| seconds(cx, view, value, depth));
            }
            AnyNodeRef::StmtFunctionDef(def) => {
                return parameter_seconds(cx, view, def, binding, depth);
            }
            _ if node.is_statement() => return Seconds::Unknown,
            _ => {}
        }
    }
    Seconds::Unknown
}

/// What is known of the seconds that callers give a parameter.
fn parameter_seconds(
    cx: &Context<'_>,
    view: &View<'_>,
    def: &loopshift_python::ast::StmtFunctionDef,
    binding: TextRange,
    depth: u8,
) -> Seconds {
    let parameters = &def.parameters;
    let position = parameters
        .posonlyargs
        .iter()
        .chain(&parameters.args)
        .position(|it| it.parameter.name.range() == binding);
    let Some(parameter) = parameters
        .iter_non_variadic_params()
        .find(|it| it.parameter.name.range() == binding)
    else {
        return Seconds::Unknown;
    };
    let func = cx.program.function_at(view.place(def.name.range()));
    let function = cx.program.function(func);
    if function.range != def.range()
        || function.decorated
        || cx.callers.is_handed_over(func)
        || cx.callers.of(func).is_empty()
    {
        return Seconds::Unknown;
    }
    for site in cx.callers.of(func) {
        let Some(other) = cx.view(site.place.file) else {
            return Seconds::Unknown;
        };
        let Some(Expr::Call(call)) = other.tree.expr_at(site.place.range) else {
            return Seconds::Unknown;
        };
        // A call that hands the function over says nothing of its arguments; that of a method brings its object along.
        let method = function.class.is_some();
        let direct = cx
            .program
            .values_at(other.place(&*call.func))
            .all(|value| match value {
                Value::Func(it) => it == func && !method,
                Value::Bound(..) | Value::Class(_) => method,
                _ => false,
            });
        let unpacked = call.arguments.args.iter().any(Expr::is_starred_expr)
            || call.arguments.keywords.iter().any(|it| it.arg.is_none());
        if !direct || unpacked {
            return Seconds::Unknown;
        }
        let by_name = call.arguments.keywords.iter().find(|keyword| {
            keyword
                .arg
                .as_ref()
                .map(loopshift_python::ast::Identifier::as_str)
                == Some(parameter.parameter.name.as_str())
        });
        let given = by_name.map(|keyword| &keyword.value).or_else(|| {
            position
                .and_then(|position| position.checked_sub(usize::from(method)))
                .and_then(|position| call.arguments.args.get(position))
        });
        let (view, value) = match (given, parameter.default()) {
            (Some(value), _) => (other, value),
            (None, Some(default)) => (view, default),
            (None, None) => return Seconds::Unknown,
        };
        if !matches!(
            seconds(cx, view, value, depth),
            Seconds::Positive | Seconds::NoLimit
        ) {
            return Seconds::Unknown;
        }
    }
    Seconds::Positive
}
