//! Replacements that move along: where all calls of a function become calls of one that is called in the same way, what takes
//! its place in tests takes the place of the new one.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::Expr;
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange, TextSize};

use memchr::memmem;

use super::{Name, Patch};
use crate::context::Context;

/// A function that has one of the same name in its place, which is called with the same arguments. Both are coroutine functions.
struct Same {
    /// The old one.
    api: &'static str,
    /// The module of the new one.
    module: &'static str,
    /// That module, imported.
    imported: &'static str,
    /// The rule for it.
    rule: &'static str,
}

/// All of them.
const SAME: &[Same] = &[Same {
    api: "asyncio.sleep",
    module: "anyio",
    imported: "{@anyio}",
    rule: "anyio-sleep",
}];

/// Libraries that sleep by `asyncio.sleep` on behalf of who calls them, which a replacement may be meant for.
const SLEEPERS: &[&str] = &[
    "aiohttp_retry",
    "aioretry",
    "backoff",
    "retry_async",
    "stamina",
    "tenacity",
];

/// Takes out the replacements that move, and adds the changes for them.
pub(super) fn move_along(cx: &Context<'_>, patches: &mut Vec<Patch>, changes: &mut Vec<Change>) {
    for same in SAME {
        let Same {
            api, module, rule, ..
        } = same;
        let found = patches.iter().filter(|it| it.api == *api);
        if found.clone().next().is_none() {
            continue;
        }
        let uses: BTreeSet<Place> = (cx.uses.iter())
            .filter(|it| it.api == *api)
            .map(|it| it.place)
            .collect();
        // Each of them has to be a call of the new function, by its name, and nothing else may call that.
        let is_renamed = |change: &&Change| {
            change.declined.is_none() && !change.edits.iter().any(|(_, edit)| writes_helper(edit))
        };
        let renamed: BTreeSet<Place> = changes
            .iter()
            .filter(is_renamed)
            .map(|it| it.place)
            .collect();
        let by = found.clone().map(|it| it.by).min();
        let all_move = !uses.is_empty() && uses.is_subset(&renamed);
        let (Some(place), true) = (by, all_move) else {
            continue;
        };
        let message =
            format!("what takes the place of `{api}` takes that of the one of `{module}`");
        let mut moved = Change::new(rule, place, *api, message);
        let is_use = |change: &&Change| uses.contains(&change.place);
        if (changes.iter().filter(is_use)).any(|it| it.edits.len() > 1) {
            moved.caveat(format!(
                "what takes the place of `{api}` would be called with other arguments, where a delay may be below zero or \
                 there is a result"
            ));
        }
        let calls = format!(".{}(", api.trim_start_matches("asyncio."));
        let mut others = changes.iter().filter(|it| !is_use(it));
        if others.any(|it| it.edits.iter().any(|(_, edit)| writes_call(edit, &calls)))
            || is_written(cx, &format!("{module}{calls}"))
        {
            moved.caveat(format!(
                "`{module}{}` is called for other things, too, which what takes its place would see",
                calls.trim_end_matches('(')
            ));
        }
        let edits: Option<Vec<_>> = found.map(|patch| edit(cx, patch, same, &uses)).collect();
        let Some(edits) = edits else { continue };
        moved.edits = edits;
        moved.requires.extend(uses.iter().copied());
        if let Some(library) = SLEEPERS.iter().find(|it| cx.mentions(it)) {
            moved.caveat(format!(
                "`{library}` sleeps by `{api}`, which would no longer be replaced"
            ));
        }
        for change in changes.iter_mut() {
            if uses.contains(&change.place) {
                change.requires.push(place);
            }
        }
        patches.retain(|patch| patch.api != *api);
        changes.push(moved);
    }
}

/// Whether an edit writes such a call of an imported module, itself or in a helper.
fn writes_call(edit: &Edit, call: &str) -> bool {
    let pieces: Vec<&Piece> = edit.pieces().collect();
    let has = |text: &str| text.contains(&format!("anyio}}{call}"));
    let in_helper =
        |it: &&Piece| matches!(it, Piece::Helper(it) | Piece::Needs(it) if has(it.source));
    let by_itself = |it: &[&Piece]| matches!(it, [Piece::Import(_), Piece::Text(text)] if text.starts_with(call));
    pieces.iter().any(in_helper) || pieces.windows(2).any(by_itself)
}

/// Whether the program has the text, which another rule may have written before.
fn is_written(cx: &Context<'_>, text: &str) -> bool {
    let finder = memmem::Finder::new(text);
    let mut files = cx.program.files.iter();
    files.any(|it| finder.find(it.text.as_bytes()).is_some())
}

fn writes_helper(edit: &Edit) -> bool {
    matches!(edit, Edit::Replace { pieces, .. } if pieces.iter().any(|it| matches!(it, Piece::Helper(_))))
}

/// Writes the name of the new function where that of the old one is replaced. A module of the program has the new library under
/// its name where it has calls that move.
fn edit(
    cx: &Context<'_>,
    patch: &Patch,
    same: &Same,
    uses: &BTreeSet<Place>,
) -> Option<(FileId, Edit)> {
    let (old, _) = patch.api.rsplit_once('.')?;
    let has_calls = |file: FileId| uses.iter().any(|it| it.file == file);
    if patch.module.is_some() {
        return None;
    }
    match patch.name.as_ref()? {
        Name::Text(place) => {
            let text = cx.program.text(*place);
            let at = text.rfind(&patch.api)?;
            let path = text[..at].trim_start_matches(['"', '\'']);
            let through = path
                .strip_suffix('.')
                .map(|path| cx.program.flow.linked.module_named(path));
            let from = match through {
                Some(Some(file)) if !has_calls(file) => text.find(path)?,
                Some(None) => return None,
                _ => at,
            };
            let offset = |at: usize| {
                TextSize::try_from(at)
                    .ok()
                    .map(|it| place.range.start() + it)
            };
            let range = TextRange::new(offset(from)?, offset(at + old.len())?);
            Some((place.file, Edit::replace(range, same.module, &[])))
        }
        Name::Module(place) => {
            let view = cx.view(place.file)?;
            let edit = match view.tree.expr_at(place.range)? {
                Expr::Name(_) => Edit::replace(place.range, same.imported, &[]),
                Expr::Attribute(it) if it.attr.as_str() == old => {
                    let mut through = cx.program.values_at(view.place(&*it.value));
                    match (through.next(), through.next()) {
                        (Some(Value::Module(file)), None) if has_calls(FileId(file)) => {
                            Edit::replace(it.attr.range(), same.module, &[])
                        }
                        _ => Edit::replace(place.range, same.imported, &[]),
                    }
                }
                _ => return None,
            };
            Some((place.file, edit))
        }
    }
}
