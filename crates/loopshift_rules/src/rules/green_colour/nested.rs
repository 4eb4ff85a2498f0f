//! Event loops that the program runs itself. Python lets none be run where one is running, as there is behind a function that
//! becomes async.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;

use crate::context::Context;

/// What runs an event loop until something is over.
const RUNS: &[&str] = &[
    "anyio.run",
    "asyncio.AbstractEventLoop.run_forever",
    "asyncio.AbstractEventLoop.run_until_complete",
    "asyncio.Runner.run",
    "asyncio.run",
    "trio.run",
];

/// The functions behind which an event loop is run, each with the first place that does so, and with what.
pub(super) struct Runs<'c>(BTreeMap<FuncId, (Place, &'c str)>);

impl<'c> Runs<'c> {
    pub(super) fn new(cx: &'c Context<'_>) -> Self {
        let flow = &cx.program.flow;
        let mut behind = BTreeMap::new();
        for (file, call) in cx.program.calls() {
            let runs = flow.values_of(call.callee).find_map(|value| match value {
                Value::External(sym) | Value::ExternalBound(sym, _) => {
                    Some(flow.text(sym)).filter(|name| RUNS.contains(name))
                }
                _ => None,
            });
            let Some(runs) = runs else { continue };
            let place = Place {
                file,
                range: call.range,
            };
            // Its function, and those that call it in the same thread.
            let mut work = vec![call.owner];
            while let Some(func) = work.pop() {
                if behind.contains_key(&func) {
                    continue;
                }
                behind.insert(func, (place, runs));
                if !cx.apart.contains(&func) {
                    let callers = cx.callers.of(func).iter().map(|site| site.owner);
                    work.extend(callers.filter(|owner| *owner != FuncId::NONE));
                }
            }
        }
        Runs(behind)
    }

    /// Where one of the functions, which become async together, runs an event loop, itself or by a function that it calls;
    /// and why they stay for it.
    pub(super) fn of(
        &self,
        cx: &Context<'_>,
        members: &BTreeSet<FuncId>,
    ) -> Option<(Place, String)> {
        let (member, (place, runs)) = members
            .iter()
            .find_map(|it| self.0.get(it).map(|run| (it, run)))?;
        let name = cx.program.qualified_name(*member);
        Some((
            *place,
            format!(
                "`{runs}` runs an event loop here, and `{name}` would run on one already, where no other may be run: await the \
                 coroutine there"
            ),
        ))
    }
}
