//! Lambdas that wait. One that only hands on what a coroutine gives stays: who calls it awaits. Another one becomes a
//! function.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::facts::Cause;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_python::ast::{self, AnyNodeRef, Expr, ExprLambda, Stmt};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange, TextSize};

use super::builtin::is_written_out;
use crate::common::code::own_of;
use crate::context::{Context, View};

/// What becomes of a lambda.
pub(crate) enum Lambda {
    /// It stays, as it gives a coroutine.
    Stays,
    /// Its body is written out where it is called.
    WrittenOut,
    /// It stays, for its defaults or its name, and calls a function.
    Calls,
    /// It becomes a function.
    Function,
}

/// The lambda of a function.
pub(crate) fn lambda<'c>(cx: &Context<'c>, func: FuncId) -> Option<(&'c View<'c>, &'c ExprLambda)> {
    if cx.program.function(func).kind != FunctionKind::Lambda {
        return None;
    }
    let view = cx.view(cx.program.function_file(func))?;
    match view.tree.expr_at(cx.program.function(func).range)? {
        Expr::Lambda(lambda) => Some((view, lambda)),
        _ => None,
    }
}

/// What becomes of a lambda in which something waits.
pub(crate) fn becomes(
    cx: &Context<'_>,
    func: FuncId,
    lambda: &ExprLambda,
    view: &View<'_>,
) -> Lambda {
    if is_written_out(cx, view, lambda) {
        return Lambda::WrittenOut;
    }
    let mut ends = BTreeSet::new();
    tails(view, &lambda.body, &mut ends);
    let mut waits: BTreeSet<Place> = BTreeSet::new();
    let mut awaited = false;
    for cause in cx.facts().causes(func) {
        match cause {
            Cause::Call { place, .. } => {
                waits.insert(*place);
            }
            // Other rules write the `await`.
            Cause::Api { .. } | Cause::Operation(_) => awaited = true,
            Cause::Override(_) | Cause::Sibling { .. } | Cause::Spawned { .. } => {}
        }
    }
    if !awaited && waits == ends {
        Lambda::Stays
    } else if has_defaults(lambda) || cx.once(named).contains(&func) {
        Lambda::Calls
    } else {
        Lambda::Function
    }
}

/// The lambdas whose name somebody reads, as decorators do.
fn named(cx: &Context<'_>) -> BTreeSet<FuncId> {
    const NAMES: &[&str] = &["__name__", "__qualname__"];
    let mut found = BTreeSet::new();
    for view in cx.views_with(NAMES) {
        let read = view.tree.exprs().filter_map(|expr| match expr {
            Expr::Attribute(it) if NAMES.contains(&it.attr.as_str()) => Some(&*it.value),
            // `getattr(function, "__name__", "?")`
            Expr::Call(it) if cx.api_of(view, &it.func) == Some("<builtin>.getattr") => {
                it.arguments.args.first()
            }
            _ => None,
        });
        let values = read.flat_map(|of| cx.program.values_at(view.place(of)));
        let functions = values.filter_map(|value| match value {
            Value::Func(func) => Some(func),
            _ => None,
        });
        found.extend(functions.filter(|it| cx.program.function(*it).kind == FunctionKind::Lambda));
    }
    found
}

fn has_defaults(lambda: &ExprLambda) -> bool {
    let parameters = lambda.parameters.as_deref().into_iter();
    parameters
        .flat_map(ast::Parameters::iter_non_variadic_params)
        .any(|it| it.default.is_some())
}

/// The expressions whose value is that of the body.
fn tails(view: &View<'_>, body: &Expr, out: &mut BTreeSet<Place>) {
    match body {
        Expr::If(it) => {
            tails(view, &it.body, out);
            tails(view, &it.orelse, out);
        }
        _ => {
            out.insert(view.place(body));
        }
    }
}

const NAMES: &[&str] = &[
    "call",
    "_call_it",
    "wait",
    "_wait_for_it",
    "step",
    "_step",
    "run_it",
    "_run_it",
];

const WOULD: &str = "a lambda that waits would have to be a function";

