//! What is entered and waits: `with` becomes `async with`.

use std::collections::BTreeSet;

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{FuncId, Node};
use loopshift_python::ast::{AnyNodeRef, Expr, StmtWith, WithItem};
use loopshift_python::edit::{Edit, Piece, Wrap};
use loopshift_python::{Ranged, TextRange};

use super::Operation;
use super::methods::method;
use crate::common::green::is_coloured;
use crate::context::{Context, View};

mod stack;

/// All `with` over objects of the program whose entering or leaving waits.
pub(super) fn operations(cx: &Context<'_>, out: &mut Vec<Operation>) {
    let yields = generators(cx);
    let is_entered = |value| match value {
        Value::External(sym) | Value::ExternalBound(sym, _) | Value::Object(sym, _) => {
            cx.program.flow.text(sym).starts_with(stack::CLASS)
        }
        value => !entering(cx, value, &yields).is_empty(),
    };
    for view in cx.views_where(is_entered) {
        for node in view.tree.nodes() {
            if let AnyNodeRef::ExprCall(call) = node {
                out.extend(stack::elsewhere(cx, view, call, &yields));
                continue;
            }
            let AnyNodeRef::StmtWith(with) = node else {
                continue;
            };
            if with.is_async {
                continue;
            }
            out.extend(operation(cx, view, with, &yields));
        }
    }
}

/// A `with` where something waits that is entered there, or that a stack enters which is.
fn operation(
    cx: &Context<'_>,
    view: &View<'_>,
    with: &StmtWith,
    generators: &[(Node, FuncId)],
) -> Option<Operation> {
    let place = view.place(&with.items[0].context_expr);
    let mut operation = Operation::new(place, BTreeSet::new());
    let mut waits = Vec::new();
    for item in &with.items {
        if let Some(stack) = stack::operation(cx, view, item, generators) {
            operation.functions.extend(stack.functions);
            operation.edits.extend(stack.edits);
            operation.around.extend(stack.around);
            operation.reason = operation.reason.or(stack.reason);
            waits.push(true);
            continue;
        }
        let (functions, plain) = entered(cx, view, &item.context_expr, generators);
        if plain && !functions.is_empty() {
            let reason = "what is entered there waits, or does not: it may be either";
            operation.reason = Some(reason.to_owned());
        }
        waits.push(!functions.is_empty() || is_moved(cx, view, &item.context_expr));
        operation.functions.extend(functions);
    }
    if operation.functions.is_empty() {
        return None;
    }
    match edits(view, with, &waits) {
        Ok(edits) => operation.edits.extend(edits),
        Err(reason) => operation.reason = operation.reason.or(Some(reason)),
    }
    Some(operation)
}

/// Whether entering what stands in a `with` runs something of the program that waits: then this rule writes all of it.
pub(crate) fn is_ours(cx: &Context<'_>, view: &View<'_>, with: &StmtWith) -> bool {
    let generators = generators(cx);
    let mut items = with.items.iter();
    items.any(|item| {
        stack::operation(cx, view, item, &generators).is_some()
            || !entered(cx, view, &item.context_expr, &generators)
                .0
                .is_empty()
    })
}

/// The decorated generators that wait, by what they yield: those that make managers.
fn generators(cx: &Context<'_>) -> Vec<(Node, FuncId)> {
    let waiting = cx.program.functions().filter(|func| {
        let function = cx.program.function(*func);
        function.is_generator && function.decorated && is_coloured(cx, *func)
    });
    let yields = |func| (cx.program.function(func).yields, func);
    waiting.map(yields).collect()
}

/// The functions that entering the expression runs and that wait, and whether it may be something else.
fn entered(
    cx: &Context<'_>,
    view: &View<'_>,
    expr: &Expr,
    generators: &[(Node, FuncId)],
) -> (BTreeSet<FuncId>, bool) {
    let mut functions = BTreeSet::new();
    let mut plain = false;
    for value in cx.program.values_at(view.place(expr)) {
        let entering = entering(cx, value, generators);
        plain |= entering.is_empty();
        functions.extend(entering);
    }
    (functions, plain)
}

/// What entering and leaving a value runs, of what waits.
fn entering(cx: &Context<'_>, value: Value, generators: &[(Node, FuncId)]) -> Vec<FuncId> {
    match value {
        Value::Instance(class) => {
            let methods = ["__enter__", "__exit__"].map(|name| method(cx, class, name));
            let methods = methods.into_iter().flatten();
            methods.filter(|it| is_coloured(cx, *it)).collect()
        }
        Value::Manager(node) => {
            let made = generators.iter().find(|(yields, _)| *yields == node);
            made.map(|(_, func)| *func).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Whether it is an object of a library that is moved, which another rule speaks about.
fn is_moved(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    cx.program
        .values_at(view.place(expr))
        .any(|value| match value {
            Value::Object(class, _) => {
                let class = cx.program.flow.text(class);
                cx.recipe.moves(class)
                    && cx
                        .catalog
                        .member(class, "__enter__")
                        .is_some_and(|it| it.suspends)
            }
            _ => false,
        })
}

/// `async with`, in the middle of what is entered without waiting a block of its own.
fn edits(view: &View<'_>, with: &StmtWith, waits: &[bool]) -> Result<Vec<Edit>, String> {
    if waits.iter().all(|waits| *waits) {
        return Ok(vec![Edit::insert(with.start(), "async ", &[])]);
    }
    let range = with.range();
    view.can_wrap(range)?;
    let groups: Vec<&[WithItem]> = with
        .items
        .chunk_by(|a, b| {
            let at = |item: &WithItem| with.items.iter().position(|it| it.range() == item.range());
            at(a).map(|at| waits[at]) == at(b).map(|at| waits[at])
        })
        .collect();
    let [outer, inner] = groups[..] else {
        return Err("what waits is entered between what does not".to_owned());
    };
    let items = |group: &[WithItem]| {
        let first = group.first().map_or(range, Ranged::range);
        let last = group.last().map_or(range, Ranged::range);
        TextRange::new(first.start(), last.end())
    };
    let (before, after) = if waits[0] {
        ("async with ", "with ")
    } else {
        ("with ", "async with ")
    };
    let header: Vec<Piece> = vec![before.into(), items(outer).into(), ":".into()];
    let first = with.body.first().ok_or("it has no body")?;
    let head = TextRange::new(with.start(), items(inner).end());
    let rest = view.text(TextRange::new(items(inner).end(), first.start()));
    // Brackets around all of the items would be torn apart.
    if rest.trim_start().starts_with([')', ',']) {
        return Err("what is entered stands in brackets".to_owned());
    }
    Ok(vec![
        Edit::Wrap(Wrap {
            range,
            before: Vec::new(),
            header,
            last: Vec::new(),
            after: Vec::new(),
        }),
        Edit::Replace {
            range: head,
            pieces: vec![after.into(), items(inner).into()],
        },
    ])
}
