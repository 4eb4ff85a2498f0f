//! Builtins that call a function for each of some values: where that waits, the loop is written out. So is what tests that
//! a call raises.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::facts::CALLERS;
use loopshift_engine::flow::Target;
use loopshift_engine::flow::raising;
use loopshift_engine::flow::value::Value;
use loopshift_engine::graph::{callees, unwrapped};
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, ExprLambda};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::consumers::{Consumer, consumer};
use super::methods::method;
use super::sentinel::{is_head, items};
use super::{Operation, fresh};
use crate::common::arguments::inside;
use crate::common::code::is_plain;
use crate::common::green::{helper, is_behind, is_coloured};
use crate::common::shared::is_statement;
use crate::context::{Context, View};

/// All such calls of functions that become async.
pub(super) fn operations(cx: &Context<'_>, out: &mut Vec<Operation>) {
    let flow = &cx.program.flow;
    let waits = |value| !called(cx, value).0.is_empty();
    for (file, call) in cx.program.calls() {
        let mut given_to = call.args.iter().flat_map(|arg| flow.values_of(arg.node));
        if called_by(cx, flow.values_of(call.callee)).is_some() && given_to.any(waits) {
            let range = call.range;
            out.extend(operation(cx, Place { file, range }));
        }
    }
}

fn operation(cx: &Context<'_>, place: Place) -> Option<Operation> {
    let view = cx.view(place.file)?;
    let call = view.tree.expr_at(place.range)?.as_call_expr()?;
    let name = caller(cx, view, call)?;
    let function = function(name, call)?;
    let (functions, plain) = given(cx, view, function);
    if functions.is_empty() {
        return None;
    }
    let mut operation = Operation::new(place, functions);
    match edits(cx, view, call, name, function, plain, &mut operation) {
        Ok(edits) => operation.edits = edits,
        Err(reason) => operation.reason = Some(reason.to_owned()),
    }
    Some(operation)
}

/// The builtin that is called, where it is one of those.
fn caller<'c>(cx: &Context<'c>, view: &View<'_>, call: &ExprCall) -> Option<&'c str> {
    called_by(cx, cx.program.values_at(view.place(&*call.func)))
}

fn called_by<'c>(cx: &Context<'c>, mut values: impl Iterator<Item = Value>) -> Option<&'c str> {
    let (Some(Value::External(sym) | Value::ExternalBound(sym, _)), None) =
        (values.next(), values.next())
    else {
        return None;
    };
    let name = cx.program.flow.text(sym);
    CALLERS.contains(&name).then_some(name)
}

/// The function that it is given.
fn function<'v>(name: &str, call: &'v ExprCall) -> Option<&'v Expr> {
    if matches!(name, "<builtin>.map" | "<builtin>.filter") {
        return call.arguments.args.first();
    }
    if name == "<builtin>.iter" {
        return call
            .arguments
            .args
            .first()
            .filter(|_| call.arguments.len() == 2);
    }
    if let Some(place) = raising(name) {
        return call.arguments.args.get(place);
    }
    call.arguments.find_keyword("key").map(|it| &it.value)
}

