//! Event loops that the program runs itself. Python lets none be run where one is running, as there is behind a function that
//! becomes async.

use std::collections::BTreeSet;

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

/// Where one of the functions, which become async together, runs an event loop, itself or by a function that it calls; and why
/// they stay for it.
pub(super) fn run(cx: &Context<'_>, members: &BTreeSet<FuncId>) -> Option<(Place, String)> {
    let flow = &cx.program.flow;
    for (file, call) in cx.program.calls() {
        let runs = flow.values_of(call.callee).find_map(|value| match value {
            Value::External(sym) | Value::ExternalBound(sym, _) => {
                Some(flow.text(sym)).filter(|name| RUNS.contains(name))
            }
            _ => None,
        });
        let Some(runs) = runs else { continue };
        if let Some(member) = member_behind(cx, call.owner, members) {
            let place = Place {
                file,
                range: call.range,
            };
            let name = cx.program.qualified_name(member);
            return Some((
                place,
                format!(
                    "`{runs}` runs an event loop here, and `{name}` would run on one already, where no other may be run: await \
                     the coroutine there"
                ),
            ));
        }
    }
    None
}

/// The member that a function is, or that it is called by, in the same thread.
fn member_behind(cx: &Context<'_>, from: FuncId, members: &BTreeSet<FuncId>) -> Option<FuncId> {
    let mut seen = BTreeSet::from([from]);
    let mut work = vec![from];
    while let Some(func) = work.pop() {
        if members.contains(&func) {
            return Some(func);
        }
        if cx.apart.contains(&func) {
            continue;
        }
        let callers = cx.callers.of(func).iter().map(|site| site.owner);
        work.extend(callers.filter(|owner| *owner != FuncId::NONE && seen.insert(*owner)));
    }
    None
}
