//! Operators that wait: `store[key]` and `a + b` become `await store[key]` and `await (a + b)`. What their methods give is
//! awaited where the operator stands, so all places must be in sight.

use std::collections::BTreeSet;

use loopshift_engine::facts::AWAITABLE;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, Operator, UnaryOp};

use super::Operation;
use super::methods::{attribute, last_name, method};
use super::property::ends_lambda;
use crate::common::code::definition;
use crate::common::green::{awaiting, is_coloured};
use crate::context::{Context, View};

/// What calls a method of an operator without writing one, or looks at what it gives.
const CALLERS: &[&str] = &["NotImplemented", "accumulate", "operator", "reduce"];

/// Builtins that do not ask an object for its items, nor join it to others.
const HARMLESS: &[&str] = &[
    "add",
    "append",
    "appendleft",
    "bool",
    "callable",
    "getattr",
    "hasattr",
    "hash",
    "id",
    "insert",
    "isinstance",
    "len",
    "print",
    "repr",
    "setattr",
    "setdefault",
    "str",
    "super",
    "type",
    "vars",
];

/// Builtins that go through an object by its `__iter__`.
const ITERATING: &[&str] = &[
    "all",
    "any",
    "enumerate",
    "extend",
    "filter",
    "frozenset",
    "iter",
    "join",
    "list",
    "map",
    "max",
    "min",
    "set",
    "sorted",
    "tuple",
    "zip",
];

/// All places where operators that wait stand, and those where something else may use them.
pub(super) fn operations(cx: &Context<'_>, out: &mut Vec<Operation>) {
    let waits = |func: &FuncId| {
        let function = cx.program.function(*func);
        function.class.is_some() && AWAITABLE.contains(&function.name()) && is_coloured(cx, *func)
    };
    let waiting: BTreeSet<FuncId> = cx.program.functions().filter(waits).collect();
    if waiting.is_empty() {
        return;
    }
    for func in &waiting {
        let Some((view, def)) = definition(cx, *func) else {
            continue;
        };
        let own = match last_name(cx, *func) {
            "__add__" => "sum",
            "__getitem__" => "itemgetter",
            _ => "operator",
        };
        let callers = CALLERS.iter().chain([&own]).find(|name| cx.mentions(name));
        let reason = match callers {
            Some(name) => format!("the program names `{name}`, which may call it or ask for it"),
            None if cx.program.function(*func).is_generator => "it is a generator".to_owned(),
            None => continue,
        };
        let name = cx.program.qualified_name(*func);
        let place = view.place(&def.name);
        out.push(refused(
            place,
            [*func].into(),
            format!("`{name}` waits: {reason}"),
        ));
    }
    let names: BTreeSet<&str> = waiting.iter().map(|func| last_name(cx, *func)).collect();
    for view in cx.views() {
        for expr in view.tree.exprs() {
            if let Some((name, left)) = operator(expr)
                && names.contains(name)
            {
                out.extend(written(cx, view, expr, name, left, &waiting));
            }
            out.extend(handed_on(cx, view, expr, &waiting));
        }
    }
}

fn refused(
    place: loopshift_engine::change::Place,
    functions: BTreeSet<FuncId>,
    reason: String,
) -> Operation {
    let mut operation = Operation::new(place, functions);
    operation.reason = Some(reason);
    operation
}

/// The method that an operator calls, and on what.
fn operator(expr: &Expr) -> Option<(&'static str, &Expr)> {
    match expr {
        Expr::Subscript(it) if it.ctx.is_load() => Some(("__getitem__", &it.value)),
        Expr::UnaryOp(it) => {
            let name = match it.op {
                UnaryOp::USub => "__neg__",
                UnaryOp::UAdd => "__pos__",
                UnaryOp::Invert => "__invert__",
                UnaryOp::Not => return None,
            };
            Some((name, &it.operand))
        }
        Expr::BinOp(it) => Some((binary(it.op), &it.left)),
        _ => None,
    }
}

fn binary(operator: Operator) -> &'static str {
    match operator {
        Operator::Add => "__add__",
        Operator::Sub => "__sub__",
        Operator::Mult => "__mul__",
        Operator::MatMult => "__matmul__",
        Operator::Div => "__truediv__",
        Operator::Mod => "__mod__",
        Operator::Pow => "__pow__",
        Operator::LShift => "__lshift__",
        Operator::RShift => "__rshift__",
        Operator::BitOr => "__or__",
        Operator::BitXor => "__xor__",
        Operator::BitAnd => "__and__",
        Operator::FloorDiv => "__floordiv__",
    }
}

