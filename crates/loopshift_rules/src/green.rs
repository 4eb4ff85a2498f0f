//! Uses of green threads: they are counted, and stay until rules move them.

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::program::Program;
use loopshift_engine::uses::Use;
use rustc_hash::FxHashMap;

use crate::catalog::{Catalog, Kind};
use crate::migrate::is_of;

/// The libraries of green threads, whose uses are counted on the way to any target.
pub(crate) const LIBRARIES: &[&str] = &["gevent", "eventlet", "greenlet"];

/// Whether an API is of a library of green threads.
pub fn is_green(api: &str) -> bool {
    LIBRARIES.iter().any(|library| is_of(api, library))
}

/// A use with the reason why it stays.
pub(crate) fn stays(catalog: &Catalog, use_: &Use) -> Change {
    let library = use_.api.split('.').next().unwrap_or_default();
    let api = catalog.get(&use_.api);
    let reason = match (api, api.and_then(|api| api.why_not.as_deref())) {
        (None, _) => format!(
            "`{}` is not in the catalog: no {library} that is known has it; a row in loopshift.toml can say what it is",
            use_.api
        ),
        (Some(_), Some(why_not)) => why_not.to_owned(),
        (Some(_), None) => format!("no rule moves {library} yet: its green threads become tasks"),
    };
    Change::declined("anyio-names", use_.place, use_.api.clone(), reason)
}

/// Where attributes of objects of these libraries are read: `greenlet.value`. An attribute is known by what it holds and
/// not by its name, so it is no use of its own accord.
pub(crate) fn reads_of_properties(program: &Program<'_>, catalog: &Catalog) -> Vec<Use> {
    let flow = &program.flow;
    let mut reads: FxHashMap<_, Vec<String>> = FxHashMap::default();
    for load in &flow.linked.loads {
        let attribute = flow.text(load.attr);
        for value in flow.values_of(load.base) {
            let Value::Object(class, _) = value else {
                continue;
            };
            let class = flow.text(class);
            if !is_green(class) {
                continue;
            }
            let member = catalog.get(&format!("{class}.{attribute}"));
            if let Some(member) =
                member.filter(|api| api.kind == Kind::Property && is_green(&api.name))
            {
                reads
                    .entry(load.to)
                    .or_default()
                    .push(member.name.to_string());
            }
        }
    }
    let mut found = Vec::new();
    for (index, module) in flow.linked.modules.iter().enumerate() {
        let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        for (range, node) in &module.exprs {
            for api in reads.get(node).into_iter().flatten() {
                found.push(Use {
                    place: Place {
                        file,
                        range: *range,
                    },
                    api: api.clone(),
                    only: false,
                    member: true,
                });
            }
        }
    }
    found.sort_by(|a, b| (a.place, &a.api).cmp(&(b.place, &b.api)));
    found.dedup();
    found
}
