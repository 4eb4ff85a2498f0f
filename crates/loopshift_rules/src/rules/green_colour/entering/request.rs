//! What a web framework calls for a request, in a thread: it may run an event loop that ends with the request.

use std::collections::BTreeSet;

use loopshift_engine::facts::Cause;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::Expr;

use crate::common::code::Reach;
use crate::common::green::is_coloured;
use crate::common::shared::is_statement;
use crate::context::{Context, View};

/// That nothing of what the function runs outlives the request, or belongs to another event loop.
///
/// # Errors
/// What does, in words for the user.
pub(super) fn may_run_a_loop(cx: &Context<'_>, func: FuncId) -> Result<(), String> {
    let reached = runs(cx, func);
    for view in cx.views() {
        let inside = |expr: &Expr| reached.contains(&cx.program.function_at(view.place(expr)));
        let mut exprs = view.tree.exprs();
        if let Some(name) =
            exprs.find_map(|expr| foreign(cx, view, expr, &reached).filter(|_| inside(expr)))
        {
            return Err(format!(
                "a request would run an event loop of its own, and use a `{name}` of another one"
            ));
        }
    }
    for use_ in cx.uses {
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        if reached.contains(&cx.program.function_at(use_.place)) && goes_on(cx, view, use_) {
            return Err(
                "a request would run an event loop of its own, and what it starts goes on after it"
                    .to_owned(),
            );
        }
    }
    // A client for tests calls the view in the thread that asks.
    let asks = cx.views_with(&["test_client", "TestClient"]).any(|view| {
        view.tree.exprs().any(|expr| match expr {
            Expr::Attribute(it) if it.attr.as_str() == "test_client" => {
                is_coloured(cx, cx.program.function_at(view.place(expr)))
            }
            _ => false,
        })
    });
    if asks {
        return Err(
            "a request would run an event loop, and a test asks for it where one runs".to_owned(),
        );
    }
    Ok(())
}

/// The functions that the request runs, those of its green threads among them.
fn runs(cx: &Context<'_>, func: FuncId) -> BTreeSet<FuncId> {
    let reach = cx.once(Reach::new);
    let mut reached = reach.from([func]);
    loop {
        let is_started = |func: &FuncId| {
            let mut sites = cx.callers.of(*func).iter();
            sites.any(|site| reached.contains(&cx.program.function_at(site.place)))
        };
        let all = cx.program.functions();
        let more: Vec<FuncId> = all
            .filter(|func| !reached.contains(func) && is_started(func))
            .collect();
        if more.is_empty() {
            return reached;
        }
        reached.extend(reach.from(more));
    }
}

/// The class of an object of the library that something else than the request made.
fn foreign<'c>(
    cx: &Context<'c>,
    view: &View<'_>,
    expr: &Expr,
    reached: &BTreeSet<FuncId>,
) -> Option<&'c str> {
    if !matches!(
        expr,
        Expr::Name(_) | Expr::Attribute(_) | Expr::Subscript(_)
    ) {
        return None;
    }
    let flow = &cx.program.flow;
    let mut values = cx.program.values_at(view.place(expr));
    values.find_map(|value| match value {
        Value::Object(class, call) if cx.recipe.moves(flow.text(class)) => {
            let made = flow.written(call).0 as usize;
            let owner = flow.linked.calls.get(made).map(|call| call.owner);
            let here = owner.is_some_and(|owner| reached.contains(&owner));
            (!here).then(|| flow.text(class))
        }
        _ => None,
    })
}

/// Whether a green thread is started there that nobody waits for.
fn goes_on(cx: &Context<'_>, view: &View<'_>, use_: &Use) -> bool {
    const WAITS: &[&str] = &[
        "joinall", "join", "get", "wait", "iwait", "waitall", "__next__",
    ];
    let row = cx.catalog.get(&use_.api);
    let spawns = row.is_some_and(|api| {
        let is_timer = api.rule.as_deref() == Some("green-timeout");
        api.spawns && !is_timer && cx.recipe.moves(&api.name)
    });
    let Some(call) = view.call_of(use_.place.range).filter(|_| spawns) else {
        return false;
    };
    let name = |api: &str| api.rsplit('.').next().unwrap_or_default().to_owned();
    if ["map", "imap", "imap_unordered", "starmap", "apply"].contains(&&*name(&use_.api)) {
        return false;
    }
    let owner = cx.program.function_at(use_.place);
    let waits = cx.facts().causes(owner).iter().any(|cause| match cause {
        Cause::Api { place, name: api } => {
            place.file == use_.place.file
                && place.range.start() > call.start()
                && WAITS.contains(&&*name(api))
        }
        _ => false,
    });
    !waits || (is_statement(view, call) && !use_.member)
}
