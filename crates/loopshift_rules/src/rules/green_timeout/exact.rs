//! A class in place of the library's, for programs that could tell `asyncio.timeout` from it.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::facts::Colour;
use loopshift_engine::flow::value::Value;
use loopshift_engine::graph::functions;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, ExceptHandlerExceptHandler, Expr};
use loopshift_python::edit::{Edit, Piece, Wrap, pieces};

use super::home::Home;
use super::{
    Found, RULE, asks_nothing, first_to_catch, handler_of, inside, last, reaches, timeout_error,
};
use crate::catalog::{Api, Kind};
use crate::common::arguments::without;
use crate::common::code::Reach;
use crate::common::green::{anchor, bracketed, helper, timeouts};
use crate::context::{Context, View};
use crate::recipe::Cooperation;

/// All timeouts of a part of the program. `others` are the calls that may raise `TimeoutError` where timeouts were raised.
pub(super) fn plan(
    cx: &Context<'_>,
    reach: &Reach,
    uses: &[Found<'_>],
    files: &impl Fn(usize) -> bool,
    others: &[Place],
    changes: &mut Vec<Change>,
) {
    let Some((first, ..)) = uses.first() else {
        return;
    };
    let message = format!("`{}` becomes a class of the program", first.api);
    let mut change = Change::new(RULE, first.place, &*first.api, message);
    change.covers = uses.iter().map(|(use_, ..)| use_.place).collect();
    match edits(cx, reach, uses, files, others, &mut change) {
        Ok(()) => changes.push(change),
        Err((place, reason)) => {
            let mut declined = Change::declined(RULE, place, change.api, reason);
            declined.covers = change.covers;
            changes.push(declined);
        }
    }
}

fn edits(
    cx: &Context<'_>,
    reach: &Reach,
    uses: &[Found<'_>],
    files: &impl Fn(usize) -> bool,
    others: &[Place],
    change: &mut Change,
) -> Result<(), (Place, String)> {
    if let Some(place) = inside::given(cx, files) {
        let reason = "it is given a timeout as its time, which it would start and end";
        return Err((place, reason.to_owned()));
    }
    let bodies = inside::bodies(cx, reach, uses, files);
    let mut homes: BTreeSet<FileId> = bodies.iter().map(|(view, _)| view.file).collect();
    // Methods keep their names.
    let named = |api: &Api| api.kind == Kind::Exception || api.kind == Kind::Function;
    homes.extend(
        uses.iter()
            .filter(|(_, api, _)| named(api))
            .map(|(use_, ..)| use_.place.file),
    );
    let library = &uses[0].0.api;
    let class = if library.starts_with("eventlet") {
        &timeouts::EVENTLET
    } else {
        &timeouts::GEVENT
    };
    let home = Home::new(cx, &homes, class).map_err(|reason| (uses[0].0.place, reason))?;
    for (use_, api, view) in uses {
        let at = |reason: String| (use_.place, reason);
        let class = home.class(view.file);
        match (api.kind, last(&use_.api)) {
            (Kind::Exception, _) => {
                let other = match handler_of(view, use_.place.range) {
                    Some(handler) => gets(cx, reach, view, handler, others),
                    None => !others.is_empty(),
                };
                named_class(cx, use_, api, view, class, other, change).map_err(at)?;
            }
            (_, "with_timeout") => {
                let part = with_timeout(cx, use_, api, view, Some(class)).map_err(at)?;
                change.edits.extend(part.edits);
                change.covers.extend(part.covers);
                change.requires.extend(part.requires);
            }
            (_, "is_timeout") => {
                let part = is_timeout(use_, view, Some(class)).map_err(at)?;
                change.edits.extend(part.edits);
            }
            (_, "start_new") => plain_arguments(cx, use_, api, view, change).map_err(at)?,
            // Its methods and attributes keep their names.
            _ => {}
        }
    }
    for (view, range) in bodies {
        let place = Place {
            file: view.file,
            range,
        };
        view.can_wrap(range)
            .map_err(|reason| (place, reason.to_owned()))?;
        let header = vec!["with ".into(), home.class(view.file), ".raised():".into()];
        let wrap = Edit::Wrap(Wrap {
            range,
            before: Vec::new(),
            header,
            last: Vec::new(),
            after: Vec::new(),
        });
        change.edits.push((view.file, wrap));
    }
    Ok(())
}

/// Whether a handler may get what one of the calls raises.
fn gets(
    cx: &Context<'_>,
    reach: &Reach,
    view: &View<'_>,
    handler: &ExceptHandlerExceptHandler,
    calls: &[Place],
) -> bool {
    let around = view.tree.parent(handler);
    around.is_none_or(|it| reaches(cx, reach, view.place(it), calls).is_err())
}

/// The class of the library, wherever it is named.
fn named_class(
    cx: &Context<'_>,
    use_: &Use,
    api: &Api,
    view: &View<'_>,
    class: Piece,
    other: bool,
    change: &mut Change,
) -> Result<(), String> {
    let expr = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it can't be found")?;
    if !use_.only || !view.is_direct(expr) {
        return Err("it is used through a variable that may hold something else".to_owned());
    }
    plain_arguments(cx, use_, api, view, change)?;
    let handler = handler_of(view, use_.place.range);
    let is_caught = handler.is_some() || is_expected(view, expr);
    let is_made = view.call_of(use_.place.range).is_some();
    if other && !is_made && !is_caught && !is_base(view, expr) {
        return Err("what waits for a while raises asyncio's own class of timeouts, which it would not be compared with".to_owned());
    }
    let mut text = vec![class];
    if other && is_caught {
        if let Some(handler) = handler {
            first_to_catch(view, handler)?;
            asks_nothing(handler)?;
        }
        text.push(", ".into());
        text.extend(timeout_error(cx));
        if !matches!(view.tree.parent(expr), Some(AnyNodeRef::ExprTuple(_))) {
            text.insert(0, "(".into());
            text.push(")".into());
        }
    }
    let edit = Edit::Replace {
        range: use_.place.range,
        pieces: text,
    };
    change.edits.push((view.file, edit));
    Ok(())
}

/// Whether a block is expected to raise it, or may, and nobody looks at it then: `with self.assertRaises(Timeout):`
fn is_expected(view: &View<'_>, expr: &Expr) -> bool {
    let mut around = view
        .tree
        .ancestors(expr)
        .filter(|node| !matches!(node, AnyNodeRef::Arguments(_)));
    let (Some(AnyNodeRef::ExprCall(call)), Some(AnyNodeRef::WithItem(item))) =
        (around.next(), around.next())
    else {
        return false;
    };
    let name = match &*call.func {
        Expr::Name(it) => it.id.as_str(),
        Expr::Attribute(it) => it.attr.as_str(),
        _ => return false,
    };
    let arguments = &call.arguments;
    matches!(name, "assertRaises" | "raises" | "suppress")
        && item.optional_vars.is_none()
        && arguments
            .args
            .first()
            .is_some_and(|it| it.range() == expr.range())
        && arguments.len() == 1
}

/// Whether a class of the program derives from it, or a method of the class is called.
fn is_base(view: &View<'_>, expr: &Expr) -> bool {
    let of_class = |node| matches!(node, AnyNodeRef::StmtClassDef(_));
    match view.tree.parent(expr) {
        Some(AnyNodeRef::Arguments(it)) => {
            let mut around = view.tree.ancestors(expr);
            around
                .find(|node| !matches!(node, AnyNodeRef::Arguments(_)))
                .is_some_and(of_class)
                && it.args.iter().any(|arg| arg.range() == expr.range())
        }
        Some(AnyNodeRef::ExprAttribute(_)) => true,
        other => other.is_some_and(of_class),
    }
}

/// Takes the arguments out of a call that only matter to gevent's own event loop.
fn plain_arguments(
    cx: &Context<'_>,
    use_: &Use,
    api: &Api,
    view: &View<'_>,
    change: &mut Change,
) -> Result<(), String> {
    let Some(call) = view.call_of(use_.place.range) else {
        return Ok(());
    };
    if cx.bind(api, call).is_err() {
        return Err("its arguments are not known".to_owned());
    }
    if call.arguments.args.len() > 2 {
        return Err("it is given more than a time and an exception".to_owned());
    }
    for keyword in &call.arguments.keywords {
        let name = keyword.arg.as_ref().map_or("", |name| name.as_str());
        if matches!(name, "seconds" | "timeout" | "exception") {
            continue;
        }
        let gone = without(view, call, keyword).ok_or("a comment stands between its arguments")?;
        change.edits.push((view.file, Edit::delete(gone)));
    }
    Ok(())
}

/// A call within a time: of asyncio's where no class is given.
pub(super) fn with_timeout(
    cx: &Context<'_>,
    use_: &Use,
    api: &Api,
    view: &View<'_>,
    class: Option<Piece>,
) -> Result<Change, String> {
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function")?;
    let [seconds, function, ..] = &call.arguments.args[..] else {
        return Err("the time and the function are not its first arguments".to_owned());
    };
    if seconds.is_starred_expr() || function.is_starred_expr() || !use_.only {
        return Err("it is not known what it calls".to_owned());
    }
    let message = format!("`{}` becomes a function of the program", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let given = call
        .arguments
        .keywords
        .iter()
        .any(|keyword| keyword.arg.as_ref().is_some_and(|it| it == "timeout_value"));
    let is_async = runs(cx, view, function, &mut change)?;
    let (name, exact) = match class {
        Some(class) => ("limited", Some(class)),
        None if given && is_async && cx.settings.python_has(3, 11) => ("with_timeout", None),
        None => return Err("the timeout is raised, or what it calls may not wait".to_owned()),
    };
    let _ = api;
    let helper = helper(name).ok_or("a helper is missing")?;
    let mut text: Vec<Piece> = vec!["await ".into(), Piece::Helper(helper), "(".into()];
    match exact {
        Some(class) => {
            text.extend([
                class,
                "(".into(),
                Piece::Source(seconds.range()),
                ")".into(),
            ]);
        }
        None => text.push(Piece::Source(seconds.range())),
    }
    let inner = crate::common::arguments::inside(call);
    let rest = loopshift_python::TextRange::new(seconds.end(), inner.end());
    text.extend([Piece::Source(rest), ")".into()]);
    let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: bracketed(view, expr, text),
    });
    let owner = cx.program.function_at(view.place(call));
    change.requires.push(anchor(cx, owner));
    Ok(change)
}

/// Whether all that a call within a time may run is async after the migration.
fn runs(
    cx: &Context<'_>,
    view: &View<'_>,
    function: &Expr,
    change: &mut Change,
) -> Result<bool, String> {
    let mut is_async = true;
    for value in cx.program.values_at(view.place(function)) {
        match value {
            Value::External(sym) | Value::ExternalBound(sym, _) => {
                let name = cx.program.flow.text(sym);
                let is_patched = || {
                    let row = cx.catalog.get(name);
                    row.is_some_and(|row| Cooperation::of(cx).switches(row))
                };
                if last(name) == "sleep" && (cx.recipe.moves(name) || is_patched()) {
                    change.covers.push(view.place(function));
                    change.edit(Edit::replace(function.range(), "{@asyncio}.sleep", &[]));
                } else if cx.recipe.moves(name) {
                    return Err(format!(
                        "it runs `{name}`, which is no function of the program"
                    ));
                } else {
                    is_async = false;
                }
            }
            Value::Func(_) | Value::Bound(..) | Value::Partial(_) => {
                for func in functions(&cx.program.flow, std::iter::once(value)) {
                    match cx.facts().colour(func) {
                        Colour::Async | Colour::Becomes(_) => {}
                        Colour::Sync | Colour::Enters(_) | Colour::Behind(_) => is_async = false,
                        Colour::Outside(_) => {
                            let name = cx.program.qualified_name(func);
                            return Err(format!("`{name}` stays a function for green threads"));
                        }
                        Colour::Unknown(reason) => return Err(reason.clone()),
                    }
                }
            }
            _ => return Err("it is not known what it calls".to_owned()),
        }
    }
    Ok(is_async)
}

/// `is_timeout(error)`.
pub(super) fn is_timeout(
    use_: &Use,
    view: &View<'_>,
    class: Option<Piece>,
) -> Result<Change, String> {
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function")?;
    let [error] = &call.arguments.args[..] else {
        return Err("it is not known what it asks about".to_owned());
    };
    let message = format!("`{}` becomes a test of the class", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let mut text: Vec<Piece> = pieces("isinstance({0}, ", &[Piece::Source(error.range())]);
    match class {
        Some(class) => text.extend(["(".into(), class, ", TimeoutError))".into()]),
        None => text.push("TimeoutError)".into()),
    }
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: text,
    });
    Ok(change)
}
