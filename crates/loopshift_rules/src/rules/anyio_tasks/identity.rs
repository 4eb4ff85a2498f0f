//! Tasks that are compared with those that asyncio itself names. A handle of `AnyIO` is none of them.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::{CallId, Value};
use loopshift_python::ast::Expr;

use super::family::{Family, TASK, held};
use crate::context::{Context, View};

/// Where a task of the family is compared with the current one, or with one of all.
pub(super) fn compared(cx: &Context<'_>, family: &Family<'_>) -> Option<Place> {
    let asked = |api: &str| matches!(api, "asyncio.current_task" | "asyncio.all_tasks");
    if !cx.uses.iter().any(|use_| asked(&use_.api)) {
        return None;
    }
    let is_ours = |view: &View<'_>, expr: &Expr| {
        let sites = held(cx, view.place(expr)).sites;
        sites.iter().any(|site| family.cluster.sites.contains(site))
    };
    let calls = |place: &Place| {
        let view = cx.view(place.file)?;
        let call = view.tree.expr_at(place.range)?.as_call_expr()?;
        cx.api_of(view, &call.func)
    };
    let is_foreign = |view: &View<'_>, expr: &Expr| {
        let place = view.place(expr);
        let known = |value| match value {
            Value::Object(ty, CallId::NONE) => cx.program.flow.text(ty) == TASK,
            _ => false,
        };
        let made = held(cx, place).sites;
        calls(&place).is_some_and(asked)
            || made.iter().any(|site| calls(site).is_some_and(asked))
            || cx.program.values_at(place).any(known)
    };
    cx.views().find_map(|view| {
        view.tree.exprs().find_map(|expr| {
            let Expr::Compare(compare) = expr else {
                return None;
            };
            let sides = || std::iter::once(&*compare.left).chain(&compare.comparators);
            let meets = sides().any(|side| is_ours(view, side))
                && sides().any(|side| is_foreign(view, side));
            meets.then(|| view.place(expr))
        })
    })
}
