//! Code that may run where no event loop does.

use std::collections::BTreeSet;

use loopshift_engine::ir::{FuncId, FunctionKind};

use crate::context::Context;

/// Whether the function is the body of a module, or one that is not `async` and that such a body calls, maybe through others.
pub(crate) fn may_run_outside(cx: &Context<'_>, function: FuncId) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![function];
    while let Some(function) = next.pop() {
        let it = cx.program.function(function);
        if it.kind == FunctionKind::Module {
            return true;
        }
        if it.is_async || !seen.insert(function) {
            continue;
        }
        let callers = cx.callers.of(function).iter();
        next.extend(
            callers
                .map(|site| site.owner)
                .filter(|owner| *owner != FuncId::NONE),
        );
    }
    false
}
