//! Functions that wait and are kept as values: `sleep = gevent.sleep`, `def poll(sleep=eventlet.sleep)`. Where it is seen
//! that nothing but calls is made of one, it becomes the coroutine function in its place, and each call is awaited.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::Target;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{FuncId, ParamKind};
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece, pieces};
use rustc_hash::FxHashMap;

use super::{helper, is_coloured, replace_call};
use crate::context::{Context, View};

/// Why a use stays that is no call.
const PASSED: &str = "it is passed on as a function";

/// The change of a function that only takes seconds to wait, where it stands as a value.
///
/// # Errors
/// Where it may be used in another way, in words.
pub(crate) fn sleeping(
    cx: &Context<'_>,
    use_: &Use,
    view: &View<'_>,
    rule: &'static str,
) -> Result<Change, String> {
    let expr = view.tree.expr_at(use_.place.range).ok_or(PASSED)?;
    followed(cx, &use_.api)?;
    let message = format!("`{}` is awaited where it is called", use_.api);
    let mut change = Change::new(rule, use_.place, &*use_.api, message);
    let mut calls = calls(cx, &use_.api).into_iter();
    // Where it may be given nothing, it has to know what that means.
    let pieces = if calls.any(|(_, call)| call.arguments.args.iter().any(Expr::is_starred_expr)) {
        vec![Piece::Helper(helper("sleep").ok_or("a helper is missing")?)]
    } else {
        pieces("{@asyncio}.sleep", &[])
    };
    change.edit(Edit::Replace {
        range: expr.range(),
        pieces,
    });
    Ok(change)
}

/// The changes of the calls through variables of functions that only take seconds to wait, where these stand as values.
pub(crate) fn slept(
    cx: &Context<'_>,
    owners: &FxHashMap<Place, FuncId>,
    apis: &BTreeSet<&str>,
    rule: &'static str,
) -> Vec<Change> {
    let mut out = Vec::new();
    for api in apis {
        for (view, call) in calls(cx, api) {
            let place = view.place(&*call.func);
            let message = format!("`{api}` is awaited");
            let mut change = Change::new(rule, place, *api, message);
            if is_written_elsewhere(cx, view, call) {
                continue;
            }
            let edited = seconds(call).and_then(|seconds| {
                let callee = Piece::Source(call.func.range());
                let call_text = [callee, "(".into(), seconds, ")".into()];
                let mut text: Vec<Piece> = vec!["await ".into()];
                let is_else = !only_sleeps(cx, view, &call.func, api);
                if is_else {
                    let helper = helper("awaited").ok_or("a helper is missing")?;
                    text.extend([Piece::Helper(helper), "(".into()]);
                }
                text.extend(call_text);
                if is_else {
                    text.push(")".into());
                }
                replace_call(cx, owners, view, call, text, &mut change)
            });
            out.push(match edited {
                Ok(()) => change,
                Err(reason) => Change::declined(rule, place, *api, reason),
            });
        }
    }
    out
}

/// Whether a call may run functions of the program that wait, too: then the rule of colours writes it.
fn is_written_elsewhere(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let place = view.place(call);
    let mut calls = cx.facts().called(cx.program.function_at(place));
    calls.any(|(at, called)| {
        at == place && called.functions.iter().any(|func| is_coloured(cx, *func))
    })
}

/// Whether a callee can be nothing else than a function that only takes seconds to wait.
fn only_sleeps(cx: &Context<'_>, view: &View<'_>, callee: &Expr, api: &str) -> bool {
    let mut values = cx.program.values_at(view.place(callee));
    values.all(|value| is_api(cx, value, api))
}

/// The argument of a call that only takes seconds.
fn seconds(call: &ExprCall) -> Result<Piece, String> {
    match (&*call.arguments.args, &*call.arguments.keywords) {
        ([], []) => Ok("0".into()),
        ([seconds], []) if !seconds.is_starred_expr() => Ok(Piece::Source(seconds.range())),
        ([], [keyword]) if keyword.arg.as_deref() == Some("seconds") => {
            Ok(Piece::Source(keyword.value.range()))
        }
        _ => Err("its arguments are not those of a time to wait".to_owned()),
    }
}

/// The calls of a function of a library through variables.
pub(crate) fn calls<'c>(cx: &Context<'c>, api: &str) -> Vec<(&'c View<'c>, &'c ExprCall)> {
    let is_it = |value: Value| is_api(cx, value, api);
    let mut out = Vec::new();
    for view in cx.views_where(is_it) {
        for expr in view.tree.exprs() {
            let Expr::Call(call) = expr else { continue };
            let mut values = cx.program.values_at(view.place(&*call.func));
            if values.any(is_it) && !view.is_direct(&call.func) {
                out.push((view, call));
            }
        }
    }
    out
}

