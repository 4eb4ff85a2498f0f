//! The list of all rules.

use loopshift_engine::change::Change;

use crate::context::Context;
use crate::rules;

/// A rule.
pub struct Rule {
    /// Its name, in kebab-case; its page is `docs/rules/NAME.md`.
    pub name: &'static str,
    /// Finds what it speaks for and says what becomes of it: a change with edits, or a declined one.
    pub plan: fn(&Context<'_>, &mut Vec<Change>),
    /// Its page.
    pub page: &'static str,
}

/// All rules, by name.
pub const RULES: &[Rule] = &[
    Rule {
        name: "anyio-event",
        plan: rules::anyio_event::plan,
        page: include_str!("../../../docs/rules/anyio-event.md"),
    },
    Rule {
        name: "anyio-loop",
        plan: rules::anyio_loop::plan,
        page: include_str!("../../../docs/rules/anyio-loop.md"),
    },
    Rule {
        name: "anyio-names",
        plan: rules::anyio_names::plan,
        page: include_str!("../../../docs/rules/anyio-names.md"),
    },
    Rule {
        name: "anyio-primitives",
        plan: rules::anyio_primitives::plan,
        page: include_str!("../../../docs/rules/anyio-primitives.md"),
    },
    Rule {
        name: "anyio-run",
        plan: rules::anyio_run::plan,
        page: include_str!("../../../docs/rules/anyio-run.md"),
    },
    Rule {
        name: "anyio-sleep",
        plan: rules::anyio_sleep::plan,
        page: include_str!("../../../docs/rules/anyio-sleep.md"),
    },
    Rule {
        name: "anyio-to-thread",
        plan: rules::anyio_to_thread::plan,
        page: include_str!("../../../docs/rules/anyio-to-thread.md"),
    },
];

/// The rule of that name.
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}
