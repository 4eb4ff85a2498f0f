//! After all tests have moved to AnyIO's plugin: pytest-asyncio leaves the dependency files.

use std::borrow::Cow;
use std::collections::BTreeMap;

use loopshift_engine::change::{Change, FileId, Outcome, Place, Plan};
use loopshift_engine::program::Input;
use loopshift_python::{TextRange, TextSize};

use super::dependencies::RULE;
use super::list::{Patch, line_start, patched};
use super::{ProjectFile, read, text_of};

const PLUGIN: &str = "pytest-asyncio";

/// What only pytest-asyncio understands.
const WORDS: &[&str] = &[
    "pytest_asyncio",
    "mark.asyncio",
    "asyncio_mode",
    "asyncio-mode",
    "asyncio_debug",
    "event_loop",
    "loop_scope=",
    "unused_tcp_port",
    "unused_udp_port",
];

/// Settings that say nothing without pytest-asyncio, and that pytest would warn of.
const SETTINGS: &[&str] = &[
    "asyncio_default_fixture_loop_scope",
    "asyncio_default_test_loop_scope",
    "asyncio_mode",
];

/// Takes pytest-asyncio out of the files of the project, where the plan moves tests and none needs it any more.
pub(super) fn remove(files: &[Input], project: &[ProjectFile], plan: &mut Plan) {
    let moves = plan.changes.iter().any(|(change, outcome)| {
        change.rule == crate::rules::anyio_tests::RULE && *outcome == Outcome::Applied
    });
    if !moves {
        return;
    }
    let mut texts: BTreeMap<FileId, String> = plan.texts.iter().cloned().collect();
    let needed = files.iter().enumerate().any(|(index, input)| {
        let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        let text = texts.get(&file).map_or(&*input.text, String::as_str);
        let text = if input.is_python() {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(patched(text, settings(text)))
        };
        WORDS.iter().any(|word| text.contains(word))
    });
    if needed {
        return;
    }
    let writable: Vec<&ProjectFile> = project.iter().filter(|file| file.writable).collect();
    let mut patches: BTreeMap<FileId, Vec<Patch>> = BTreeMap::new();
    for file in &writable {
        let text = now(files, &texts, file);
        let lists = read(&file.name, text).lists;
        let entries = lists.iter().filter_map(|list| list.remove(text, PLUGIN));
        patches.insert(file.file, entries.collect());
    }
    if patches.values().all(Vec::is_empty) {
        return;
    }
    for file in writable {
        let text = now(files, &texts, file);
        let mut patches = patches.remove(&file.file).unwrap_or_default();
        patches.extend(settings(text));
        let Some(start) = patches.iter().map(|(range, _)| range.start).min() else {
            continue;
        };
        let original = text_of(files, file).len();
        let place = Place {
            file: file.file,
            range: TextRange::empty(TextSize::try_from(start.min(original)).unwrap_or_default()),
        };
        let change = Change::new(RULE, place, PLUGIN, "no test needs pytest-asyncio any more");
        let text = patched(text, patches);
        plan.changes.push((change, Outcome::Applied));
        texts.insert(file.file, text);
    }
    plan.texts = texts.into_iter().collect();
}

/// The text of a file after the changes of the plan.
fn now<'t>(files: &'t [Input], texts: &'t BTreeMap<FileId, String>, file: &ProjectFile) -> &'t str {
    let changed = texts.get(&file.file).map(String::as_str);
    changed.unwrap_or_else(|| text_of(files, file))
}

/// The lines with settings of pytest-asyncio.
fn settings(text: &str) -> Vec<Patch> {
    let mut out = Vec::new();
    for name in SETTINGS {
        for (at, _) in text.match_indices(name) {
            let start = line_start(text, at);
            let end = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
            let value = text[at + name.len()..end].trim_start();
            // A mode that had to be kept tells that a test needs it.
            let stays = *name == "asyncio_mode" && !value.contains("strict");
            if text[start..at].trim().is_empty() && value.starts_with('=') && !stays {
                out.push((start..end, String::new()));
            }
        }
    }
    out
}
