//! What becomes of an argument that waits for its items, by the function that goes through it.

use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::iterate::{LATER, UNKNOWN, comprehension, listed};
use super::{Operation, fresh};
use crate::common::green::helper;
use crate::context::{Context, View};

/// Builtins that go through all of an argument at once, so that a list takes its place.
const AT_ONCE: &[&str] = &[
    "<builtin>.tuple",
    "<builtin>.frozenset",
    "<builtin>.sorted",
    "<builtin>.sum",
    "<builtin>.min",
    "<builtin>.max",
    "<builtin>.dict",
    "<builtin>.bytes",
    "<builtin>.bytearray",
    "<builtin>.dict.fromkeys",
    "<builtin>.str.join",
    "<builtin>.bytes.join",
    "<builtin>.list.extend",
    "<builtin>.set.update",
    "<builtin>.set.union",
    "<builtin>.set.intersection",
    "<builtin>.set.intersection_update",
    "<builtin>.set.difference",
    "<builtin>.set.difference_update",
    "<builtin>.set.symmetric_difference",
    "<builtin>.set.symmetric_difference_update",
    "<builtin>.set.isdisjoint",
    "<builtin>.set.issubset",
    "<builtin>.set.issuperset",
    "<builtin>.dict.update",
    "collections.deque",
    "collections.Counter",
    "collections.deque.extend",
    "collections.Counter.update",
];

/// Modules whose functions go through their arguments.
const ITERATING: &[&str] = &[
    "collections.",
    "heapq.",
    "itertools.",
    "random.",
    "statistics.",
];

