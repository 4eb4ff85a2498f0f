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

use super::replace_call;
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
    change.edit(Edit::Replace {
        range: expr.range(),
        pieces: pieces("{@asyncio}.sleep", &[]),
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
            let edited = seconds(call).and_then(|seconds| {
                let callee = Piece::Source(call.func.range());
                let text = vec!["await ".into(), callee, "(".into(), seconds, ")".into()];
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
            let mut values = cx.program.values_at(view.place(expr));
            values.all(|value| is_api(cx, value, api))
        }
        Some(AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_)) => {
            let call = view.tree.ancestors(expr).find_map(|node| match node {
                AnyNodeRef::ExprCall(call) => Some(call),
                _ => None,
            });
            call.is_some_and(|call| is_taken(cx, view, call))
        }
        _ => false,
    }
}

/// Whether a call is one of functions of the program, whose parameters are followed.
fn is_taken(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let place = view.place(call);
    let mut calls = cx.program.calls_within(place);
    let Some(call) = calls.find(|it| it.range == call.range()) else {
        return false;
    };
    let targets = cx.program.callees(call);
    let takes = |func: FuncId| {
        let params = &cx.program.function(func).params;
        !(params.iter()).any(|it| matches!(it.kind, ParamKind::Star(_) | ParamKind::DoubleStar(_)))
    };
    !targets.is_empty()
        && targets.iter().all(|target| match target {
            Target::Func(func) => takes(*func),
            Target::External(_) => false,
        })
}
