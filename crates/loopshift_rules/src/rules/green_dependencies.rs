//! The dependency files of a program that has left its green threads. Its page is `docs/rules/green-dependencies.md`.
//!
//! What the program needs is known once everything else is planned, so the work is done behind the plan
//! (`project::dependencies`); here the rule has its name and its page.

use loopshift_engine::change::Change;

use crate::context::Context;

pub(crate) fn plan(_: &Context<'_>, _: &mut Vec<Change>) {}
