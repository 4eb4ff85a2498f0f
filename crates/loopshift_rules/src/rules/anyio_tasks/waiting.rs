//! The places where tasks are waited for.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};

use super::family::{Model, Wait, WaitKind, held};
use crate::common::code::may_be_awaited;
use crate::context::{Context, View};

/// Waits: awaits of tasks, and calls of asyncio that are given tasks.
pub(super) fn collect<'c>(cx: &Context<'c>, model: &mut Model<'c>) {
    let mut waits: Vec<Wait<'c>> = Vec::new();
    for family in &model.families {
        for place in &family.cluster.places {
            // Tasks come along in many more files than wait for them: those need no tree.
            if !may_be_awaited(cx, place.place) {
                continue;
            }
            let Some(view) = cx.view(place.place.file) else {
                continue;
            };
            let Some(expr) = view.tree.expr_at(place.place.range) else {
                continue;
            };
            if let Some(AnyNodeRef::ExprAwait(await_)) = view.tree.parent(expr) {
                waits.push(Wait {
                    view,
                    function: cx.program.function_at(place.place),
                    kind: WaitKind::Await,
                    await_,
                    call: None,
                    operands: vec![expr],
                    sites: held(cx, place.place).sites,
                    uses: Vec::new(),
                });
            }
        }
    }
    for use_ in cx.uses {
        if !matches!(
            use_.api.as_str(),
            "asyncio.gather" | "asyncio.wait" | "asyncio.wait_for" | "asyncio.shield"
        ) {
            continue;
        }
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let Some(call) = view.call_of(use_.place.range) else {
            continue;
        };
        let wait = wait_of(cx, view, &use_.api, use_.place, call);
        let touched = touched(cx, view, call);
        match wait {
            Ok(Some(wait)) => waits.push(wait),
            Ok(None) if use_.api == "asyncio.wait" => {
                let held = call
                    .arguments
                    .args
                    .first()
                    .map(|tasks| held(cx, view.place(tasks)))
                    .unwrap_or_default();
                let reason = if held.coroutine {
                    "it is given coroutines, which Python 3.11 refuses: make tasks of them first"
                } else {
                    "it is not known to be given tasks that the program makes; futures stay with asyncio"
                };
                model.odd_waits.push((use_.place, reason.to_owned()));
            }
            Ok(None) => {}
            Err(reason) => {
                if use_.api == "asyncio.wait" {
                    model.odd_waits.push((use_.place, reason.clone()));
                }
                for site in touched {
                    if let Some(family) = model.by_site.get(&site) {
                        model.families[*family].refusal = Some(reason.clone());
                    }
                }
            }
        }
    }
    waits.extend(super::ordered::collect(cx));
    super::shielded::collect(cx, model, &mut waits);
    waits.sort_by_key(|wait| wait.view.place(wait.await_));
    waits.dedup_by_key(|wait| wait.view.place(wait.await_));
    for (place, wait) in waits.iter().enumerate() {
        let families = wait.sites.iter().filter_map(|site| model.by_site.get(site));
        for family in families.collect::<BTreeSet<_>>() {
            let of_family = model.waits_by_family.entry(*family).or_default();
            of_family.push(place);
        }
    }
    model.waits = waits;
}