/// What an expression may be, also where it is made of others by operators.
fn values(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> Vec<Value> {
    let both = |sides: [&Expr; 2]| sides.map(|side| values(cx, view, side)).concat();
    match expr {
        Expr::BoolOp(it) => {
            let sides = it.values.iter();
            sides.flat_map(|side| values(cx, view, side)).collect()
        }
        Expr::If(it) => both([&it.body, &it.orelse]),
        Expr::Named(it) => values(cx, view, &it.value),
        Expr::UnaryOp(_) => operator(expr).map_or_else(Vec::new, |(name, operand)| {
            results(cx, values(cx, view, operand), name)
        }),
        Expr::BinOp(_) => {
            // A chain of operators is a deep tree on its left: walked with a loop.
            let mut chain = Vec::new();
            let mut left = expr;
            while let Expr::BinOp(it) = left {
                chain.push(it);
                left = &it.left;
            }
            let mut given = values(cx, view, left);
            for it in chain.into_iter().rev() {
                let name = binary(it.op);
                given = results(cx, given, name);
                given.extend(results(cx, values(cx, view, &it.right), &reflected(name)));
            }
            given
        }
        _ => cx.program.values_at(view.place(expr)).collect(),
    }
}

/// What a method of objects gives.
fn results(cx: &Context<'_>, objects: Vec<Value>, name: &str) -> Vec<Value> {
    let classes = objects.into_iter().filter_map(|value| match value {
        Value::Instance(class) => Some(class),
        _ => None,
    });
    let methods = classes.filter_map(|class| method(cx, class, name));
    let given = methods.map(|func| cx.program.function(func).ret);
    given
        .flat_map(|node| cx.program.flow.values_of(node))
        .collect()
}

/// The method by which the right side of a binary operator answers.
fn reflected(name: &str) -> String {
    format!("__r{}", name.trim_start_matches("__"))
}

/// An operator, where the method that it calls waits.
fn written(
    cx: &Context<'_>,
    view: &View<'_>,
    expr: &Expr,
    name: &str,
    left: &Expr,
    waiting: &BTreeSet<FuncId>,
) -> Option<Operation> {
    let mut functions = BTreeSet::new();
    let mut other = false;
    for value in values(cx, view, left) {
        let func = match value {
            Value::Instance(class) => method(cx, class, name).filter(|it| waiting.contains(it)),
            _ => None,
        };
        other |= func.is_none();
        functions.extend(func);
    }
    if functions.is_empty() {
        return None;
    }
    // The class of the right side may answer first.
    if let Expr::BinOp(it) = expr {
        let reflected = reflected(name);
        other |= (values(cx, view, &it.right).into_iter()).any(|value| match value {
            Value::Instance(class) => !attribute(cx, class, &reflected).is_empty(),
            _ => false,
        });
    }
    let mut operation = Operation::new(view.place(expr), functions);
    if other {
        operation.reason = Some("an operator that waits stands here, or another one".to_owned());
        return Some(operation);
    }
    let (before, after) = awaiting(view, expr);
    let (before, after) = match expr {
        Expr::Subscript(_) => (before.to_owned(), after.to_owned()),
        _ => (format!("{before}("), format!("){after}")),
    };
    if !after.is_empty() && ends_lambda(view, expr) {
        operation.reason = Some("an operator that waits stands at the end of a lambda".to_owned());
    }
    operation.around.push((expr.range(), before, after));
    Some(operation)
}

/// An object with an operator that waits, where something may use that without writing it.
fn handed_on(
    cx: &Context<'_>,
    view: &View<'_>,
    expr: &Expr,
    waiting: &BTreeSet<FuncId>,
) -> Option<Operation> {
    let of = |class: ClassId| {
        let methods = waiting.iter().map(|func| last_name(cx, *func));
        let found = methods.filter_map(|name| method(cx, class, name));
        found
            .filter(|func| waiting.contains(func))
            .collect::<BTreeSet<FuncId>>()
    };
    let mut functions = BTreeSet::new();
    let mut has_items = false;
    for value in values(cx, view, expr) {
        if let Value::Instance(class) = value {
            let found = of(class);
            // Without these it is asked for its items one after the other.
            has_items |= found
                .iter()
                .any(|func| last_name(cx, *func) == "__getitem__")
                && ["__iter__", "__contains__"]
                    .iter()
                    .any(|name| attribute(cx, class, name).is_empty());
            functions.extend(found);
        }
    }
    if functions.is_empty() {
        return None;
    }
    let range = expr.range();
    let is_used = match view.tree.parent(expr)? {
        AnyNodeRef::StmtAugAssign(_) => true,
        AnyNodeRef::StmtFor(it) => has_items && it.iter.range() == range,
        AnyNodeRef::Comprehension(it) => has_items && it.iter.range() == range,
        AnyNodeRef::ExprCompare(it) => has_items && it.left.range() != range,
        AnyNodeRef::StmtAssign(it) => {
            let unpacks = |target: &Expr| target.is_tuple_expr() || target.is_list_expr();
            has_items && it.targets.iter().any(unpacks)
        }
        AnyNodeRef::ExprStarred(_) | AnyNodeRef::ExprYieldFrom(_) | AnyNodeRef::StmtMatch(_) => {
            has_items
        }
        AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) => {
            let call = view.tree.call_around(expr)?;
            let mut callees = cx.program.values_at(view.place(&*call.func));
            callees.any(|value| match value {
                Value::External(sym) | Value::ExternalBound(sym, _) => {
                    let name = cx.program.flow.text(sym);
                    let builtin = name.strip_prefix("<builtin>.");
                    let keeps = builtin.is_some_and(|name| {
                        let last = name.rsplit('.').next().unwrap_or_default();
                        HARMLESS.contains(&last) || !has_items && ITERATING.contains(&last)
                    });
                    !keeps && !cx.recipe.moves(name)
                }
                _ => false,
            })
        }
        _ => false,
    };
    is_used.then(|| {
        let reason = "an operator of the object waits, and may be used here without being written";
        refused(view.place(expr), functions, reason.to_owned())
    })
}
