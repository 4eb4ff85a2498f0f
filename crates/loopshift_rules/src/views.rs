//! The trees of the files that rules look at. A tree takes many times the memory of its text, and in a large program most
//! are asked for by no rule: each is made when the first one asks.

use std::sync::OnceLock;

use loopshift_engine::change::FileId;
use loopshift_engine::program::Input;
use loopshift_python::parse::parse_module;
use loopshift_python::{ModModule, Parsed, PythonVersion};

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

/// The syntax of the files that were asked for.
pub(crate) struct Syntax(Vec<OnceLock<Option<Parsed<ModModule>>>>);

impl Syntax {
    /// That of so many files, of which none has been asked for.
    pub(crate) fn new(files: &[Input]) -> Self {
        Syntax(files.iter().map(|_| OnceLock::new()).collect())
    }
}

/// The views of the files that were asked for.
pub(crate) struct Views<'v> {
    files: &'v [Input],
    python: PythonVersion,
    looks: &'v [Look],
    syntax: &'v Syntax,
    made: Vec<OnceLock<Option<View<'v>>>>,
}

impl<'v> Views<'v> {
    /// The views of `files`.
    pub(crate) fn new(
        files: &'v [Input],
        python: PythonVersion,
        looks: &'v [Look],
        syntax: &'v Syntax,
    ) -> Self {
        Views {
            files,
            python,
            looks,
            syntax,
            made: files.iter().map(|_| OnceLock::new()).collect(),
        }
    }
}

/// Gives the views. Rules see no more of them than this: what fills itself in has exactly one lifetime, and would give it to
/// all that holds a view.
pub(crate) trait Trees: Sync {
    /// The view of a file, of those that rules look at.
    fn view(&self, file: FileId) -> Option<&View<'_>>;

    /// The files that rules look through.
    fn through(&self) -> Vec<FileId>;
}

impl Trees for Views<'_> {
    fn view(&self, file: FileId) -> Option<&View<'_>> {
        let index = file.0 as usize;
        if *self.looks.get(index)? == Look::Never {
            return None;
        }
        let view = self.made.get(index)?.get_or_init(|| {
            let input = &self.files[index];
            let parsed = self.syntax.0[index].get_or_init(|| {
                let parsed = parse_module(&input.text, self.python);
                parsed.ok()
            });
            Some(View::new(file, &input.text, parsed.as_ref()?))
        });
        view.as_ref()
    }

    fn through(&self) -> Vec<FileId> {
        let looks = (0..).map(FileId).zip(self.looks);
        let through = looks.filter(|(_, look)| **look == Look::Through);
        through.map(|(file, _)| file).collect()
    }
}
