//! Names that are put together where they are replaced: `patch(f"{MODULE}.asyncio.sleep")`. Of the module nothing is known.

use std::collections::BTreeMap;

use loopshift_engine::change::{FileId, Place};
use loopshift_python::{TextRange, TextSize};
use memchr::memmem;

use super::Patch;
use super::find::{is_wanted, member};
use crate::context::Context;

/// What files have in them that replace something.
const REPLACING: &[&str] = &["patch", "setattr", "spy"];

/// What may be replaced by names that begin with the value of an expression: all that the rest of such a name leads to from some
/// module of the program.
pub(super) fn find(cx: &Context<'_>) -> Vec<Patch> {
    let program = cx.program;
    let mut by_name: BTreeMap<&str, Place> = BTreeMap::new();
    for (file, input) in (0..).map(FileId).zip(program.files) {
        let text = &*input.text;
        let has = |word: &&str| memmem::find(text.as_bytes(), word.as_bytes()).is_some();
        if !REPLACING.iter().any(has) {
            continue;
        }
        for (at, name) in ends(text) {
            let range = TextRange::at(at, TextSize::of(name));
            by_name.entry(name).or_insert(Place { file, range });
        }
    }
    // Most are no names of the library.
    by_name.retain(|name, _| {
        let last = name.rsplit('.').next().unwrap_or(name);
        let api = format!("{}.{last}", super::LIBRARY);
        is_wanted(cx.catalog, &cx.catalog.canonical(&api)) || last == super::LIBRARY
    });
    let modules = (0..).map(FileId).zip(program.files);
    let mut replaced = BTreeMap::new();
    for (module, _) in modules {
        for (name, by) in &by_name {
            if let Some(found) = member(program, cx.catalog, module, name) {
                replaced.entry(found).or_insert(*by);
            }
        }
    }
    let patch = |((api, module), by)| Patch {
        api,
        module,
        by,
        name: None,
    };
    replaced.into_iter().map(patch).collect()
}

/// The dotted names at the ends of texts that follow the value of an expression in them, or begin with a dot, to be put behind another
/// one: `{MODULE}.asyncio.sleep"`, `".asyncio.sleep"`, `"%s.asyncio.sleep"`.
fn ends(text: &str) -> impl Iterator<Item = (TextSize, &str)> {
    text.match_indices(['"', '\'']).filter_map(move |(end, _)| {
        let before = &text[..end];
        let is_part = |it: char| it == '.' || it == '_' || it.is_ascii_alphanumeric();
        let start = before.trim_end_matches(is_part).len();
        let part = &before[start..];
        let (head, name) = part.split_once('.')?;
        let put_in = match before[..start].chars().next_back()? {
            '}' | '"' | '\'' => head.is_empty(),
            '%' => head == "s",
            _ => false,
        };
        let at = TextSize::try_from(end - name.len()).ok()?;
        (put_in && !name.is_empty()).then_some((at, name))
    })
}
