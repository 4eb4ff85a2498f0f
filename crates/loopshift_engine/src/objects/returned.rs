//! Objects that functions give to code outside the program: a framework calls what it was handed, and keeps the result.

use rustc_hash::FxHashSet;

use crate::change::Place;
use crate::flow::library::passes_on;
use crate::flow::value::{Value, ValueId};
use crate::ir::{FuncId, Node};
use crate::program::Program;

/// The objects that functions return or yield to code that is not described anywhere; `giving` are those that may.
pub(super) fn objects(
    program: &Program<'_>,
    giving: &[u32],
    reaches: &impl Fn(Node) -> Vec<ValueId>,
) -> Vec<(ValueId, Place, String)> {
    // Few functions do, and looking at all calls takes long.
    if giving.is_empty() {
        return Vec::new();
    }
    let handed = program.handed.get_or_init(|| handed(program));
    let mut out = Vec::new();
    for func in giving.iter().map(|place| FuncId(*place)) {
        if handed.contains(&func) {
            let function = program.function(func);
            let mut objects = reaches(function.ret);
            objects.extend(reaches(function.yields));
            let name = program.qualified_name(func);
            let reason = format!("`{name}` gives it to code that is not known");
            let place = Place {
                file: program.function_file(func),
                range: loopshift_python::TextRange::default(),
            };
            out.extend(objects.iter().map(|it| (*it, place, reason.clone())));
        }
    }
    out
}

/// The functions that calls hand to code which neither the engine nor the catalog knows.
fn handed(program: &Program<'_>) -> FxHashSet<FuncId> {
    let flow = &program.flow;
    let is_strange = |value: Value| match value {
        Value::Unknown(_) | Value::Object(..) => true,
        Value::External(sym) | Value::ExternalBound(sym, _) => {
            let name = flow.text(sym);
            !name.starts_with("<builtin>.")
                && !passes_on(name)
                && !super::moves_values(name)
                && flow.externals.collected(name).is_none()
                && flow
                    .externals
                    .api(name)
                    .is_none_or(|api| api.calls.is_empty() && api.escapes)
        }
        _ => false,
    };
    let mut out = FxHashSet::default();
    for (_, call) in program.calls() {
        if !flow.values_of(call.callee).any(is_strange) {
            continue;
        }
        for arg in &call.args {
            out.extend(flow.values_of(arg.node).filter_map(Value::function));
        }
    }
    out
}
