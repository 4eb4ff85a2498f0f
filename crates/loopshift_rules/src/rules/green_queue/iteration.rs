//! Queues that are iterated over, up to the class `StopIteration`, and what else Python asks a queue itself.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FunctionKind;
use loopshift_python::ast::{AnyNodeRef, CmpOp, Comprehension, Expr, ExprCall, StmtFor};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::{RULE, derived, is_queue};
use crate::common::code::{can_be_while, is_plain};
use crate::common::green::{anchor, given_to, helper, is_awaited, is_coloured};
use crate::context::{Context, View};

pub(super) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let is_one = |value| match value {
        Value::Object(class, _) => is_queue(cx, cx.program.flow.text(class)),
        Value::Instance(class) => derived::base_of(cx, class, "").is_some(),
        _ => false,
    };
    for view in cx.views_where(is_one) {
        for expr in view.tree.exprs() {
            let Some(asked) = asked(view, expr) else {
                continue;
            };
            let mut any = false;
            let mut only = true;
            let mut is_derived = false;
            let mut api = String::new();
            for value in cx.program.values_at(view.place(expr)) {
                let class = match value {
                    Value::Object(class, _) => cx.program.flow.text(class),
                    Value::Instance(class) => {
                        is_derived = true;
                        derived::base_of(cx, class, asked.name()).unwrap_or_default()
                    }
                    _ => "",
                };
                if is_queue(cx, class) {
                    any = true;
                    class.clone_into(&mut api);
                } else {
                    only = false;
                }
            }
            if any {
                let api = format!("{api}.{}", asked.name());
                let place = view.place(expr);
                let change = if is_derived && waits_outside(cx, place, &asked) {
                    Err("it is gone through outside of a function".to_owned())
                } else {
                    moved(cx, view, expr, &asked, only, &api)
                };
                changes.push(
                    change.unwrap_or_else(|reason| {
                        Change::declined(RULE, place, api.as_str(), reason)
                    }),
                );
            }
        }
    }
}

/// Whether the items of a queue are taken by a module itself. What of that goes into its entry is what is known to wait, and
/// that does not know of classes of the program.
fn waits_outside(cx: &Context<'_>, place: Place, asked: &Asked<'_>) -> bool {
    let owner = cx.program.function(cx.program.function_at(place));
    owner.kind == FunctionKind::Module && !matches!(asked, Asked::Length(_) | Asked::Other(_))
}