/// The functions that become async which the expression may be, and whether it may be another one.
pub(super) fn given(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> (BTreeSet<FuncId>, bool) {
    let mut functions = BTreeSet::new();
    let mut plain = false;
    for value in cx.program.values_at(view.place(expr)) {
        let (waiting, other) = called(cx, value);
        functions.extend(waiting);
        plain |= other;
    }
    (functions, plain)
}

/// Whether calling a value may run a function that becomes async.
pub(super) fn waits(cx: &Context<'_>, value: Value) -> bool {
    !called(cx, value).0.is_empty()
}

/// The functions that become async of those that calling a value runs, and whether it may run others.
fn called(cx: &Context<'_>, value: Value) -> (Vec<FuncId>, bool) {
    let flow = &cx.program.flow;
    let mut functions = Vec::new();
    let mut plain = false;
    for value in unwrapped(flow, std::iter::once(value)) {
        let mut targets = callees(flow, value);
        if let Value::Instance(class) = value {
            targets.extend(method(cx, class, "__call__").map(Target::Func));
        }
        // What makes objects goes by another name then.
        plain |= targets.is_empty() || matches!(value, Value::Class(_));
        for target in targets {
            match target {
                Target::Func(func) if is_coloured(cx, func) && !is_behind(cx, func) => {
                    functions.push(func);
                }
                _ => plain = true,
            }
        }
    }
    (functions, plain)
}

/// The lambda whose body is written out in a comprehension: `map(lambda x: f(x), xs)`, or in a block of its own.
pub(super) fn is_written_out(cx: &Context<'_>, view: &View<'_>, lambda: &ExprLambda) -> bool {
    let Some(expr) = view.tree.expr_at(lambda.range()) else {
        return false;
    };
    let call = view.tree.ancestors(expr).nth(1);
    let Some(AnyNodeRef::ExprCall(call)) = call else {
        return false;
    };
    let name = caller(cx, view, call);
    if name.and_then(raising).is_some() {
        return lambda.parameters.is_none();
    }
    if name == Some("<builtin>.iter") {
        return lambda.parameters.is_none() && is_head(view, call);
    }
    let maps = matches!(name, Some("<builtin>.map" | "<builtin>.filter"));
    let is_first = call.arguments.args.first().map(Ranged::range) == Some(lambda.range());
    maps && is_first && call.arguments.args.len() == 2 && parameter(lambda).is_some()
}

/// The one plain parameter of a lambda.
fn parameter(lambda: &ExprLambda) -> Option<&str> {
    let parameters = lambda.parameters.as_deref()?;
    match &parameters.args[..] {
        [one] if parameters.len() == 1 && one.default.is_none() => {
            Some(one.parameter.name.as_str())
        }
        _ => None,
    }
}

const OTHER: &str = "it calls a function that waits, and what goes through the result can't wait";

fn edits(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    name: &str,
    function: &Expr,
    plain: bool,
    operation: &mut Operation,
) -> Result<Vec<Edit>, &'static str> {
    if plain {
        return Err("it calls a function that waits, or another one");
    }
    if name == "<builtin>.iter" {
        let mut next = Vec::new();
        if let Expr::Lambda(lambda) = function {
            if lambda.parameters.is_none() {
                next.push(lambda.body.range().into());
            }
        } else if is_plain(function) && cx.program.values_at(view.place(function)).count() == 1 {
            next.extend(["await ".into(), function.range().into(), "()".into()]);
        }
        return items(cx, view, call, next);
    }
    let named = match name {
        "<builtin>.map" | "<builtin>.filter" => {
            return written_out(cx, view, call, name, function, operation);
        }
        "<builtin>.sorted" => "sorted",
        "<builtin>.min" => "min",
        "<builtin>.max" => "max",
        "<builtin>.list.sort" => return sort(view, call),
        _ => return block(view, call, function),
    };
    let starred = call.arguments.args.iter().any(Expr::is_starred_expr);
    if starred || (named != "sorted" && call.arguments.args.len() != 1) {
        return Err("the values are not one plain argument");
    }
    let helper = helper(named).ok_or("a helper is missing")?;
    operation.around.push(super::awaited(view, call));
    Ok(vec![Edit::Replace {
        range: call.func.range(),
        pieces: vec![Piece::Helper(helper)],
    }])
}

