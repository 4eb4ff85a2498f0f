//! The methods of classes of the program, as the language looks them up.

use std::collections::BTreeSet;

use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_python::Ranged;
use loopshift_python::ast::Expr;
use loopshift_python::edit::Edit;

use super::Operation;
use super::factory;
use super::iterate::Iterated;
use crate::common::green::is_coloured;
use crate::context::Context;
use crate::test_cases::TestCases;

/// The special methods that have a twin which waits, with that.
const TWINS: &[(&str, &str)] = &[
    ("__enter__", "__aenter__"),
    ("__exit__", "__aexit__"),
    ("__iter__", "__aiter__"),
    ("__next__", "__anext__"),
];

/// The same of test cases.
const TEST_TWINS: &[(&str, &str)] = &[("setUp", "asyncSetUp"), ("tearDown", "asyncTearDown")];

/// The name that a method gets when it becomes async, where it gets another one.
pub(super) fn twin(cx: &Context<'_>, func: FuncId) -> Option<&'static str> {
    cx.program.function(func).class?;
    let name = last_name(cx, func);
    if name == "__init__" {
        return Some(factory::initializer(cx));
    }
    let twins = if TestCases::of(cx).call(cx.program, func) {
        TEST_TWINS
    } else {
        TWINS
    };
    let found = twins.iter().find(|(known, _)| *known == name);
    found.map(|(_, twin)| *twin)
}

/// The name of a function without what it stands in.
pub(super) fn last_name<'c>(cx: &Context<'c>, func: FuncId) -> &'c str {
    cx.program.function(func).name()
}

/// What the class or the nearest of its bases binds the name to.
pub(super) fn attribute(cx: &Context<'_>, class: ClassId, name: &str) -> Vec<Value> {
    let bases = cx.program.flow.mro.get(class.0 as usize);
    nearest(cx, bases.into_iter().flatten(), name)
}

/// What `super()` of the class finds by the name, for a receiver.
pub(super) fn inherited(
    cx: &Context<'_>,
    class: ClassId,
    receiver: Value,
    name: &str,
) -> Vec<Value> {
    let (Value::Instance(start) | Value::Class(start)) = receiver else {
        return Vec::new();
    };
    let bases = cx.program.flow.mro.get(start.0 as usize);
    let bases = bases.into_iter().flatten();
    let before = |base: &&MroEntry| **base != MroEntry::Class(class);
    nearest(cx, bases.skip_while(before).skip(1), name)
}

fn nearest<'m>(
    cx: &Context<'_>,
    bases: impl Iterator<Item = &'m MroEntry>,
    name: &str,
) -> Vec<Value> {
    let flow = &cx.program.flow;
    for base in bases {
        let MroEntry::Class(base) = base else {
            continue;
        };
        let (_, class) = cx.program.class(*base);
        let found = class
            .attrs
            .iter()
            .find(|(attr, _)| flow.text(*attr) == name);
        if let Some((_, node)) = found {
            return flow.values_of(*node).collect();
        }
    }
    Vec::new()
}

/// The method of a class, where it is a plain function.
pub(super) fn method(cx: &Context<'_>, class: ClassId, name: &str) -> Option<FuncId> {
    match attribute(cx, class, name)[..] {
        [Value::Func(func)] => Some(func),
        _ => None,
    }
}

/// Where special methods that get the name of their twin are named: `super().__enter__()`.
pub(super) fn operations(
    cx: &Context<'_>,
    renamed: &[(FuncId, Iterated)],
    out: &mut Vec<Operation>,
) {
    let is_special = |func: FuncId| {
        twin(cx, func).is_some()
            && (is_coloured(cx, func) || renamed.iter().any(|(known, _)| *known == func))
    };
    let named = |value| match value {
        Value::Func(func) | Value::Bound(func, _) => Some(func).filter(|func| is_special(*func)),
        _ => None,
    };
    for view in cx.views_where(|value| named(value).is_some()) {
        for expr in view.tree.exprs() {
            let Expr::Attribute(read) = expr else {
                continue;
            };
            let name = read.attr.as_str();
            let mut twins = TWINS.iter().chain(TEST_TWINS).map(|(known, _)| *known);
            if name != "__init__" && !twins.any(|known| known == name) {
                continue;
            }
            let mut functions = BTreeSet::new();
            let mut other = false;
            for value in cx.program.values_at(view.place(expr)) {
                match named(value) {
                    Some(func) => {
                        functions.insert(func);
                    }
                    None => other = true,
                }
            }
            if functions.is_empty() {
                continue;
            }
            let mut operation = Operation::new(view.place(expr), functions);
            if other {
                let reason = "it names a special method that waits, or another one";
                operation.reason = Some(reason.to_owned());
            }
            let twin = operation.functions.first().and_then(|func| twin(cx, *func));
            operation.edits = twin
                .map(|twin| Edit::replace(read.attr.range(), "{0}", &[twin.into()]))
                .into_iter()
                .collect();
            out.push(operation);
        }
    }
}
