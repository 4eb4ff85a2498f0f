//! What a program does with green threads of eventlet that decides how all of them are written.

use loopshift_engine::flow::value::Value;
use loopshift_engine::uses::Use;

use crate::context::Context;

/// Whether the program links functions to green threads, or takes them back before they have begun: then their tasks
/// are of a class of their own.
pub(crate) fn are_followed(cx: &Context<'_>) -> bool {
    const NAMES: &[&str] = &[
        "eventlet.greenthread.GreenThread.link",
        "eventlet.greenthread.GreenThread.unlink",
        "eventlet.greenthread.GreenThread.cancel",
        "eventlet.greenthread.cancel",
        "eventlet.greenthread.spawn_after_local",
    ];
    cx.uses.iter().any(|use_| NAMES.contains(&&*use_.api))
}

/// Whether what stands at a use can be nothing else: the same member of objects that several calls make is one thing.
pub(crate) fn is_only(cx: &Context<'_>, use_: &Use) -> bool {
    let mut values = cx.program.values_at(use_.place);
    use_.only
        || values.all(|value| match value {
            Value::External(sym) | Value::ExternalBound(sym, _) => {
                cx.program.flow.text(sym) == use_.api
            }
            _ => false,
        })
}
