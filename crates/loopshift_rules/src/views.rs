//! The trees of the files that rules look at.

use loopshift_engine::change::FileId;
use loopshift_engine::program::Input;
use loopshift_python::parse::parse_module;
use loopshift_python::{ModModule, Parsed, PythonVersion};
use rayon::prelude::*;

use crate::context::View;

/// What rules do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Look {
    /// Nothing.
    Never,
    /// They may ask for its tree, which most likely none does.
    Asked,
    /// They look through it.
    Through,
}

/// The syntax of the files that are looked through.
pub(crate) struct Syntax(Vec<Option<Parsed<ModModule>>>);

impl Syntax {
    /// Parses them.
    pub(crate) fn new(files: &[Input], python: PythonVersion, looks: &[Look]) -> Self {
        let parse = |(input, look): (&Input, &Look)| {
            if *look != Look::Through {
                return None;
            }
            parse_module(&input.text, python).ok()
        };
        Syntax(files.par_iter().zip(looks).map(parse).collect())
    }
}

/// The views of the files that are looked through.
pub(crate) struct Views<'v> {
    looks: &'v [Look],
    views: Vec<Option<View<'v>>>,
}

impl<'v> Views<'v> {
    /// The views of `files`.
    pub(crate) fn new(files: &'v [Input], looks: &'v [Look], syntax: &'v Syntax) -> Self {
        let view = |(index, parsed): (usize, &'v Option<Parsed<ModModule>>)| {
            let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
            let parsed = parsed.as_ref()?;
            Some(View::new(file, &files[index].text, parsed))
        };
        Views {
            looks,
            views: syntax.0.par_iter().enumerate().map(view).collect(),
        }
    }

    /// What rules do with a file.
    pub(crate) fn look(&self, file: FileId) -> Look {
        let look = self.looks.get(file.0 as usize);
        look.copied().unwrap_or(Look::Never)
    }

    /// The view of a file.
    pub(crate) fn get(&self, file: FileId) -> Option<&View<'v>> {
        self.views.get(file.0 as usize)?.as_ref()
    }

    /// All views.
    pub(crate) fn through(&self) -> impl Iterator<Item = &View<'v>> {
        self.views.iter().flatten()
    }
}
