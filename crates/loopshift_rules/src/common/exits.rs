//! What ends the program as `sys.exit` does: it is no error, and goes through task groups in a group of its own.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::Target;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::AnyNodeRef;

use crate::common::code::{Reach, called_within};
use crate::context::Context;

/// Whether code that runs within the place may end the program as `sys.exit` does, by what goes through a group of its own.
pub(crate) fn may_exit(cx: &Context<'_>, place: Place) -> bool {
    let exits = cx.once(Exits::new);
    exits.called_back
        || exits
            .places
            .iter()
            .any(|it| it.file == place.file && place.range.contains_range(it.range))
        || (cx.once(Reach::new).from(called_within(cx, place)).iter())
            .any(|func| exits.functions.contains(func))
}

/// Where the program is ended.
struct Exits {
    places: Vec<Place>,
    /// The functions that hold these.
    functions: BTreeSet<FuncId>,
    /// Whether code that is not seen may call one of them.
    called_back: bool,
}

impl Exits {
    fn new(cx: &Context<'_>) -> Self {
        let flow = &cx.program.flow;
        let of_calls = cx.program.calls().filter(|(_, call)| {
            (cx.program.callees(call).iter())
                .any(|target| matches!(target, Target::External(sym) if ends(flow.text(*sym))))
        });
        let mut places: Vec<Place> = of_calls
            .map(|(file, call)| Place {
                file,
                range: call.range,
            })
            .collect();
        // `raise SystemExit`
        for view in cx.views_naming(["SystemExit", "KeyboardInterrupt"]) {
            for node in view.tree.nodes() {
                if let AnyNodeRef::StmtRaise(raise) = node
                    && let Some(error) = raise.exc.as_deref()
                    && cx.api_of(view, error).is_some_and(ends)
                {
                    places.push(view.place(error));
                }
            }
        }
        let functions: BTreeSet<FuncId> = places
            .iter()
            .map(|place| cx.program.function_at(*place))
            .filter(|func| *func != FuncId::NONE)
            .collect();
        let called_back = functions
            .iter()
            .any(|func| cx.callers.is_handed_over(*func));
        Exits {
            places,
            functions,
            called_back,
        }
    }
}

/// Whether a call of the API may raise what ends the program.
fn ends(api: &str) -> bool {
    matches!(
        api,
        "sys.exit"
            | "<builtin>.exit"
            | "<builtin>.quit"
            | "<builtin>.SystemExit"
            | "<builtin>.KeyboardInterrupt"
    ) || api.starts_with("argparse.")
}
