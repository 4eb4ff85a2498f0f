//! After a program has left its green threads: their libraries leave the dependency files.

use std::collections::BTreeMap;

use loopshift_engine::change::{Change, FileId, Outcome, Place, Plan};
use loopshift_engine::program::Input;
use loopshift_python::{TextRange, TextSize};

use super::list::{Patch, patched};
use super::{ProjectFile, read, text_of};

/// The rule under whose name the changes stand.
pub(super) const RULE: &str = "green-dependencies";

/// The packages, and the word by which a file names them.
const PACKAGES: &[(&str, &str)] = &[
    ("gevent", "gevent"),
    ("pytest-gevent", "gevent"),
    ("eventlet", "eventlet"),
];

/// Takes the libraries out of the files of the project that the plan leaves without any word of them.
pub(super) fn remove(files: &[Input], project: &[ProjectFile], plan: &mut Plan) {
    let mut texts: BTreeMap<FileId, String> = plan.texts.iter().cloned().collect();
    let is_named = |texts: &BTreeMap<FileId, String>, word: &str| {
        files.iter().enumerate().any(|(index, input)| {
            let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
            let text = texts.get(&file).unwrap_or(&input.text);
            input.is_python() && in_code(text, word)
        })
    };
    let was_named = |word: &str| {
        files
            .iter()
            .any(|input| input.is_python() && in_code(&input.text, word))
    };
    for (package, word) in PACKAGES {
        if !was_named(word) || is_named(&texts, word) {
            continue;
        }
        for file in project.iter().filter(|file| file.writable) {
            let text = texts.get(&file.file).map(String::as_str);
            let text = text.unwrap_or_else(|| text_of(files, file));
            let lists = read(&file.name, text).lists;
            let entries = lists.iter().filter_map(|list| list.remove(text, package));
            let patches: Vec<Patch> = entries.collect();
            let Some(start) = patches.iter().map(|(range, _)| range.start).min() else {
                continue;
            };
            let original = text_of(files, file).len();
            let at = TextSize::try_from(start.min(original)).unwrap_or_default();
            let place = Place {
                file: file.file,
                range: TextRange::empty(at),
            };
            let message = format!("nothing needs `{package}` any more");
            let text = patched(text, patches);
            plan.changes.push((
                Change::new(RULE, place, *package, message),
                Outcome::Applied,
            ));
            texts.insert(file.file, text);
        }
    }
    plan.texts = texts.into_iter().collect();
}

/// Whether a line names the library outside of a comment: in an import, or in a string that something may read.
fn in_code(text: &str, word: &str) -> bool {
    let code = |line: &str| line.split('#').next().unwrap_or_default().contains(word);
    text.contains(word) && text.lines().any(code)
}
