//! Small functions and classes for what asyncio says in more than an expression.
//!
//! Their meaning, and programs that show it, are in the rules' pages.

mod events;
mod tasks;

use loopshift_python::edit::Helper;

/// The helper of a name, as the catalog's templates write it.
pub(crate) fn helper(name: &str) -> Option<&'static Helper> {
    FAMILIES
        .iter()
        .copied()
        .flatten()
        .find(|helper| helper.name.trim_start_matches('_') == name)
}

/// All helpers, one family a file.
const FAMILIES: &[&[Helper]] = &[events::HELPERS, tasks::HELPERS];
