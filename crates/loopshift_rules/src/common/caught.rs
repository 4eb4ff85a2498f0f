//! What a handler does with the error that it caught. The target raises errors of other classes, with other texts: a handler
//! that only knows that there was one does the same, one that shows the error does not.

use loopshift_engine::change::Change;
use loopshift_python::ast::{
    AnyNodeRef, ConversionFlag, ExceptHandler, ExceptHandlerExceptHandler, Expr,
};
use loopshift_python::{Ranged, TextRange};

use crate::catalog::Target;
use crate::context::{Context, View};

/// Says what differs where the handler with this class shows or keeps the error that it caught.
pub(crate) fn caveat(cx: &Context<'_>, change: &mut Change, view: &View<'_>, class: TextRange) {
    let handler = view.tree.around(class).find_map(|node| match node {
        AnyNodeRef::ExceptHandlerExceptHandler(handler) => Some(handler),
        _ => None,
    });
    if let Some(handler) = handler
        && (handler.type_.as_deref()).is_some_and(|it| it.range().contains_range(class))
        && let Some(name) = shown(cx, view, handler)
    {
        tell(cx, change, name);
    }
}

/// Says what differs where a handler around a place is for errors of one of these classes of Python's own, and shows
/// the error.
pub(crate) fn caveat_around(
    cx: &Context<'_>,
    change: &mut Change,
    view: &View<'_>,
    place: TextRange,
    classes: &[&str],
) {
    if let Some(handler) = handler_around(cx, view, place, classes)
        && let Some(name) = shown(cx, view, handler)
    {
        tell(cx, change, name);
    }
}

/// Whether a handler around a place, for errors of one of these classes of Python's own, shows the error.
pub(crate) fn is_shown(
    cx: &Context<'_>,
    view: &View<'_>,
    place: TextRange,
    classes: &[&str],
) -> bool {
    let handler = handler_around(cx, view, place, classes);
    handler.is_some_and(|handler| shown(cx, view, handler).is_some())
}

fn tell(cx: &Context<'_>, change: &mut Change, name: &str) {
    let target = match cx.recipe.target {
        Target::Anyio => "AnyIO",
        Target::Asyncio => "asyncio",
    };
    let caveat = format!("`{name}` is used, and the error has another class or text in {target}");
    if !change.caveats.contains(&caveat) {
        change.caveat(caveat);
    }
}

/// Whether errors of one of the classes that are raised at a place are caught in the function: by a handler, or by
/// `suppress`.
pub(crate) fn is_caught(
    cx: &Context<'_>,
    view: &View<'_>,
    place: TextRange,
    classes: &[&str],
) -> bool {
    let suppressed = (view.tree.around(place))
        .take_while(|node| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
        .any(|node| match node {
            AnyNodeRef::StmtWith(with) => with.items.iter().any(|item| match &item.context_expr {
                Expr::Call(call) if cx.api_of(view, &call.func) == Some("contextlib.suppress") => {
                    (call.arguments.args.iter()).any(|ty| is_one_of(cx, view, ty, classes))
                }
                _ => false,
            }),
            _ => false,
        });
    suppressed || handler_around(cx, view, place, classes).is_some()
}

/// Whether a class is one of the classes. A handler for all errors is for none in particular.
fn is_one_of(cx: &Context<'_>, view: &View<'_>, ty: &Expr, classes: &[&str]) -> bool {
    cx.api_of(view, ty).is_some_and(|api| {
        let name = api.strip_prefix("<builtin>.").unwrap_or(api);
        classes.contains(&name)
    })
}

/// The first handler in the function for errors of one of the classes that are raised at a place.
fn handler_around<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    place: TextRange,
    classes: &[&str],
) -> Option<&'v ExceptHandlerExceptHandler> {
    for node in view.tree.around(place) {
        let try_ = match node {
            AnyNodeRef::StmtTry(try_) => try_,
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) => return None,
            _ => continue,
        };
        if !(try_.body.iter()).any(|stmt| stmt.range().contains_range(place)) {
            continue;
        }
        for ExceptHandler::ExceptHandler(handler) in &try_.handlers {
            let types: &[Expr] = match handler.type_.as_deref() {
                Some(Expr::Tuple(tuple)) => &tuple.elts,
                Some(type_) => std::slice::from_ref(type_),
                None => continue,
            };
            if types.iter().any(|ty| is_one_of(cx, view, ty, classes)) {
                return Some(handler);
            }
        }
    }
    None
}

/// The name of the error, where a handler does more with it than to ask for its class, or to raise it or another.
pub(crate) fn shown<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    handler: &'v ExceptHandlerExceptHandler,
) -> Option<&'v str> {
    let name = handler.name.as_ref()?.as_str();
    let body = TextRange::new(handler.body.first()?.start(), handler.body.last()?.end());
    let shows = view.tree.nodes_within(body).any(|node| match node {
        AnyNodeRef::ExprName(it) if it.id.as_str() == name && it.ctx.is_load() => {
            match view.tree.parent(it) {
                Some(AnyNodeRef::StmtRaise(_)) => false,
                Some(AnyNodeRef::Arguments(arguments)) => {
                    let call = view.tree.parent(arguments);
                    !matches!(call, Some(AnyNodeRef::ExprCall(call))
                        if cx.api_of(view, &call.func) == Some("<builtin>.isinstance"))
                }
                _ => true,
            }
        }
        _ => false,
    });
    shows.then_some(name)
}

/// One of these words stands in all code of which [`reads_name`] says so.
pub(crate) const NAMING: [&str; 4] = ["__name__", "__qualname__", "repr", "!r"];

/// Whether code reads the name of one of these classes, or of the class of one of these objects, by `repr` among others.
pub(crate) fn reads_name(view: &View<'_>, code: TextRange, names: &[&str]) -> bool {
    let is_it = |expr: &Expr| match expr {
        Expr::Name(it) => names.contains(&it.id.as_str()),
        _ => false,
    };
    view.tree.nodes_within(code).any(|node| match node {
        AnyNodeRef::ExprAttribute(it) => {
            let is_class = match &*it.value {
                Expr::Call(call) => call.arguments.args.first().is_some_and(is_it),
                Expr::Attribute(class) => class.attr.as_str() == "__class__" && is_it(&class.value),
                other => is_it(other),
            };
            is_class && matches!(it.attr.as_str(), "__name__" | "__qualname__")
        }
        AnyNodeRef::ExprCall(call) => {
            let is_repr = matches!(&*call.func, Expr::Name(it) if it.id.as_str() == "repr");
            is_repr && call.arguments.args.first().is_some_and(is_it)
        }
        AnyNodeRef::InterpolatedElement(it) => {
            it.conversion == ConversionFlag::Repr && is_it(&it.expression)
        }
        _ => false,
    })
}
