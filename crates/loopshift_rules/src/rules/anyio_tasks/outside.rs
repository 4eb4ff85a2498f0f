//! Tasks that are asked how they ended when no event loop runs any more. A handle of `AnyIO` tells a cancellation from another
//! error by the class of the backend, which it asks the running event loop for.

use super::cancelled::is_cancelled;
use super::family::Model;
use crate::common::outside::may_run_outside;
use crate::context::Context;

/// What asks a handle for its state.
const ASKING: &[&str] = &["result", "exception", "cancelled"];

/// Refuses the tasks of which that is asked, where one may have been told to stop.
pub(super) fn check(cx: &Context<'_>, model: &mut Model<'_>) {
    for family in &mut model.families {
        if family.refusal.is_some() || family.is_of_timers() || !is_cancelled(family) {
            continue;
        }
        let mut asking = family.members.iter();
        let found = asking.find(|member| {
            ASKING.contains(&member.name.as_str()) && may_run_outside(cx, member.function)
        });
        if let Some(member) = found {
            let line = cx.program.line(member.view.place(member.attribute));
            family.refusal = Some(format!(
                "at line {line} it is asked how it ended where no event loop may run, and AnyIO can tell a cancellation only while one runs"
            ));
        }
    }
}
