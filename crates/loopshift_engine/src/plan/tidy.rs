//! Imports that the changes left without a use go, but for names that other modules still take from there.

use std::collections::BTreeMap;

use loopshift_python::edit::{Edit, Piece};
use loopshift_python::imports::{Removable, still_imports, unused_imports, unused_stars};
use loopshift_python::parse::parse_module;
use loopshift_python::render::render;
use loopshift_python::{ParsedModule, TextRange};
use rayon::prelude::*;

use super::Planning;
use super::share::Shared;
use crate::change::{Change, FileId, Outcome};
use crate::sharing::{How, Taking, wanted};
use crate::verify::is_module_attribute;

/// A new text of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    /// The changes it was rendered from.
    pub(super) from: Vec<usize>,
    /// What it has from other modules.
    pub(super) shared: Shared,
    /// As the edits leave it.
    pub(super) raw: String,
    /// Without what nothing needs.
    pub(super) tidy: String,
    /// The names that stayed because others take them.
    pub(super) wanted: Option<Vec<String>>,
}

/// Takes the imports out of `texts` that nothing needs. Where a module takes a name from another one, and needs it no
/// longer, its own import goes, and with it the reason to keep the other's.
pub(super) fn tidy(
    planning: &Planning<'_>,
    changes: &[Change],
    outcomes: &[Outcome],
    texts: &mut BTreeMap<FileId, Text>,
) {
    let mut alive: Vec<&Taking> = planning
        .takings
        .iter()
        .filter(|taking| match &taking.how {
            How::Expression(place) => !is_replaced(changes, outcomes, place.file, place.range),
            How::Import(_) | How::String => true,
        })
        .collect();
    loop {
        let wanted = wanted(alive.iter().copied());
        texts.par_iter_mut().for_each(|(file, text)| {
            let names = wanted.get(file).map_or(&[][..], Vec::as_slice);
            if text.wanted.as_ref().is_none_or(|it| it != names) {
                text.tidy = without_unused(planning, *file, &text.raw, names);
                text.wanted = Some(names.iter().map(|&it| it.to_owned()).collect());
            }
        });
        let before = alive.len();
        alive.retain(|taking| match &taking.how {
            How::Import(place) => texts
                .get(&place.file)
                .is_none_or(|text| imports_still(planning, place.file, place.range, text)),
            How::Expression(_) | How::String => true,
        });
        if alive.len() == before {
            return;
        }
    }
}

/// Whether an edit puts something else where the expression stands.
fn is_replaced(changes: &[Change], outcomes: &[Outcome], file: FileId, range: TextRange) -> bool {
    let applied = changes
        .iter()
        .zip(outcomes)
        .filter(|(_, outcome)| **outcome == Outcome::Applied);
    applied
        .flat_map(|(change, _)| &change.edits)
        .filter(|(at, edit)| *at == file && edit.range().contains_range(range))
        .any(|(_, edit)| match edit {
            Edit::Replace { pieces, .. } => !pieces
                .iter()
                .any(|piece| matches!(piece, Piece::Source(it) if it.contains_range(range))),
            Edit::DeleteStatement { .. } => true,
            Edit::Wrap(_) => false,
        })
}

fn imports_still(planning: &Planning<'_>, file: FileId, alias: TextRange, text: &Text) -> bool {
    let old = parse_module(&planning.files[file.0 as usize].text, planning.python);
    let new = parse_module(&text.tidy, planning.python);
    match (old, new) {
        (Ok(old), Ok(new)) => still_imports(&old, alias, &new),
        _ => true,
    }
}

fn without_unused(planning: &Planning<'_>, file: FileId, text: &str, wanted: &[&str]) -> String {
    let input = &planning.files[file.0 as usize];
    let parse = |text: &str| -> Option<ParsedModule> { parse_module(text, planning.python).ok() };
    let keep = text.to_owned();
    if !input.is_python() {
        return keep;
    }
    let (Some(before), Some(after)) = (parse(&input.text), parse(text)) else {
        return keep;
    };
    let passed_on: Vec<TextRange> = planning
        .takings
        .iter()
        .filter_map(|taking| match &taking.how {
            How::Import(place) if place.file == file => Some(place.range),
            _ => None,
        })
        .collect();
    let which = Removable {
        packages: planning.left,
        // What a package imports is there for others, too.
        finished: if input.is_package { &[] } else { planning.from },
        passed_on: &passed_on,
        wanted,
    };
    let mut removals = unused_imports(&input.text, &before, text, &after, &which);
    if !input.is_package {
        let is_known = |name: &str| crate::flow::is_builtin(name) || is_module_attribute(name);
        removals.extend(unused_stars(
            &before,
            &after,
            planning.left,
            wanted,
            is_known,
        ));
    }
    if removals.is_empty() {
        return keep;
    }
    render(text, &after, &removals).unwrap_or(keep)
}
