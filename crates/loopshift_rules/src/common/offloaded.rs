//! What a call of `run_in_executor` runs elsewhere.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::site_place;
use loopshift_python::ast::{Expr, ExprCall};

use crate::common::code::Reach;
use crate::common::order::{Effect, effects};
use crate::context::{Context, View};

/// Whether somebody may see what the call does elsewhere, beside its result.
pub(crate) fn is_seen(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let function = call.arguments.args.get(1);
    let Some(functions) = function.and_then(|it| functions(cx, view.place(it), 3)) else {
        return true;
    };
    let is_seen = |func| {
        let effects = effects(cx, func);
        effects
            .iter()
            .any(|(_, effect)| !matches!(effect, Effect::Read(_)))
    };
    (cx.once(Reach::new).from(functions))
        .into_iter()
        .any(is_seen)
}

/// Whether the call runs in an executor of the program's own.
pub(crate) fn has_pool(call: &ExprCall) -> bool {
    let executor = call.arguments.args.first();
    executor.is_some_and(|it| !it.is_none_literal_expr())
}

/// The functions of the program that are run there, if all that it may be is known. What only computes is none of them.
fn functions(cx: &Context<'_>, given: Place, depth: u32) -> Option<BTreeSet<FuncId>> {
    let flow = &cx.program.flow;
    let mut found = BTreeSet::new();
    let mut any = false;
    for value in cx.program.values_at(given) {
        any = true;
        match value {
            Value::Func(func) | Value::Bound(func, _) | Value::Static(func) => {
                found.insert(func);
            }
            Value::External(sym) if computes(flow.text(sym)) => {}
            Value::Partial(made) if depth > 0 => {
                let site = site_place(cx.program, made)?;
                let view = cx.view(site.file)?;
                let made = view.tree.expr_at(site.range);
                let inner = made.and_then(Expr::as_call_expr)?.arguments.args.first()?;
                found.extend(functions(cx, view.place(inner), depth - 1)?);
            }
            _ => return None,
        }
    }
    any.then_some(found)
}

/// Whether a function of the standard library gives a result, and does nothing else.
fn computes(name: &str) -> bool {
    const BUILTINS: &[&str] = &[
        "abs", "divmod", "hash", "len", "max", "min", "pow", "round", "sum",
    ];
    match name.strip_prefix("<builtin>.") {
        Some(builtin) => BUILTINS.contains(&builtin),
        None => {
            ["hashlib.", "math.", "statistics."]
                .iter()
                .any(|module| name.starts_with(module))
                || name == "time.sleep"
        }
    }
}