/// What is asked of a value itself.
enum Asked<'v> {
    For(&'v StmtFor),
    Comprehension(&'v Comprehension),
    Length(&'v ExprCall),
    /// `list(queue)`.
    List(&'v ExprCall),
    /// `sorted(queue)`: all its items, by a function that goes through all of them anyway.
    All,
    /// Something that an object of asyncio has no answer to.
    Other(&'static str),
}

impl Asked<'_> {
    fn name(&self) -> &'static str {
        match self {
            Asked::Length(_) => "__len__",
            _ => "__iter__",
        }
    }
}

/// The functions that take all items of what they are given.
const TAKING: &[&str] = &[
    "all",
    "any",
    "dict",
    "enumerate",
    "filter",
    "iter",
    "list",
    "map",
    "max",
    "min",
    "next",
    "reversed",
    "set",
    "sorted",
    "sum",
    "tuple",
    "zip",
    "frozenset",
];

fn asked<'v>(view: &View<'v>, expr: &'v Expr) -> Option<Asked<'v>> {
    let range = expr.range();
    let call = |node: AnyNodeRef<'v>| match node {
        AnyNodeRef::ExprCall(call) => Some(call),
        _ => None,
    };
    match view.tree.parent(expr)? {
        AnyNodeRef::StmtFor(it) if it.iter.range() == range => Some(Asked::For(it)),
        AnyNodeRef::Comprehension(it) if it.iter.range() == range => Some(Asked::Comprehension(it)),
        AnyNodeRef::ExprStarred(_) | AnyNodeRef::ExprYieldFrom(_) => {
            Some(Asked::Other("all its items are taken at once"))
        }
        AnyNodeRef::ExprCompare(it) => {
            let contained = it.ops.iter().zip(&it.comparators).any(|(op, right)| {
                right.range() == range && matches!(op, CmpOp::In | CmpOp::NotIn)
            });
            contained.then_some(Asked::Other("it is searched"))
        }
        node => {
            let call = call(node).or_else(|| view.tree.ancestors(expr).nth(1).and_then(call))?;
            let Expr::Name(func) = &*call.func else {
                return None;
            };
            let given = call.arguments.args.iter().any(|it| it.range() == range);
            match func.id.as_str() {
                "len" if given => Some(Asked::Length(call)),
                "list" if given && call.arguments.len() == 1 => Some(Asked::List(call)),
                "tuple" | "set" | "frozenset" | "sorted" | "sum" | "dict" if takes_only(call) => {
                    Some(Asked::All)
                }
                name if given && TAKING.contains(&name) => Some(Asked::Other(
                    "a function takes its items, and does not wait for them",
                )),
                _ => None,
            }
        }
    }
}

/// Whether a call takes the items of its only argument, and nothing is found out behind that.
fn takes_only(call: &ExprCall) -> bool {
    let mut keywords = call.arguments.keywords.iter();
    call.arguments.args.len() == 1 && keywords.all(|it| !it.value.is_call_expr())
}

fn moved(
    cx: &Context<'_>,
    view: &View<'_>,
    expr: &Expr,
    asked: &Asked<'_>,
    only: bool,
    api: &str,
) -> Result<Change, String> {
    if !only {
        return Err("it may be something else than a queue".to_owned());
    }
    let place = view.place(expr);
    let mut change = Change::new(RULE, place, api, "a queue is asked by its methods");
    let queue = Piece::Source(expr.range());
    match asked {
        Asked::Length(call) => {
            change.edit(Edit::replace(call.range(), "{0}.qsize()", &[queue]));
        }
        Asked::Other(reason) => return Err((*reason).to_owned()),
        Asked::For(it) => {
            change
                .requires
                .push(anchor(cx, cx.program.function_at(place)));
            if is_plain(&it.iter) && can_be_while(view, it) {
                let head = TextRange::new(it.start(), it.iter.end());
                let target = Piece::Source(it.target.range());
                let text = "while ({0} := await {1}.get()) is not StopIteration";
                change.edit(Edit::replace(head, text, &[target, queue]));
            } else {
                iterate(cx, view, &mut change, it.start(), expr)?;
            }
        }
        Asked::List(_) | Asked::All => {
            let owner = cx.program.function_at(place);
            if let Some(AnyNodeRef::ExprGenerator(_)) = view.tree.comprehension_around(expr) {
                return Err("a generator expression can't wait for its items".to_owned());
            }
            if !is_coloured(cx, owner) {
                return Err("a function takes its items, and does not wait for them".to_owned());
            }
            change.requires.push(anchor(cx, owner));
            let items = helper("queue_items").ok_or("a helper is missing")?;
            let range = match asked {
                Asked::List(call) => call.range(),
                _ if is_awaited(cx, view, expr) => {
                    return Err(
                        "what makes it waits there: give it a name in a statement before"
                            .to_owned(),
                    );
                }
                _ => expr.range(),
            };
            change.edit(Edit::replace(
                range,
                "[item async for item in {0}({1})]",
                &[Piece::Helper(items), queue],
            ));
        }
        Asked::Comprehension(it) => {
            if let Some(AnyNodeRef::ExprGenerator(_)) = view.tree.comprehension_around(expr) {
                return Err("a generator expression can't wait for its items".to_owned());
            }
            change
                .requires
                .push(anchor(cx, cx.program.function_at(place)));
            iterate(cx, view, &mut change, it.start(), expr)?;
        }
    }
    Ok(change)
}

/// `async for` over the items.
fn iterate(
    cx: &Context<'_>,
    view: &View<'_>,
    change: &mut Change,
    start: loopshift_python::TextSize,
    expr: &Expr,
) -> Result<(), String> {
    let items = Piece::Helper(helper("queue_items").ok_or("a helper is missing")?);
    change.edit(Edit::insert(start, "async ", &[]));
    for edit in given_to(cx, view, items, expr)? {
        change.edit(edit);
    }
    Ok(())
}
