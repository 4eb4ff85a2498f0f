//! Uses of libraries that lead to the target only through another one: they are counted, and stay.

use loopshift_engine::change::Change;
use loopshift_engine::uses::Use;

use crate::catalog::Catalog;
use crate::recipe::{Recipe, root};

/// A use with the reason why it stays.
pub(crate) fn stays(recipe: &Recipe, catalog: &Catalog, use_: &Use) -> Change {
    let library = root(&use_.api);
    let api = catalog.get(&use_.api);
    let reason = match (api, api.and_then(|api| api.why_not.as_deref())) {
        (None, _) => format!(
            "`{}` is not in the catalog: no {library} that is known has it; a row in loopshift.toml can say what it is",
            use_.api
        ),
        (Some(_), Some(why_not)) => why_not.to_owned(),
        (Some(_), None) => format!(
            "no rule moves {library} to {} at once: `--from {library}` moves it to asyncio, and on from there",
            recipe.target
        ),
    };
    Change::declined(recipe.names, use_.place, use_.api.clone(), reason)
}
