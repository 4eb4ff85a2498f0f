//! Names that have a counterpart one to one, by the rows of the catalog.

pub(crate) mod unused_imports;

use loopshift_engine::change::{Change, Safety};
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::ExprCall;
use loopshift_python::edit::Edit;
use loopshift_python::{Ranged, TextRange};

use crate::catalog::Target;
use crate::common::rows;
use crate::context::{Context, View};

const RULE: &str = "anyio-names";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    unused_imports::plan(cx, changes);
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
            && let Some(call) = view.call_of(use_.place.range)
        {
            let exact = exact(cx, view, call);
            if exact.is_some() || asks_of_plain(cx, view, call) {
                change.safety = Safety::Safe;
                change.caveats.clear();
            }
            if let Some(edits) = exact.filter(|_| !asks_of_plain(cx, view, call)) {
                change.edits = edits.map(|edit| (view.file, edit)).into();
            }
        }
        changes.push(change);
    }
}

/// The test that `asyncio.iscoroutine` is: until Python 3.12 it also takes generators for coroutines.
fn exact(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Option<[Edit; 2]> {
    let [asked] = &*call.arguments.args else {
        return None;
    };
    let end = TextRange::new(asked.end(), call.end());
    if asked.is_starred_expr() || asked.is_generator_expr() || view.text(end) != ")" {
        return None;
    }
    let classes = if cx.settings.python_has(3, 12) {
        ", {@collections.abc:Coroutine}"
    } else {
        ", ({@collections.abc:Coroutine}, {@types:GeneratorType})"
    };
    Some([
        Edit::replace(call.func.range(), "isinstance", &[]),
        Edit::insert(asked.end(), classes, &[]),
    ])
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
