//! Which modules the program may mean by a dotted name in a text: `mock.patch("jobs.sleep")`.

use loopshift_engine::change::FileId;
use loopshift_python::stdlib::is_stdlib;
use rustc_hash::FxHashMap;

use crate::context::Context;

/// The module of that name. Where there is none, those that have it as the end of their names: a directory of them may be where
/// Python looks for modules while the program runs, as that of a test is.
pub(crate) fn modules_named(cx: &Context<'_>, name: &str) -> Vec<FileId> {
    let linked = &cx.program.flow.linked;
    if let Some(file) = linked.module_named(name) {
        return vec![file];
    }
    let (around, last) = name.rsplit_once('.').unwrap_or(("", name));
    if is_stdlib(name) {
        return Vec::new();
    }
    let ends = cx.once(by_last);
    let ends = ends.get(last).into_iter().flatten().copied();
    let is_it = |file: &FileId| {
        let (package, _) = linked.modules[file.0 as usize]
            .name
            .rsplit_once('.')
            .unwrap_or_default();
        let before = package.strip_suffix(around);
        before.is_some_and(|it| around.is_empty() || it.ends_with('.'))
    };
    ends.filter(is_it).collect()
}

/// The modules that lie below others, by the last part of their names.
fn by_last(cx: &Context<'_>) -> FxHashMap<String, Vec<FileId>> {
    let mut found: FxHashMap<String, Vec<FileId>> = FxHashMap::default();
    for (file, module) in (0..).map(FileId).zip(&cx.program.flow.linked.modules) {
        if let Some((_, last)) = module.name.rsplit_once('.') {
            found.entry(last.to_owned()).or_default().push(file);
        }
    }
    found
}
