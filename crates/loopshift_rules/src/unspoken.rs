//! The reason for a use that no rule has spoken about: what it is there, and what would help.

use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{self, AnyNodeRef, Expr, ExprContext};

use crate::catalog::{Api, Kind};
use crate::context::View;

/// What stands in the way of a use, in words for the user. What the program does to the API itself counts before what
/// the catalog says of it, and that before the form in which it is used.
pub(crate) fn reason(view: Option<&View<'_>>, use_: &Use, api: Option<&Api>) -> String {
    let Some(api) = api else {
        return format!(
            "`{}` is not in the catalog: no version of its library that is known has it; a row in loopshift.toml can say what becomes of it",
            use_.api
        );
    };
    let why_not = api.why_not.as_deref();
    let found = view.and_then(|view| Some((view, view.tree.expr_at(use_.place.range)?)));
    let Some((view, expr)) = found else {
        return why_not
            .unwrap_or("it stands where no expression is")
            .to_owned();
    };
    if let Some(reason) = tampered(view, expr, use_) {
        return reason;
    }
    if let Some(why_not) = why_not {
        return why_not.to_owned();
    }
    form(view, expr, use_, api)
}

/// Where the program reaches into the library: it derives from a class, takes a method from it, or puts something else
/// in its place.
fn tampered(view: &View<'_>, expr: &Expr, use_: &Use) -> Option<String> {
    let api = &use_.api;
    match context(expr) {
        ExprContext::Store => {
            return Some(format!(
                "`{api}` is given another value here, which its other uses may rely on"
            ));
        }
        ExprContext::Del => return Some(format!("`{api}` is deleted here")),
        _ => {}
    }
    let attribute = expr.as_attribute_expr()?;
    let (owner, member) = api.rsplit_once('.')?;
    if is_super(&attribute.value) {
        return Some(format!(
            "a class of the program derives from `{owner}` and calls its `{member}` here; a class that holds such an object in an attribute could move"
        ));
    }
    let of_class = !use_.member && owner.contains('.') && view.is_direct(expr);
    let starts_upper = owner.rsplit('.').next()?.starts_with(char::is_uppercase);
    (of_class && starts_upper).then(|| {
        format!(
            "`{member}` is taken from the class `{owner}` and not from an object that can be followed; call it on the object"
        )
    })
}

/// What is done with the API at this place.
fn form(view: &View<'_>, expr: &Expr, use_: &Use, api: &Api) -> String {
    let what = if use_.member {
        "the method or attribute"
    } else {
        match api.kind {
            Kind::Class | Kind::Exception => "the class",
            Kind::Function | Kind::Method => "the function",
            Kind::Property | Kind::Constant => "the value",
            Kind::Module => "the module",
        }
    };
    if !use_.only && api.kind != Kind::Constant {
        return format!("{what} is one of several things that this expression may be");
    }
    if !use_.member && !view.is_direct(expr) {
        return format!("{what} comes through a variable here; use its name");
    }
    let done = done_with(view, expr);
    if use_.member {
        let owner = use_.api.rsplit_once('.').map_or("", |(owner, _)| owner);
        return format!(
            "{what} {done}, and no rule follows the `{owner}` that it belongs to as far as here"
        );
    }
    format!("{what} {done}, where no rule has a counterpart for it")
}

fn done_with(view: &View<'_>, expr: &Expr) -> String {
    let range = expr.range();
    for node in view.tree.ancestors(expr) {
        let is = |other: &Expr| other.range().contains_range(range);
        let done = match node {
            AnyNodeRef::ExprCall(call) if call.func.range() == range => "is called",
            AnyNodeRef::ExprCall(call) => match name_of(&call.func) {
                Some("isinstance" | "issubclass") => "is tested for",
                Some("getattr" | "hasattr" | "setattr" | "delattr") => "is looked into by name",
                Some(name) => return format!("is passed on to `{name}`"),
                None => "is passed on as an argument",
            },
            AnyNodeRef::ExprAttribute(attribute) => {
                return format!("has its attribute `{}` read", attribute.attr);
            }
            AnyNodeRef::ExceptHandlerExceptHandler(_) => "is caught",
            AnyNodeRef::StmtRaise(_) => "is raised",
            AnyNodeRef::Decorator(_) => "is used as a decorator",
            AnyNodeRef::StmtClassDef(_) => "is the base of a class",
            AnyNodeRef::Parameter(_) => "stands in an annotation",
            AnyNodeRef::StmtFunctionDef(def) if def.returns.as_deref().is_some_and(is) => {
                "stands in an annotation"
            }
            AnyNodeRef::StmtAnnAssign(assign) if is(&assign.annotation) => {
                "stands in an annotation"
            }
            AnyNodeRef::ParameterWithDefault(_) => "is the default of a parameter",
            AnyNodeRef::ExprCompare(_) => "is compared",
            AnyNodeRef::ExprAwait(_) => "is awaited",
            AnyNodeRef::PatternMatchClass(_) | AnyNodeRef::PatternMatchValue(_) => {
                "stands in a pattern"
            }
            AnyNodeRef::WithItem(_) => "is entered",
            AnyNodeRef::ExprSubscript(subscript) if subscript.value.range() == range => {
                "is subscripted"
            }
            AnyNodeRef::StmtReturn(_) | AnyNodeRef::ExprYield(_) => "is handed back",
            AnyNodeRef::StmtExpr(_) => "stands there without being used",
            AnyNodeRef::StmtAssign(_) | AnyNodeRef::StmtAnnAssign(_) | AnyNodeRef::ExprNamed(_) => {
                "is kept in a variable"
            }
            // What holds it decides.
            AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) | AnyNodeRef::ExprStarred(_) => {
                continue;
            }
            _ if is_container(node) => continue,
            _ => "is used as a value",
        };
        return done.to_owned();
    }
    "is used as a value".to_owned()
}

fn is_container(node: AnyNodeRef<'_>) -> bool {
    matches!(
        node,
        AnyNodeRef::ExprTuple(_)
            | AnyNodeRef::ExprList(_)
            | AnyNodeRef::ExprSet(_)
            | AnyNodeRef::ExprDict(_)
            | AnyNodeRef::ExprSubscript(_)
            | AnyNodeRef::ExprBinOp(_)
    )
}

fn context(expr: &Expr) -> ExprContext {
    match expr {
        Expr::Attribute(attribute) => attribute.ctx,
        Expr::Name(name) => name.ctx,
        _ => ExprContext::Load,
    }
}

fn is_super(expr: &Expr) -> bool {
    let callee = expr
        .as_call_expr()
        .and_then(|call| call.func.as_name_expr());
    callee.is_some_and(|name| name.id == "super")
}

fn name_of(callee: &Expr) -> Option<&str> {
    match callee {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(ast::ExprAttribute { attr, .. }) => Some(attr.as_str()),
        _ => None,
    }
}