/// What becomes of an argument that waits, by the function that goes through it.
pub(super) enum Consumer {
    /// `list` or `set`: the brackets of a comprehension.
    Display(&'static str, &'static str),
    /// What goes through all of it.
    AtOnce,
    /// What stops early: a helper that waits.
    Helper(&'static str),
    /// What goes through it step by step: a helper that is an async generator.
    Steps(&'static str),
    /// `next`.
    Next,
    /// `iter`.
    Iter,
    /// `map` and `filter`, which call a function for each item.
    Calls,
    /// What goes through it in a way that has no form.
    Other,
    /// A function of the program gets it.
    Ours,
    /// `isinstance`, which only asks what it is.
    Asks,
}

/// Who goes through the argument of a call.
pub(super) fn consumer(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Option<Consumer> {
    let mut found = None;
    for value in cx.program.values_at(view.place(&*call.func)) {
        let name = match value {
            Value::External(sym) | Value::ExternalBound(sym, _) => cx.program.flow.text(sym),
            Value::Func(_) | Value::Bound(..) | Value::Class(_) | Value::Partial(_) => "ours",
            _ => return None,
        };
        if found.is_some_and(|known| known != name) {
            return None;
        }
        found = Some(name);
    }
    Some(match found? {
        "ours" => Consumer::Ours,
        "<builtin>.isinstance" if asks_for_plain(cx, view, call) => Consumer::Asks,
        "<builtin>.list" => Consumer::Display("[", "]"),
        "<builtin>.set" => Consumer::Display("{", "}"),
        "<builtin>.any" => Consumer::Helper("any"),
        "<builtin>.all" => Consumer::Helper("all"),
        "<builtin>.enumerate" => Consumer::Steps("enumerate"),
        "<builtin>.zip" => Consumer::Steps("zip_waiting"),
        "itertools.chain" => Consumer::Steps("chain"),
        "itertools.islice" => Consumer::Steps("islice"),
        "<builtin>.next" => Consumer::Next,
        "<builtin>.iter" => Consumer::Iter,
        "<builtin>.map" | "<builtin>.filter" => Consumer::Calls,
        name if AT_ONCE.contains(&name) => Consumer::AtOnce,
        "<builtin>.reversed" | "functools.reduce" => Consumer::Other,
        name if ITERATING.iter().any(|module| name.starts_with(module)) => Consumer::Other,
        _ => return None,
    })
}

/// Classes of which no generator is, whether it waits or not.
const PLAIN: &[&str] = &[
    "<builtin>.str",
    "<builtin>.bytes",
    "<builtin>.bytearray",
    "<builtin>.list",
    "<builtin>.tuple",
    "<builtin>.dict",
    "<builtin>.set",
    "<builtin>.frozenset",
    "<builtin>.int",
    "<builtin>.float",
    "<builtin>.bool",
];

/// Whether `isinstance` asks for nothing else than such classes.
fn asks_for_plain(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let is_plain = |class: &Expr| cx.api_of(view, class).is_some_and(|it| PLAIN.contains(&it));
    match &*call.arguments.args {
        [_, Expr::Tuple(classes)] => classes.elts.iter().all(is_plain),
        [_, class] => is_plain(class),
        _ => false,
    }
}

#[allow(clippy::too_many_arguments, reason = "what stands where")]
pub(super) fn given(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    expr: &Expr,
    source: &[Piece],
    consumer: &Consumer,
    closes: bool,
    operation: &mut Operation,
) -> Result<Vec<Edit>, String> {
    let alone = call.arguments.args.len() == 1 && call.arguments.keywords.is_empty();
    let around = |text: &'static str| Edit::Replace {
        range: call.func.range(),
        pieces: vec![text.into()],
    };
    let named = |name: &str| -> Result<Edit, String> {
        let helper = helper(name).ok_or("a helper is missing")?;
        Ok(Edit::Replace {
            range: call.func.range(),
            pieces: vec![Piece::Helper(helper)],
        })
    };
    let mut out = Vec::new();
    match consumer {
        Consumer::Display(open, close) if alone => {
            let pieces = comprehension(view, source, open, close);
            let range = call.range();
            out.push(Edit::Replace { range, pieces });
        }
        Consumer::Display(..) | Consumer::AtOnce => {
            out.push(listed(view, expr.range(), source));
        }
        Consumer::Helper(name) => {
            out.push(named(name)?);
            operation.around.push(super::awaited(view, call));
        }
        Consumer::Next => {
            if !cx.settings.python_has(3, 10) {
                return Err("`anext` came with Python 3.10".to_owned());
            }
            out.push(around("anext"));
            operation.around.push(super::awaited(view, call));
            out.extend(super::stop_iteration(view, call));
            if closes && expr.is_call_expr() {
                operation.caveat = Some(LATER);
            }
        }
        Consumer::Steps(name) => out.extend(steps(cx, view, call, name)?),
        Consumer::Iter if alone => {
            if !cx.settings.python_has(3, 10) {
                return Err("`aiter` came with Python 3.10".to_owned());
            }
            // What goes through an iterator of the language's own is not seen.
            let is_seen = |value: Value| matches!(value, Value::Generator(_) | Value::Instance(_));
            if !cx.program.values_at(view.place(call)).all(is_seen) {
                return Err(UNKNOWN.to_owned());
            }
            out.push(around("aiter"));
            operation.waits = false;
        }
        Consumer::Iter | Consumer::Calls | Consumer::Other => return Err(UNKNOWN.to_owned()),
        Consumer::Ours | Consumer::Asks => {}
    }
    if source.len() > 1 && !matches!(consumer, Consumer::Display(..) | Consumer::AtOnce) {
        let range = expr.range();
        let pieces = source.to_vec();
        out.push(Edit::Replace { range, pieces });
    }
    Ok(out)
}

/// `list(map(str, …))`, where the function does nothing else than to give a value: all items are waited for before it is
/// called.
pub(super) fn called_at_once(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    expr: &Expr,
    source: &[Piece],
) -> Result<Edit, String> {
    let [function, _] = &call.arguments.args[..] else {
        return Err(UNKNOWN.to_owned());
    };
    let mut values = cx.program.values_at(view.place(function)).peekable();
    let is_builtin = |value| match value {
        Value::External(sym) => cx.program.flow.text(sym).starts_with("<builtin>."),
        _ => false,
    };
    let plain =
        function.is_none_literal_expr() || (values.peek().is_some() && values.all(is_builtin));
    let outer = view
        .tree
        .expr_at(call.range())
        .and_then(|call| view.tree.ancestors(call).find_map(AnyNodeRef::as_expr_ref))
        .and_then(|outer| view.tree.expr_at(outer.range()));
    let at_once = match outer {
        Some(Expr::Call(outer)) => matches!(
            consumer(cx, view, outer),
            Some(Consumer::Display(..) | Consumer::AtOnce)
        ),
        _ => false,
    };
    if !plain || !at_once {
        return Err(UNKNOWN.to_owned());
    }
    Ok(listed(view, expr.range(), source))
}

/// A call that hands on items one after the other, and waits for them: a helper in its place, and what goes through that.
fn steps(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    name: &str,
) -> Result<Vec<Edit>, String> {
    let parent = view
        .tree
        .expr_at(call.range())
        .and_then(|it| view.tree.parent(it));
    let mut out = match parent {
        Some(AnyNodeRef::StmtFor(it)) if it.iter.range() == call.range() => {
            vec![Edit::insert(it.start(), "async ", &[])]
        }
        Some(AnyNodeRef::Comprehension(it)) if it.iter.range() == call.range() => {
            vec![Edit::insert(it.start(), "async ", &[])]
        }
        Some(AnyNodeRef::Arguments(_)) => steps_within(cx, view, call)?,
        _ => return Err(UNKNOWN.to_owned()),
    };
    out.push(Edit::Replace {
        range: call.func.range(),
        pieces: vec![Piece::Helper(helper(name).ok_or("a helper is missing")?)],
    });
    Ok(out)
}

/// `list(islice(…))` and `enumerate(zip(…))`, where the inner call waits.
fn steps_within(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Result<Vec<Edit>, String> {
    let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    let outer = view.tree.ancestors(expr).find_map(|node| match node {
        AnyNodeRef::ExprCall(outer) => Some(outer),
        _ => None,
    });
    let outer = outer.ok_or(UNKNOWN)?;
    let is_first = outer.arguments.args.first().map(Ranged::range) == Some(call.range());
    let alone = outer.arguments.args.len() == 1 && outer.arguments.keywords.is_empty();
    let item = fresh(view);
    match consumer(cx, view, outer) {
        Some(Consumer::Display(open, close)) if is_first && alone => {
            let head = TextRange::new(outer.start(), call.start());
            let tail = TextRange::new(call.end(), outer.end());
            let open = format!("{open}{item} async for {item} in ");
            Ok(vec![
                Edit::replace(head, "{0}", &[open.into()]),
                Edit::replace(tail, "{0}", &[close.into()]),
            ])
        }
        Some(Consumer::AtOnce) if is_first => {
            let open = format!("[{item} async for {item} in ");
            Ok(vec![
                Edit::insert(call.start(), "{0}", &[open.into()]),
                Edit::insert(call.end(), "]", &[]),
            ])
        }
        Some(Consumer::Steps(name)) if is_first || name == "zip_waiting" => {
            steps(cx, view, outer, name)
        }
        _ => Err(UNKNOWN.to_owned()),
    }
}