fn is_api(cx: &Context<'_>, value: Value, api: &str) -> bool {
    match value {
        Value::External(sym) => cx.program.flow.text(sym) == api,
        _ => false,
    }
}

/// Checks that all places are seen where a function of a library goes as a value, and that nothing but calls is made of
/// it there.
///
/// # Errors
/// Where it leaves what is seen, in words.
pub(crate) fn followed(cx: &Context<'_>, api: &str) -> Result<(), String> {
    let is_it = |value: Value| is_api(cx, value, api);
    if cx.part.is_some() {
        return Err(PASSED.to_owned());
    }
    for view in cx.views_where(is_it) {
        for expr in view.tree.exprs() {
            let is_load = match expr {
                Expr::Name(name) => name.ctx.is_load(),
                Expr::Attribute(attribute) => attribute.ctx.is_load(),
                _ => true,
            };
            if !is_load || !cx.program.values_at(view.place(expr)).any(is_it) {
                continue;
            }
            if !stays_in_sight(cx, view, expr, api) {
                let line = cx.program.line(view.place(expr));
                let path = &cx.program.file(view.file).path;
                return Err(format!(
                    "{PASSED}, and leaves what is seen at {path}:{line}"
                ));
            }
        }
    }
    Ok(())
}

fn stays_in_sight(cx: &Context<'_>, view: &View<'_>, expr: &Expr, api: &str) -> bool {
    match view.tree.parent(expr) {
        Some(AnyNodeRef::StmtAssign(assign)) => {
            let is_plain = |target: &Expr| target.is_name_expr() || target.is_attribute_expr();
            let is_of_class = (view.tree.parent(assign)).is_some_and(|it| it.is_stmt_class_def());
            assign.targets.iter().all(is_plain) && !is_of_class
        }
        Some(AnyNodeRef::StmtAnnAssign(assign)) => {
            !(view.tree.parent(assign)).is_some_and(|it| it.is_stmt_class_def())
        }
        Some(
            AnyNodeRef::ParameterWithDefault(_)
            | AnyNodeRef::ExprBoolOp(_)
            | AnyNodeRef::ExprIf(_)
            | AnyNodeRef::ExprNamed(_),
        ) => true,
        Some(AnyNodeRef::ExprCompare(compare)) => {
            compare.comparators.iter().all(Expr::is_none_literal_expr)
        }
        Some(AnyNodeRef::ExprCall(call)) if call.func.range() == expr.range() => {
            // Where it is called beside functions that wait, their arguments stay as they are.
            let is_known = !is_written_elsewhere(cx, view, call) || has_seconds(call);
            let is_sleep = api.rsplit('.').next() == Some("sleep");
            let mut values = cx.program.values_at(view.place(expr));
            values.all(|value| is_api(cx, value, api)) || (is_sleep && is_known)
        }
        Some(AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_)) => {
            let call = view.tree.call_around(expr);
            call.is_some_and(|call| is_taken(cx, view, call, expr))
        }
        _ => false,
    }
}

/// Whether a call gives one positional argument, which may be the first of several.
fn has_seconds(call: &ExprCall) -> bool {
    call.arguments.keywords.is_empty() && call.arguments.args.len() == 1
}

/// Whether a call is one of functions of the program, and an argument one of the parameters that are followed.
fn is_taken(cx: &Context<'_>, view: &View<'_>, call: &ExprCall, given: &Expr) -> bool {
    let place = view.place(call);
    let mut calls = cx.program.calls_within(place);
    let Some(found) = calls.find(|it| it.range == call.range()) else {
        return false;
    };
    let args = &call.arguments.args;
    let index = args.iter().position(|it| it.range() == given.range());
    let spread = args.iter().any(Expr::is_starred_expr);
    let targets = cx.program.callees(found);
    let takes = |func: FuncId| {
        let function = cx.program.function(func);
        let params = &function.params;
        let is_rest =
            |kind: &ParamKind| matches!(kind, ParamKind::Star(_) | ParamKind::DoubleStar(_));
        let named = params.iter().take_while(|it| !is_rest(&it.kind)).count();
        let own = usize::from(function.class.is_some());
        let by_place = index.is_some_and(|index| !spread && index + own < named);
        by_place || !params.iter().any(|it| is_rest(&it.kind))
    };
    !targets.is_empty()
        && targets.iter().all(|target| match target {
            Target::Func(func) => takes(*func),
            Target::External(_) => false,
        })
}
