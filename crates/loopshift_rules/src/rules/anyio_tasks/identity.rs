//! Tasks that are compared with those that asyncio itself names. A handle of `AnyIO` is none of them.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::{CallId, Value};
use loopshift_engine::ir::ContainerId;
use loopshift_python::TextRange;
use loopshift_python::ast::{Expr, ExprCompare};

use rustc_hash::FxHashSet;

use super::family::{Family, TASK, held, is_held};
use crate::context::{Context, View, ends_line_with_comment};

/// Where a task of the family is compared with the current one, or with one of all.
pub(super) fn compared(cx: &Context<'_>, family: &Family<'_>) -> Option<Place> {
    let comparisons = cx.once(comparisons);
    let ours = |site: &Place| family.cluster.sites.contains(site);
    let mut all = comparisons.iter();
    let found = all.find(|comparison| comparison.sites.iter().any(ours))?;
    Some(found.place)
}

/// A comparison of tasks.
struct Comparison {
    place: Place,
    /// The calls that make what is compared.
    sites: BTreeSet<Place>,
}

/// The comparisons of which a side is the current task, or one of all.
fn comparisons(cx: &Context<'_>) -> Vec<Comparison> {
    let asked = |api: &str| matches!(api, "asyncio.current_task" | "asyncio.all_tasks");
    if !cx.uses.iter().any(|use_| asked(&use_.api)) {
        return Vec::new();
    }
    let calls = |place: &Place| {
        let view = cx.view(place.file)?;
        let call = view.tree.expr_at(place.range)?.as_call_expr()?;
        cx.api_of(view, &call.func)
    };
    let is_foreign = |place: Place, made: &BTreeSet<Place>| {
        let known = |value| match value {
            Value::Object(ty, CallId::NONE) => cx.program.flow.text(ty) == TASK,
            _ => false,
        };
        calls(&place).is_some_and(asked)
            || made.iter().any(|site| calls(site).is_some_and(asked))
            || cx.program.values_at(place).any(known)
    };
    let of_view = |view: &View<'_>| -> Vec<Comparison> {
        let compares = view.tree.exprs().filter_map(Expr::as_compare_expr);
        let of_one = |compare: &ExprCompare| {
            let sides = std::iter::once(&*compare.left).chain(&compare.comparators);
            let (mut sites, mut foreign) = (BTreeSet::new(), false);
            for side in sides {
                let place = view.place(side);
                let made = held(cx, place).sites;
                foreign |= is_foreign(place, &made);
                sites.extend(made);
            }
            let place = view.place(compare);
            foreign.then_some(Comparison { place, sites })
        };
        compares.filter_map(of_one).collect()
    };
    let files = cx.views_where_at(may_hold_tasks(cx, asked), |place| {
        may_be_compared(&cx.program.file(place.file).text, place.range)
    });
    files.flat_map(of_view).collect()
}

/// Whether an expression may be compared with another one, by the text around it.
fn may_be_compared(text: &str, range: TextRange) -> bool {
    let (before, after) = (
        &text[..range.start().to_usize()],
        &text[range.end().to_usize()..],
    );
    let between = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '\\');
    let (outer, next) = (
        before.trim_end_matches(between),
        after.trim_start_matches(between),
    );
    let operators = ["==", "!=", "<=", ">=", "<", ">", "is", "in", "not"];
    let mut operators = operators.iter();
    operators.any(|it| outer.ends_with(it) || next.starts_with(it))
        || ends_line_with_comment(outer, before)
        || next.starts_with('#')
}

/// Whether a value is a task, holds one, or makes one of those that asyncio names.
fn may_hold_tasks(cx: &Context<'_>, asked: impl Fn(&str) -> bool) -> impl Fn(Value) -> bool {
    let flow = &cx.program.flow;
    let is_task = |value: Value| matches!(value, Value::Object(ty, _) if is_held(flow.text(ty)));
    // Containers within containers, and iterators over them, come later: once more for each step.
    let mut holding: FxHashSet<ContainerId> = FxHashSet::default();
    let may = move |holding: &FxHashSet<ContainerId>, value: Value| match value {
        Value::Container(id) => holding.contains(&id),
        Value::Iterator(node) => flow.values_of(node).any(|value| match value {
            Value::Container(id) => holding.contains(&id),
            Value::Iterator(_) => true,
            value => is_task(value),
        }),
        value => is_task(value),
    };
    loop {
        let before = holding.len();
        for (id, container) in (0..).map(ContainerId).zip(&flow.linked.containers) {
            let mut nodes = container.contents().chain([container.keys]);
            let holds = nodes.any(|node| flow.values_of(node).any(|value| may(&holding, value)));
            if holds {
                holding.insert(id);
            }
        }
        if holding.len() == before {
            break;
        }
    }
    move |value| match value {
        Value::External(sym) => asked(flow.text(sym)),
        value => may(&holding, value),
    }
}
