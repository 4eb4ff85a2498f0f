//! Which classes are test cases of unittest, or lend their methods to one.

use std::sync::Arc;

use loopshift_engine::flow::MroEntry;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_engine::program::Program;
use rustc_hash::FxHashSet;

use crate::context::Context;

/// The classes of the program whose methods unittest calls.
pub(crate) struct TestCases(FxHashSet<ClassId>);

impl TestCases {
    pub(crate) fn new(program: &Program<'_>) -> Self {
        let is_case = |entry: &MroEntry| match entry {
            MroEntry::External(sym) => is_test_case(program.flow.text(*sym)),
            MroEntry::Class(_) => false,
        };
        let lines = (0..).map(ClassId).zip(&program.flow.mro);
        let cases = lines.filter(|(_, bases)| bases.iter().any(is_case));
        let classes = cases.flat_map(|(class, bases)| {
            let bases = bases.iter().filter_map(|entry| match entry {
                MroEntry::Class(base) => Some(*base),
                MroEntry::External(_) => None,
            });
            bases.chain([class])
        });
        TestCases(classes.collect())
    }

    /// Those of the program, for rules: found once.
    pub(crate) fn of(cx: &Context<'_>) -> Arc<Self> {
        cx.once(|cx| TestCases::new(cx.program))
    }

    /// Whether unittest calls the method: a test, or what is done before and after one.
    pub(crate) fn call(&self, program: &Program<'_>, func: FuncId) -> bool {
        let function = program.function(func);
        let name = function.name();
        let is_called = name.starts_with("test") || matches!(name, "setUp" | "tearDown");
        is_called && (function.class).is_some_and(|class| self.0.contains(&class))
    }
}

/// Whether it is the class of unittest's tests.
pub(crate) fn is_test_case(class: &str) -> bool {
    matches!(class, "unittest.TestCase" | "unittest.case.TestCase")
}