/// The tasks among the arguments of a call.
fn touched(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> BTreeSet<Place> {
    let mut out = BTreeSet::new();
    for argument in call.arguments.iter_source_order() {
        let expr = match argument.value() {
            Expr::Starred(starred) => &*starred.value,
            other => other,
        };
        out.extend(held(cx, view.place(expr)).sites);
        if let Expr::Call(inner) = expr
            && matches!(
                cx.api_of(view, &inner.func),
                Some("asyncio.gather" | "asyncio.shield")
            )
        {
            out.extend(touched(cx, view, inner));
        }
    }
    out
}

/// What a call of asyncio does with the tasks it is given; none where it is given none.
fn wait_of<'c>(
    cx: &Context<'c>,
    view: &'c View<'c>,
    api: &str,
    use_: Place,
    call: &'c ExprCall,
) -> Result<Option<Wait<'c>>, String> {
    let sites = touched(cx, view, call);
    if sites.is_empty() {
        return Ok(None);
    }
    let short = api.strip_prefix("asyncio.").unwrap_or(api);
    let row = cx.catalog.get(api).ok_or("it is not in the catalog")?;
    let bound = cx
        .bind(row, call)
        .map_err(|error| format!("the call of `{short}`: {error}"))?;
    // A shield or `gather` within `wait_for` is spoken of there.
    let parent_call = match view.tree.parent(call) {
        Some(AnyNodeRef::Arguments(arguments)) => match view.tree.parent(arguments) {
            Some(AnyNodeRef::ExprCall(outer)) => Some(outer),
            _ => None,
        },
        _ => None,
    };
    if matches!(api, "asyncio.gather" | "asyncio.shield")
        && let Some(outer) = parent_call
        && cx.api_of(view, &outer.func) == Some("asyncio.wait_for")
    {
        return Ok(None);
    }
    let Some(await_) = view.await_of(call.range()) else {
        return Err(format!(
            "it is passed to `asyncio.{short}`, which is not awaited in place"
        ));
    };
    let make = |kind, operands: Vec<&'c Expr>, uses: Vec<Place>| {
        Ok(Some(Wait {
            view,
            function: cx.program.function_at(use_),
            kind,
            await_,
            call: Some(call),
            operands,
            sites: sites.clone(),
            uses,
        }))
    };
    match api {
        "asyncio.gather" => {
            let operands = bound.all("coros_or_futures").to_vec();
            let exceptions = match bound.get("return_exceptions") {
                None => false,
                Some(Expr::BooleanLiteral(literal)) => literal.value,
                Some(_) => {
                    return Err("`return_exceptions` of `gather` is not a literal".to_owned());
                }
            };
            are_tasks(cx, view, &operands, true)?;
            make(WaitKind::Gather { exceptions }, operands, vec![use_])
        }
        "asyncio.shield" => {
            let Some(task) = bound.get("arg") else {
                return Err("the call of `shield` has no argument".to_owned());
            };
            make(WaitKind::Shield, vec![task], vec![use_])
        }
        "asyncio.wait_for" => {
            let (Some(task), Some(_)) = (bound.get("fut"), bound.get("timeout")) else {
                return Err("the arguments of `wait_for` are not known".to_owned());
            };
            if let Expr::Call(inner) = task
                && cx.api_of(view, &inner.func) == Some("asyncio.shield")
            {
                let Some(task) = inner.arguments.args.first() else {
                    return Err("the call of `shield` has no argument".to_owned());
                };
                let uses = vec![use_, view.place(&*inner.func)];
                return make(WaitKind::ShieldedFor, vec![task], uses);
            }
            if let Expr::Call(inner) = task
                && cx.api_of(view, &inner.func) == Some("asyncio.gather")
            {
                let operands: Vec<&Expr> = inner.arguments.args.iter().collect();
                if !inner.arguments.keywords.is_empty() {
                    return Err(
                        "the errors of what `gather` waits for in `wait_for` are its results"
                            .to_owned(),
                    );
                }
                are_tasks(cx, view, &operands, false)?;
                let uses = vec![use_, view.place(&*inner.func)];
                return make(WaitKind::GatherFor, operands, uses);
            }
            make(WaitKind::For, vec![task], vec![use_])
        }
        _ => {
            let Some(tasks) = bound.get("fs") else {
                return Err("the arguments of `wait` are not known".to_owned());
            };
            let all = held(cx, view.place(tasks));
            if all.coroutine || all.other {
                return Err(
                    "it is waited for together with something that is not known to be a task"
                        .to_owned(),
                );
            }
            let mut uses = vec![use_];
            let timeout = bound
                .get("timeout")
                .is_some_and(|timeout| !timeout.is_none_literal_expr());
            let when = match bound.get("return_when") {
                None => "asyncio.ALL_COMPLETED",
                Some(when) => {
                    let named = cx.uses.iter().find(|it| it.place == view.place(when));
                    uses.extend(named.map(|it| it.place));
                    named.map_or("", |it| it.api.as_str())
                }
            };
            let kind = match when {
                "asyncio.ALL_COMPLETED" if timeout => WaitKind::AllTimeout,
                "asyncio.ALL_COMPLETED" => WaitKind::All,
                "asyncio.FIRST_COMPLETED" => WaitKind::First,
                "asyncio.FIRST_EXCEPTION" => WaitKind::FirstError,
                _ => return Err("what `asyncio.wait` waits for is computed".to_owned()),
            };
            make(kind, vec![tasks], uses)
        }
    }
}

/// Checks that what `gather` is given are tasks, or lists of them; `or_calls` says that calls may stand for coroutines.
///
/// # Errors
/// Where one may be something else.
fn are_tasks(
    cx: &Context<'_>,
    view: &View<'_>,
    operands: &[&Expr],
    or_calls: bool,
) -> Result<(), String> {
    let is_one = |operand: &Expr| {
        let (inner, starred) = match operand {
            Expr::Starred(starred) => (&*starred.value, true),
            other => (other, false),
        };
        let held = held(cx, view.place(inner));
        let is_plain_call = or_calls && !starred && inner.is_call_expr() && held.sites.is_empty();
        is_plain_call || !(held.coroutine || held.other || held.sites.is_empty())
    };
    if operands.iter().all(|it| is_one(it)) {
        Ok(())
    } else {
        Err("it is gathered together with something that is not known to be a task".to_owned())
    }
}
