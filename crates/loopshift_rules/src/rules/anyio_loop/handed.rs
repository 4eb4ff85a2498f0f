//! Times of the loop's clock that functions of the program are given, or that stand in tuples which a list or heap keeps: they
//! only meet other times if all that is read there does.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, ExprTuple, Number, Operator};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashSet;

use super::kept::{is_new, is_test};
use super::{
    is_difference, is_time, name_is_difference, reads_of, target_is_difference, writes_of,
};
use crate::context::{Context, View};
use crate::rules::code::definition;

/// So many functions hand a time on to each other, and no more.
const DEPTH: usize = 8;

/// Whether a time that is an argument of a call, at this range, goes to parameters of functions of ours that only meet others.
pub(super) fn is_given_among_times(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    range: TextRange,
    seen: &mut FxHashSet<Place>,
) -> bool {
    let Some(functions) = callees(cx, view, call) else {
        return false;
    };
    functions.iter().all(|(function, shift)| {
        let Some((other, def)) = definition(cx, *function) else {
            return false;
        };
        let Some(name) = parameter(call, range, *shift, def) else {
            return false;
        };
        let Some(first) = def.body.first() else {
            return false;
        };
        gets_times(cx, *function, &name, DEPTH)
            && name_is_difference(cx, other, &name, first.start(), seen)
    })
}

/// The functions of ours that a call reaches, with the number of arguments that come before those of the call.
fn callees(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Option<Vec<(FuncId, usize)>> {
    let mut found = Vec::new();
    for value in cx.program.values_at(view.place(&*call.func)) {
        match value {
            Value::Func(function) => found.push((function, 0)),
            Value::Bound(function, _) => found.push((function, 1)),
            Value::Class(class) => {
                let [init] = cx.program.flow.constructors(class)[..] else {
                    return None;
                };
                found.push((init, 1));
            }
            _ => return None,
        }
    }
    (!found.is_empty()).then_some(found)
}

/// The name of the parameter that gets the argument at the range.
fn parameter(
    call: &ExprCall,
    range: TextRange,
    shift: usize,
    def: &loopshift_python::ast::StmtFunctionDef,
) -> Option<String> {
    let keyword = call
        .arguments
        .keywords
        .iter()
        .find(|it| it.value.range() == range);
    if let Some(keyword) = keyword {
        return keyword.arg.as_ref().map(|it| it.as_str().to_owned());
    }
    let args = &call.arguments.args;
    let at = args.iter().position(|it| it.range() == range)?;
    if args[..at].iter().any(Expr::is_starred_expr) {
        return None;
    }
    let parameters = &def.parameters;
    let mut positional = parameters.posonlyargs.iter().chain(&parameters.args);
    Some(positional.nth(at + shift)?.name().as_str().to_owned())
}

/// Whether all calls that are known give a parameter a time.
fn gets_times(cx: &Context<'_>, function: FuncId, name: &str, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    let sites = cx.callers.of(function);
    !cx.callers.is_handed_over(function)
        && !sites.is_empty()
        && sites.iter().all(|site| {
            let Some(view) = cx.view(site.place.file) else {
                return false;
            };
            let Some(Expr::Call(call)) = view.tree.expr_at(site.place.range) else {
                return false;
            };
            let Some((_, def)) = definition(cx, function) else {
                return false;
            };
            let Some(functions) = callees(cx, view, call) else {
                return false;
            };
            let shift = functions
                .iter()
                .find(|it| it.0 == function)
                .map_or(0, |it| it.1);
            call.arguments.iter_source_order().any(|it| {
                let value = it.value();
                parameter(call, value.range(), shift, def).as_deref() == Some(name)
                    && is_point(cx, view, value, depth)
            })
        })
}

/// Whether an expression is a point in time by the clock of the loop: read from it, with a span added, or what a parameter got.
fn is_point(cx: &Context<'_>, view: &View<'_>, expr: &Expr, depth: usize) -> bool {
    match expr {
        Expr::BinOp(it) => {
            let sides = [&it.left, &it.right].map(|side| is_point(cx, view, side, depth));
            match it.op {
                Operator::Add => sides[0] != sides[1],
                // A time less a time is a span.
                Operator::Sub => sides == [true, false],
                _ => false,
            }
        }
        Expr::Name(name) if !is_time(cx, view, expr) => {
            let function = cx.program.function_at(view.place(expr));
            let is_parameter = definition(cx, function).is_some_and(|(_, def)| {
                let mut parameters = def.parameters.iter();
                parameters.any(|it| it.name().as_str() == name.id.as_str())
            });
            is_parameter && gets_times(cx, function, name.id.as_str(), depth)
        }
        _ => is_time(cx, view, expr),
    }
}

/// Whether a time that stands in a tuple goes with it into a list or a heap, and is only read there to meet others.
pub(super) fn is_kept_in_tuples(
    cx: &Context<'_>,
    view: &View<'_>,
    tuple: &ExprTuple,
    range: TextRange,
    seen: &mut FxHashSet<Place>,
) -> bool {
    let Some(at) = tuple.elts.iter().position(|it| it.range() == range) else {
        return false;
    };
    let mut around = view.tree.ancestors(tuple);
    let outer = around.find(|node| !matches!(node, AnyNodeRef::Arguments(_)));
    let Some(AnyNodeRef::ExprCall(call)) = outer else {
        return false;
    };
    let container = match (&*call.arguments.args, &*call.func) {
        ([list, _], _) if cx.api_of(view, &call.func) == Some("heapq.heappush") => list,
        ([_], Expr::Attribute(method)) if method.attr.as_str() == "append" => &method.value,
        _ => return false,
    };
    let Expr::Attribute(container) = container else {
        return false;
    };
    let name = container.attr.as_str();
    let mut written = false;
    cx.views_naming([name]).all(|view| {
        writes_of(view, name).all(|value| {
            written = true;
            is_new(cx, view, value)
        }) && reads_of(view, name).all(|range| is_read(cx, view, range, at, seen))
    }) && written
}

/// Whether what is read from a container of tuples only meets other times where it is the item `at`.
fn is_read(
    cx: &Context<'_>,
    view: &View<'_>,
    range: TextRange,
    at: usize,
    seen: &mut FxHashSet<Place>,
) -> bool {
    if !seen.insert(view.place(range)) {
        return true;
    }
    let Some(expr) = view.tree.expr_at(range) else {
        return false;
    };
    if is_test(view, expr) {
        return true;
    }
    let puts = |tuple: &Expr| match tuple {
        Expr::Tuple(it) => it
            .elts
            .get(at)
            .is_some_and(|it| is_point(cx, view, it, DEPTH)),
        _ => false,
    };
    match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprSubscript(item)) => {
            item.value.range() == range
                && !item.slice.is_slice_expr()
                && item.ctx.is_load()
                && is_taken(cx, view, item.range(), at, seen)
        }
        Some(AnyNodeRef::ExprAttribute(method)) => match view.call_of(method.range()) {
            Some(call) => match (method.attr.as_str(), &*call.arguments.args) {
                ("append", [tuple]) => puts(tuple),
                ("pop" | "popleft", _) => is_taken(cx, view, call.range(), at, seen),
                ("clear", []) => true,
                _ => false,
            },
            None => false,
        },
        Some(AnyNodeRef::Arguments(_)) => {
            let call = view.tree.call_around(expr);
            call.is_some_and(
                |call| match (cx.api_of(view, &call.func), &*call.arguments.args) {
                    (Some("heapq.heappush"), [_, tuple]) => puts(tuple),
                    (Some("heapq.heappop" | "<builtin>.min"), [_]) => {
                        is_taken(cx, view, call.range(), at, seen)
                    }
                    (Some("<builtin>.len" | "<builtin>.bool" | "heapq.heapify"), [_]) => true,
                    _ => false,
                },
            )
        }
        _ => false,
    }
}

