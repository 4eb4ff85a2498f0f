//! Properties that wait become methods, with all their uses.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ArgKind, FuncId};
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::Edit;

use rustc_hash::FxHashSet;

use super::Operation;
use super::methods::{attribute, inherited, last_name};
use crate::common::green::{awaiting, is_coloured};
use crate::context::{Context, View};

/// The getters of properties that become async, with the reason why one can't.
pub(super) fn getters(cx: &Context<'_>) -> BTreeMap<FuncId, Option<&'static str>> {
    let mut out = BTreeMap::new();
    for class in &cx.program.flow.linked.classes {
        for (_, node) in &class.attrs {
            for value in cx.program.flow.values_of(*node) {
                let Value::Property(getter, setter) = value else {
                    continue;
                };
                for value in cx.program.flow.values_of(getter) {
                    let Value::Func(func) = value else { continue };
                    if !is_coloured(cx, func) {
                        continue;
                    }
                    let reason = setter
                        .is_some()
                        .then_some("it is a property that is written to, too");
                    let known = out.entry(func).or_insert(reason);
                    *known = known.or(reason);
                }
            }
        }
    }
    if out.is_empty() {
        return out;
    }
    let named = named(cx);
    for (func, reason) in &mut out {
        if named.contains(last_name(cx, *func)) {
            *reason = Some("it is a property that is read by name");
        }
    }
    out
}

/// The names that `getattr` gets.
fn named<'c>(cx: &Context<'c>) -> FxHashSet<&'c str> {
    let flow = &cx.program.flow;
    let reads = |value| match value {
        Value::External(sym) => {
            matches!(flow.text(sym), "<builtin>.getattr" | "operator.attrgetter")
        }
        _ => false,
    };
    let calls = cx.program.calls().map(|(_, call)| call);
    let calls = calls.filter(|call| flow.values_of(call.callee).any(reads));
    let args = calls.flat_map(|call| &call.args);
    let given = args.filter(|arg| arg.kind == ArgKind::Positional);
    given
        .flat_map(|arg| flow.values_of(arg.node))
        .filter_map(|value| match value {
            Value::Str(sym) => Some(flow.text(sym)),
            _ => None,
        })
        .collect()
}

/// All reads of properties that become methods.
pub(super) fn operations(
    cx: &Context<'_>,
    getters: &BTreeMap<FuncId, Option<&'static str>>,
    out: &mut Vec<Operation>,
) {
    if getters.is_empty() {
        return;
    }
    let names: BTreeSet<&str> = getters.keys().map(|func| last_name(cx, *func)).collect();
    let has_one = |value| {
        let mut names = names.iter();
        names.any(|name| read(cx, value, name).is_some_and(|getters| !getters.is_empty()))
    };
    for view in cx.views_where(has_one) {
        for expr in view.tree.exprs() {
            let Expr::Attribute(read) = expr else {
                continue;
            };
            if !names.contains(read.attr.as_str()) {
                continue;
            }
            let (functions, other) = behind(cx, view, read);
            if functions.is_empty() {
                continue;
            }
            let is_generator = |func: &FuncId| cx.program.function(*func).is_generator;
            let generators = functions.iter().filter(|it| is_generator(it)).count();
            let mixed = generators != 0 && generators != functions.len();
            let mut operation = Operation::new(view.place(expr), functions);
            if other || mixed || !read.ctx.is_load() {
                operation.reason = Some(
                    "a property that waits is read, or something else of this name".to_owned(),
                );
            } else if ends_lambda(view, expr) {
                operation.reason =
                    Some("it is a property that waits, at the end of a lambda".to_owned());
            } else if generators != 0 {
                // What it gives is waited for where it is gone through.
                let name = read.attr.range();
                operation.edits = vec![Edit::replace(name, "{0}()", &[name.into()])];
                operation.waits = false;
            } else {
                let (before, after) = awaiting(view, expr);
                let after = format!("(){after}");
                let around = (expr.range(), before.to_owned(), after);
                operation.around.push(around);
            }
            out.push(operation);
        }
    }
}

/// Whether a lambda ends where the expression does: what is written behind it would come behind the function, too.
pub(super) fn ends_lambda(view: &View<'_>, expr: &Expr) -> bool {
    let around = |node| matches!(node, AnyNodeRef::ExprLambda(it) if it.end() == expr.end());
    view.tree.around(expr.range()).any(around)
}

/// The getters that wait behind an attribute, and whether it may be something else.
fn behind(
    cx: &Context<'_>,
    view: &View<'_>,
    read: &loopshift_python::ast::ExprAttribute,
) -> (BTreeSet<FuncId>, bool) {
    let mut functions = BTreeSet::new();
    let mut other = false;
    for value in cx.program.values_at(view.place(&*read.value)) {
        if let Some(getters) = self::read(cx, value, read.attr.as_str()) {
            other |= getters.is_empty();
            functions.extend(getters);
        }
    }
    (functions, other)
}

/// The getters that wait which reading an attribute of a value runs; none where it is no object of the program.
fn read(cx: &Context<'_>, value: Value, name: &str) -> Option<Vec<FuncId>> {
    let bound = match value {
        Value::Instance(class) => attribute(cx, class, name),
        Value::Super(class, receiver) => {
            inherited(cx, class, cx.program.flow.values.get(receiver), name)
        }
        _ => return None,
    };
    let getters = bound.into_iter().filter_map(|value| match value {
        Value::Property(getter, _) => Some(getter),
        _ => None,
    });
    let functions = getters.flat_map(|getter| cx.program.flow.values_of(getter));
    let functions = functions.filter_map(|value| match value {
        Value::Func(func) => Some(func),
        _ => None,
    });
    Some(functions.filter(|func| is_coloured(cx, *func)).collect())
}
