//! The definitions of functions that become async.

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::facts::Colour;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_python::ast::{AnyNodeRef, Decorator, Expr, StmtFunctionDef};
use loopshift_python::edit::{Edit, Import, Piece};
use loopshift_python::{Ranged, TextRange, TextSize};

use super::iterate::generator;
use super::methods::{last_name, twin};
use super::pytest::Tests;
use super::{entering, factory, sentinel};
use crate::common::code::{definition, own};
use crate::common::green::anchor;
use crate::context::{Context, View};

/// Whether a function can become async, if it is no body of a module.
///
/// # Errors
/// Why it can't.
pub(super) fn can_be_async(cx: &Context<'_>, func: FuncId) -> Result<(), (Place, String)> {
    let is_module = cx.program.function(func).kind == FunctionKind::Module;
    match cx.facts().colour(func) {
        Colour::Unknown(reason) if !is_module => {
            let name = cx.program.qualified_name(func);
            let reason = format!("`{name}` would have to be async: {reason}");
            Err((anchor(cx, func), reason))
        }
        _ => Ok(()),
    }
}

/// The edits of a definition. `is_getter` says that it is that of a property.
///
/// # Errors
/// The place that stands in the way, and why.
pub(super) fn edits(
    cx: &Context<'_>,
    tests: &Tests,
    func: FuncId,
    is_getter: bool,
) -> Result<Vec<(FileId, Edit)>, (Place, String)> {
    let place = anchor(cx, func);
    let name = cx.program.qualified_name(func);
    let at = |reason: &str| (place, format!("`{name}` would have to be async: {reason}"));
    let found = definition(cx, func).and_then(|(view, def)| Some((view, def, keyword(view, def)?)));
    let Some((view, def, keyword)) = found else {
        return Err((place, "its definition was not found".to_owned()));
    };
    let function = cx.program.function(func);
    if matches!(cx.facts().colour(func), Colour::Enters(_)) {
        let edits = entering::edits(cx, view, func, def).map_err(|reason| at(&reason))?;
        return Ok(edits.into_iter().map(|edit| (view.file, edit)).collect());
    }
    let mut out = tests.edits(cx, view, func, def).map_err(at)?;
    if function.class.is_some() && last_name(cx, func) == "__init__" {
        out.extend(factory::definition(cx, func, def));
    }
    let gives = sentinel::gives(cx, func);
    if !gives {
        out.push(Edit::insert(keyword, "async ", &[]));
    }
    if function.class.is_some() {
        let last = last_name(cx, func);
        if last == "__iter__" && !function.is_generator && !gives {
            return Err(at("what gives an async iterator can't wait"));
        }
        if let Some(twin) = twin(cx, func) {
            out.push(Edit::replace(def.name.range(), "{0}", &[twin.into()]));
            if last != "__init__" {
                out.extend(named_in_class(view, def, twin));
            }
        }
        if last == "__next__" {
            out.extend(own(&def.body).into_iter().filter_map(raised));
        }
    }
    if function.is_generator {
        out.extend(generator(cx, view, &def.body).map_err(|reason| at(&reason))?);
    }
    out.extend(decorators(cx, view, def, keyword, is_getter).map_err(at)?);
    Ok(out.into_iter().map(|edit| (view.file, edit)).collect())
}

/// The other places of its class that have a method by its name: `next = __next__`.
fn named_in_class(view: &View<'_>, def: &StmtFunctionDef, twin: &'static str) -> Vec<Edit> {
    let (name, class) = (def.name.as_str(), view.scopes.at(def.start()));
    let places = view.scopes.references_of(name);
    let same = places.filter(|it| view.scopes.resolve(name, it.scope) == Some(class));
    same.map(|it| Edit::replace(it.range, "{0}", &[twin.into()]))
        .collect()
}

/// Where `def` stands.
fn keyword(view: &View<'_>, def: &StmtFunctionDef) -> Option<TextSize> {
    let head = &view.source[..def.name.start().to_usize()];
    TextSize::try_from(head.rfind("def")?).ok()
}

/// `raise StopIteration` of an iterator.
fn raised(node: AnyNodeRef<'_>) -> Option<Edit> {
    let AnyNodeRef::StmtRaise(raise) = node else {
        return None;
    };
    match raise.exc.as_deref()? {
        Expr::Call(call) => super::ends(&call.func),
        other => super::ends(other),
    }
}

/// What becomes of the decorators.
fn decorators(
    cx: &Context<'_>,
    view: &View<'_>,
    def: &StmtFunctionDef,
    keyword: TextSize,
    is_getter: bool,
) -> Result<Vec<Edit>, &'static str> {
    let mut out = Vec::new();
    let mut was_property = false;
    for (index, decorator) in def.decorator_list.iter().enumerate() {
        let next = def.decorator_list.get(index + 1);
        let end = next.map_or(keyword, Ranged::start);
        match name(cx, view, decorator) {
            Some("<builtin>.property") => {
                was_property = true;
                out.push(Edit::delete(TextRange::new(decorator.start(), end)));
            }
            Some("contextlib.contextmanager") => out.push(manager(&decorator.expression)),
            Some(
                "functools.lru_cache"
                | "functools.cache"
                | "functools.cached_property"
                | "functools.singledispatch",
            ) => {
                return Err("its decorator would keep the coroutine, and not what that gives");
            }
            _ => {}
        }
    }
    if is_getter && !was_property {
        return Err("it is made a property in a way that is not followed");
    }
    Ok(out)
}

/// The API that a decorator is, or that makes it.
fn name<'c>(cx: &Context<'c>, view: &View<'_>, decorator: &Decorator) -> Option<&'c str> {
    let expr = match &decorator.expression {
        Expr::Call(call) => &*call.func,
        other => other,
    };
    let mut values = cx.program.values_at(view.place(expr));
    values.find_map(|value| match value {
        Value::External(sym) => Some(cx.program.flow.text(sym)),
        _ => None,
    })
}

/// `asynccontextmanager`, as the decorator is written.
fn manager(expr: &Expr) -> Edit {
    const NAME: &str = "asynccontextmanager";
    match expr {
        Expr::Attribute(it) => Edit::replace(it.attr.range(), "{0}", &[NAME.into()]),
        other => Edit::Replace {
            range: other.range(),
            pieces: vec![Piece::Import(Import {
                module: "contextlib".into(),
                name: Some(NAME.into()),
            })],
        },
    }
}