/// Whether the item `at` of the tuple that an expression gives only meets other times.
fn is_taken(
    cx: &Context<'_>,
    view: &View<'_>,
    range: TextRange,
    at: usize,
    seen: &mut FxHashSet<Place>,
) -> bool {
    let Some(expr) = view.tree.expr_at(range) else {
        return false;
    };
    match view.tree.parent(expr) {
        Some(AnyNodeRef::StmtExpr(_)) => true,
        Some(AnyNodeRef::ExprSubscript(item)) => match &*item.slice {
            Expr::NumberLiteral(number) => match &number.value {
                Number::Int(place) if place.as_usize() == Some(at) => {
                    is_difference(cx, view, item.range(), seen)
                }
                Number::Int(_) => true,
                _ => false,
            },
            _ => false,
        },
        Some(AnyNodeRef::StmtAssign(assign)) => match &assign.targets[..] {
            [Expr::Tuple(targets)] if !targets.elts.iter().any(Expr::is_starred_expr) => {
                let target = targets.elts.get(at);
                target.is_some_and(|it| target_is_difference(cx, view, it, seen))
            }
            [Expr::Name(name)] => {
                let id = name.id.as_str();
                let resolve = |scope| view.scopes.resolve(id, scope);
                let own = resolve(view.scopes.at(name.start()));
                let bound_once = own.is_some_and(|own| {
                    let bindings = view.scopes.scopes[own].bindings.get(id);
                    !view.scopes.runs_at_import(own) && bindings.is_some_and(|it| it.len() == 1)
                });
                bound_once
                    && (view.scopes.references_of(id))
                        .filter(|it| resolve(it.scope) == own)
                        .all(|it| is_taken(cx, view, it.range, at, seen))
            }
            _ => false,
        },
        _ => is_test(view, expr),
    }
}
