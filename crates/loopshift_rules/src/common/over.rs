//! Times that are over at once: `timeout=0`.

use std::collections::BTreeSet;

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{Expr, Number, UnaryOp};

use crate::context::{Context, View};

/// Whether the time is, or may be given as, none at all: asyncio ends the first wait that really has to wait, `AnyIO` the
/// first one.
pub(crate) fn may_be_over(cx: &Context<'_>, view: &View<'_>, limit: &Expr) -> bool {
    let none = |value| matches!(value, Value::Int(seconds) if seconds <= 0);
    let written = match limit {
        Expr::UnaryOp(it) => matches!(it.op, UnaryOp::USub),
        Expr::NumberLiteral(it) => matches!(it.value, Number::Float(seconds) if seconds <= 0.0),
        _ => false,
    };
    written || cx.program.values_at(view.place(limit)).any(none)
}

/// What limits the time of a wait, with the place and the name of the limit among its arguments.
const LIMITS: &[(&str, usize, &str)] = &[
    ("asyncio.timeout", 0, "delay"),
    ("asyncio.wait_for", 1, "timeout"),
    ("anyio.fail_after", 0, "delay"),
    ("anyio.move_on_after", 0, "delay"),
];

/// The functions that wait under such a time.
pub(crate) struct Over(BTreeSet<FuncId>);

impl Over {
    pub(crate) fn new(cx: &Context<'_>) -> Self {
        let mut found = BTreeSet::new();
        for use_ in cx.uses {
            let Some((_, index, name)) = LIMITS.iter().find(|it| it.0 == use_.api) else {
                continue;
            };
            let call = cx
                .view(use_.place.file)
                .and_then(|view| Some((view, view.call_of(use_.place.range)?)));
            let Some((view, call)) = call else { continue };
            let limit = call.arguments.find_argument_value(name, *index);
            if limit.is_some_and(|limit| may_be_over(cx, view, limit)) {
                found.insert(cx.program.function_at(use_.place));
            }
        }
        Over(found)
    }

    /// Whether the function waits under such a time.
    pub(crate) fn holds(&self, function: FuncId) -> bool {
        self.0.contains(&function)
    }
}
