//! What real threads run: there nothing of asyncio may be used, while gevent's own can be.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::Target;
use loopshift_engine::graph::functions;
use loopshift_engine::ir::FuncId;

use crate::common::code::Reach;
use crate::context::Context;

/// What runs what it is given in a thread.
const STARTING: &[&str] = &[
    "threading.Thread",
    "threading.Timer",
    "concurrent.futures.ThreadPoolExecutor.submit",
    "concurrent.futures.ThreadPoolExecutor.map",
    "gevent.threadpool.ThreadPool.spawn",
    "gevent.threadpool.ThreadPool.apply",
    "gevent.threadpool.ThreadPool.map",
    "eventlet.tpool.execute",
];

/// The functions that run in threads.
pub(crate) struct Threads {
    functions: BTreeSet<FuncId>,
}

impl Threads {
    /// Finds them.
    pub(crate) fn new(cx: &Context<'_>) -> Self {
        let flow = &cx.program.flow;
        let mut given = BTreeSet::new();
        for (_, call) in cx.program.calls() {
            let starts = cx.program.callees(call).iter().any(|target| match target {
                Target::External(sym) => STARTING.contains(&flow.text(*sym)),
                Target::Func(_) => false,
            });
            let values = call.args.iter().filter(|_| starts);
            let values = values.flat_map(|arg| flow.values_of(arg.node));
            given.extend(functions(flow, values));
        }
        // Looking through the whole program takes long.
        let functions = if given.is_empty() {
            given
        } else {
            cx.once(Reach::new).from(given)
        };
        Threads { functions }
    }

    /// Whether an object may be used at a place.
    ///
    /// # Errors
    /// Where a thread uses it.
    pub(crate) fn allow(&self, cx: &Context<'_>, place: Place) -> Result<(), String> {
        if self.functions.contains(&cx.program.function_at(place)) {
            return Err("a real thread uses it there, which asyncio's does not allow".to_owned());
        }
        Ok(())
    }
}
