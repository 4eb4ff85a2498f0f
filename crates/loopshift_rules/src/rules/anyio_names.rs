//! Names that have a counterpart one to one, by the rows of the catalog.

use loopshift_engine::change::{Change, Safety};
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::ExprCall;

use super::rows;
use crate::catalog::Target;
use crate::context::{Context, View};

const RULE: &str = "anyio-names";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for use_ in cx.uses {
        let Some(api) = cx.catalog.get(&use_.api) else {
            continue;
        };
        if api.rule.is_some() || api.forms(Target::Anyio).is_empty() {
            continue;
        }
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let mut change = rows::replace(cx, use_, api, view, RULE)
            .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason));
        if use_.api == "asyncio.iscoroutine"
            && change.declined.is_none()
            && view
                .call_of(use_.place.range)
                .is_some_and(|call| asks_of_plain(cx, view, call))
        {
            change.safety = Safety::Safe;
            change.caveats.clear();
        }
        changes.push(change);
    }
}

/// Whether `asyncio.iscoroutine` is asked of nothing but coroutines of the program and what is none at all: it also knows
/// generators, and objects of libraries that behave like coroutines.
fn asks_of_plain(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let [asked] = &*call.arguments.args else {
        return false;
    };
    let flow = &cx.program.flow;
    let mut values = cx.program.values_at(view.place(asked)).peekable();
    values.peek().is_some()
        && values.all(|value| match value {
            Value::Coroutine(_) | Value::Func(_) | Value::Container(_) => true,
            Value::Object(class, _) => flow.text(class).starts_with("<builtin>."),
            _ => false,
        })
}