/// `self.assertRaises(E, f, x)` as a block: `with self.assertRaises(E): await f(x)`.
fn block(view: &View<'_>, call: &ExprCall, function: &Expr) -> Result<Vec<Edit>, &'static str> {
    const REASON: &str = "it calls a function that waits, and is no statement of its own";
    let expr = view.tree.expr_at(call.range()).ok_or(REASON)?;
    let (whole, name) = match view.tree.parent(expr) {
        Some(AnyNodeRef::StmtExpr(it)) => (it.range(), None),
        Some(AnyNodeRef::StmtAssign(it)) => match &it.targets[..] {
            [Expr::Name(name)] => (it.range(), Some(name.range())),
            _ => return Err(REASON),
        },
        _ => return Err(REASON),
    };
    let all = inside(call);
    let before = view.text(TextRange::new(all.start(), function.start()));
    let length =
        loopshift_python::TextSize::try_from(before.trim_end_matches([' ', ',', '\n']).len());
    let head = TextRange::at(all.start(), length.map_err(|_| REASON)?);
    let mut text: Vec<Piece> = vec!["with ".into(), call.func.range().into(), "(".into()];
    text.extend([head.into(), ")".into()]);
    text.extend(
        name.into_iter()
            .flat_map(|name| [" as ".into(), name.into()]),
    );
    text.push(":\n    ".into());
    if let Expr::Lambda(lambda) = function {
        text.push(lambda.body.range().into());
    } else {
        let rest = view.text(TextRange::new(function.end(), all.end()));
        let skipped = rest.len() - rest.trim_start_matches([' ', ',', '\n']).len();
        let skipped = loopshift_python::TextSize::try_from(skipped).map_err(|_| REASON)?;
        let rest = TextRange::new(function.end() + skipped, all.end());
        text.extend(["await ".into(), function.range().into(), "(".into()]);
        text.extend([rest.into(), ")".into()]);
    }
    Ok(vec![Edit::Replace {
        range: whole,
        pieces: text,
    }])
}

/// `values.sort(key=…)`, a statement of its own.
fn sort(view: &View<'_>, call: &ExprCall) -> Result<Vec<Edit>, &'static str> {
    let Expr::Attribute(method) = &*call.func else {
        return Err(OTHER);
    };
    if !is_statement(view, call) || !is_plain(&method.value) {
        return Err(OTHER);
    }
    let helper = helper("sorted").ok_or("a helper is missing")?;
    let list = method.value.range();
    Ok(vec![Edit::Replace {
        range: call.range(),
        pieces: vec![
            list.into(),
            "[:] = await ".into(),
            Piece::Helper(helper),
            "(".into(),
            list.into(),
            ", ".into(),
            inside(call).into(),
            ")".into(),
        ],
    }])
}

/// `map` and `filter` as comprehensions.
fn written_out(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    name: &str,
    function: &Expr,
    operation: &mut Operation,
) -> Result<Vec<Edit>, &'static str> {
    let [_, values] = &call.arguments.args[..] else {
        return Err("it is given several rows of values");
    };
    if values.is_starred_expr() {
        return Err("it is given several rows of values");
    }
    let lambda = match function {
        Expr::Lambda(lambda) => Some(lambda),
        _ => None,
    };
    let item = match lambda {
        Some(lambda) => parameter(lambda).ok_or("its lambda has more than one parameter")?,
        None if is_plain(function) => fresh(view),
        None => return Err("the function is made where it is called"),
    };
    let waits: Vec<Piece> = match lambda {
        Some(lambda) => vec![lambda.body.range().into()],
        None => vec![
            "await ".into(),
            function.range().into(),
            format!("({item})").into(),
        ],
    };
    let mut text: Vec<Piece> = Vec::new();
    if name == "<builtin>.map" {
        text.extend(waits);
        text.push(format!(" for {item} in ").into());
        text.push(values.range().into());
    } else {
        text.push(format!("{item} for {item} in ").into());
        text.push(values.range().into());
        text.push(" if ".into());
        text.extend(waits);
    }
    let between = |open: &'static str, close: &'static str| {
        let mut pieces: Vec<Piece> = vec![open.into()];
        pieces.extend(text.iter().cloned());
        pieces.push(close.into());
        pieces
    };
    let replace = |range: TextRange, pieces: Vec<Piece>| Edit::Replace { range, pieces };
    let expr = view.tree.expr_at(call.range()).ok_or(OTHER)?;
    match view.tree.parent(expr) {
        Some(AnyNodeRef::StmtFor(it)) if it.iter.range() == call.range() => Ok(vec![
            Edit::insert(it.start(), "async ", &[]),
            replace(call.range(), between("(", ")")),
        ]),
        Some(AnyNodeRef::ExprStarred(_)) => Ok(vec![replace(call.range(), between("[", "]"))]),
        Some(AnyNodeRef::StmtAssign(it))
            if it
                .targets
                .iter()
                .all(|it| it.is_tuple_expr() || it.is_list_expr()) =>
        {
            Ok(vec![replace(call.range(), between("[", "]"))])
        }
        Some(AnyNodeRef::Arguments(_)) => {
            let outer = view.tree.ancestors(expr).find_map(|node| match node {
                AnyNodeRef::ExprCall(outer) => Some(outer),
                _ => None,
            });
            let outer = outer.ok_or(OTHER)?;
            let first = outer.arguments.args.first().map(Ranged::range);
            if first != Some(call.range()) {
                return Err(OTHER);
            }
            let alone = outer.arguments.args.len() == 1 && outer.arguments.keywords.is_empty();
            match consumer(cx, view, outer) {
                Some(Consumer::Display(open, close)) if alone => {
                    Ok(vec![replace(outer.range(), between(open, close))])
                }
                Some(Consumer::Display(..) | Consumer::AtOnce) => {
                    Ok(vec![replace(call.range(), between("[", "]"))])
                }
                Some(Consumer::Helper(name)) => {
                    let helper = helper(name).ok_or("a helper is missing")?;
                    operation.around.push(super::awaited(view, outer));
                    Ok(vec![
                        replace(outer.func.range(), vec![Piece::Helper(helper)]),
                        replace(call.range(), between("(", ")")),
                    ])
                }
                _ => Err(OTHER),
            }
        }
        _ => Err(OTHER),
    }
}
