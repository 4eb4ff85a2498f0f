//! What an error passes that a test fails with, until the event loop of the test is closed.

use loopshift_engine::externals::Collected;
use loopshift_engine::flow::MroEntry;
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::StmtFunctionDef;

use super::caught::Passed;
use crate::common::code::{definition, switches};
use crate::context::{Context, View};
use crate::rules::anyio_tasks::{WaitingFixtures, share_loops};

const CASE: &str = "unittest.IsolatedAsyncioTestCase";

/// What an error passes that the function ends with, where it is a test that has an event loop of its own. `None` for other
/// functions.
pub(super) fn passed_by_test(cx: &Context<'_>, func: FuncId) -> Option<Passed> {
    let (_, def) = definition(cx, func)?;
    if !def.is_async || !def.name.as_str().starts_with("test") || share_loops(cx) {
        return None;
    }
    let waits = if is_of_case(cx, func) {
        cleanup_of_case(cx, func)
    } else if cx.program.flow.collected(func) == Some(Collected::Test) {
        WaitingFixtures::all(cx).next().is_some()
    } else {
        return None;
    };
    Some(if waits { Passed::Waits } else { Passed::AtOnce })
}

/// Whether the function is a test of a test case of unittest after which nothing waits.
pub(crate) fn ends_case(cx: &Context<'_>, func: FuncId) -> bool {
    is_of_case(cx, func) && !cleanup_of_case(cx, func)
}

/// Whether the function is a method of a test case of unittest.
fn is_of_case(cx: &Context<'_>, func: FuncId) -> bool {
    bases(cx, func).any(|base| match base {
        MroEntry::External(name) => cx.program.flow.text(*name) == CASE,
        MroEntry::Class(_) => false,
    })
}

fn bases<'x>(cx: &'x Context<'_>, func: FuncId) -> impl Iterator<Item = &'x MroEntry> {
    let class = cx.program.function(func).class;
    class
        .into_iter()
        .flat_map(|class| &cx.program.flow.mro[class.0 as usize])
}

/// Whether something waits that cleans up after a method of a test case.
fn cleanup_of_case(cx: &Context<'_>, func: FuncId) -> bool {
    bases(cx, func).any(|base| {
        let MroEntry::Class(class) = base else {
            return false;
        };
        cx.program.methods(*class).iter().any(|method| {
            definition(cx, *method).is_none_or(|(view, def)| {
                let cleans_up = def.name.as_str() == "asyncTearDown" && switches(&def.body);
                cleans_up || adds_cleanup(view, def)
            })
        })
    })
}

/// Whether the function asks for something to be done after the test.
fn adds_cleanup(view: &View<'_>, def: &StmtFunctionDef) -> bool {
    let text = view.text(def.range());
    ["addAsyncCleanup", "enterAsyncContext"]
        .iter()
        .any(|name| text.contains(name))
}