/// A lambda becomes a function before its statement, or calls one where it `stays`.
///
/// # Errors
/// Why it can't.
pub(super) fn function(
    view: &View<'_>,
    lambda: &ExprLambda,
    stays: bool,
    taken: &mut BTreeSet<(Place, &'static str)>,
) -> Result<Vec<Edit>, String> {
    let expr = view
        .tree
        .expr_at(lambda.range())
        .ok_or("the lambda was not found")?;
    let around = || {
        let ancestors = view.tree.ancestors(expr);
        ancestors.take_while(|node| !node.is_statement())
    };
    if around().any(|node| matches!(node, AnyNodeRef::ExprLambda(_))) {
        return Err(format!("{WOULD}, and stands in another one"));
    }
    // What the function reads must be there before the statement, too.
    let targets: BTreeSet<&str> = around()
        .filter_map(loopshift_python::tree::generators)
        .flatten()
        .flat_map(|clause| own_of(&clause.target))
        .filter_map(|node| match node {
            AnyNodeRef::ExprName(name) => Some(name.id.as_str()),
            _ => None,
        })
        .collect();
    let own_names: Vec<&str> = lambda
        .parameters
        .as_deref()
        .into_iter()
        .flat_map(|it| it.iter().map(|it| it.name().as_str()))
        .collect();
    let reads = own_of(&lambda.body).into_iter().any(|node| match node {
        AnyNodeRef::ExprName(name) => {
            targets.contains(name.id.as_str()) && !own_names.contains(&name.id.as_str())
        }
        _ => false,
    });
    if reads {
        return Err(format!("{WOULD}, and reads a variable of a comprehension"));
    }
    let stmt = view
        .tree
        .enclosing_statement(lambda.range())
        .ok_or("the lambda was not found")?;
    if matches!(stmt, Stmt::ClassDef(_) | Stmt::FunctionDef(_)) {
        return Err(format!("{WOULD}, and stands in a definition"));
    }
    if stays {
        return calling(view, lambda, stmt, &own_names, taken);
    }
    let parameters: Vec<Piece> = lambda
        .parameters
        .as_deref()
        .map(|it| Piece::Source(it.range()))
        .into_iter()
        .collect();
    let head = |name: &str| {
        let mut text: Vec<Piece> = vec![format!("async def {name}(").into()];
        text.extend(parameters.iter().cloned());
        text.extend(["):\n    return ".into(), Piece::Source(lambda.body.range())]);
        text
    };
    // `name = lambda: …`
    if let Stmt::Assign(assign) = stmt
        && let [Expr::Name(name)] = &assign.targets[..]
        && assign.value.range() == lambda.range()
    {
        return Ok(vec![Edit::Replace {
            range: stmt.range(),
            pieces: head(name.id.as_str()),
        }]);
    }
    let name = new_name(view, lambda, taken)?;
    let mut before = head(name);
    before.push("\n".into());
    Ok(vec![
        Edit::Replace {
            range: TextRange::empty(stmt.start()),
            pieces: before,
        },
        Edit::Replace {
            range: lambda.range(),
            pieces: vec![name.into()],
        },
    ])
}

fn new_name(
    view: &View<'_>,
    lambda: &ExprLambda,
    taken: &mut BTreeSet<(Place, &'static str)>,
) -> Result<&'static str, String> {
    let is_taken = |name: &str| {
        let mut taken = taken.iter();
        taken.any(|(at, known)| at.file == view.file && *known == name)
    };
    let mut names = NAMES.iter().copied();
    let name = names
        .find(|name| view.is_fresh(name) && !is_taken(name))
        .ok_or("all names for a function are taken")?;
    taken.insert((view.place(lambda), name));
    Ok(name)
}

/// A lambda with a name that is read, or with defaults, which are evaluated where it stands: it stays, and calls a function
/// that waits.
fn calling(
    view: &View<'_>,
    lambda: &ExprLambda,
    stmt: &Stmt,
    names: &[&str],
    taken: &mut BTreeSet<(Place, &'static str)>,
) -> Result<Vec<Edit>, String> {
    let parameters = lambda.parameters.as_deref();
    let is_plain = |it: &ast::Parameters| {
        it.vararg.is_none() && it.kwarg.is_none() && it.kwonlyargs.is_empty()
    };
    if !parameters.is_none_or(is_plain) {
        return Err(format!("{WOULD}, and has defaults, or its name is read"));
    }
    let name = new_name(view, lambda, taken)?;
    let list = names.join(", ");
    let word = TextRange::at(lambda.start(), TextSize::of("lambda"));
    let head = parameters.map_or(word, |it| word.cover(it.range()));
    Ok(vec![
        Edit::Replace {
            range: TextRange::empty(stmt.start()),
            pieces: vec![
                format!("async def {name}({list}):\n    return ").into(),
                lambda.body.range().into(),
                "\n".into(),
            ],
        },
        Edit::Replace {
            range: lambda.range(),
            pieces: vec![Piece::Source(head), format!(": {name}({list})").into()],
        },
    ])
}
