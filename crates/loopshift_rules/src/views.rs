//! The trees of the files that rules look at. A tree takes many times the memory of its text, and in a large program most
//! are asked for by no rule: each is made when the first one asks.

use std::ops::Deref;
use std::sync::OnceLock;

use loopshift_engine::change::FileId;
use loopshift_engine::program::Input;
use loopshift_python::parse::parse_module;
use loopshift_python::render::Wrapping;
use loopshift_python::scope::Scopes;
use loopshift_python::{ParsedModule, PythonVersion};

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
pub(crate) struct Syntax(Vec<OnceLock<Option<ParsedModule>>>);

impl Syntax {
    /// That of so many files, of which none has been asked for.
    pub(crate) fn new(files: &[Input]) -> Self {
        Syntax(files.iter().map(|_| OnceLock::new()).collect())
    }
}

/// What most rules that look at a file never ask for.
struct Rest<'x> {
    text: &'x str,
    parsed: &'x ParsedModule,
    scopes: OnceLock<Scopes<'x>>,
    wrapping: OnceLock<Wrapping<'x>>,
}

/// Gives it, for a lifetime that does not depend on what fills itself in.
pub(crate) trait Asked: Sync {
    fn scopes(&self) -> &Scopes<'_>;
    fn wrapping(&self) -> &Wrapping<'_>;
}

impl Asked for Rest<'_> {
    fn scopes(&self) -> &Scopes<'_> {
        let new = || Scopes::new(self.parsed.syntax());
        self.scopes.get_or_init(new)
    }

    fn wrapping(&self) -> &Wrapping<'_> {
        let new = || Wrapping::new(self.text, self.parsed);
        self.wrapping.get_or_init(new)
    }
}

/// The scopes of a file, found when a rule asks for the first time.
pub struct LazyScopes<'v>(pub(crate) &'v dyn Asked);

impl<'v> Deref for LazyScopes<'v> {
    type Target = Scopes<'v>;

    fn deref(&self) -> &Scopes<'v> {
        self.0.scopes()
    }
}

/// What the views of the files find out when they are asked.
pub(crate) struct Rests<'x>(Vec<OnceLock<Rest<'x>>>);

impl Rests<'_> {
    /// That of so many files, of which none has been asked for.
    pub(crate) fn new(files: &[Input]) -> Self {
        Rests(files.iter().map(|_| OnceLock::new()).collect())
    }
}

/// The views of the files that were asked for.
pub(crate) struct Views<'v, 'x> {
    files: &'x [Input],
    python: PythonVersion,
    looks: &'v [Look],
    syntax: &'x Syntax,
    rests: &'v Rests<'x>,
    made: Vec<OnceLock<Option<View<'v>>>>,
}

impl<'v, 'x> Views<'v, 'x> {
    /// The views of `files`.
    pub(crate) fn new(
        files: &'x [Input],
        python: PythonVersion,
        looks: &'v [Look],
        syntax: &'x Syntax,
        rests: &'v Rests<'x>,
    ) -> Self {
        Views {
            files,
            python,
            looks,
            syntax,
            rests,
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

impl Trees for Views<'_, '_> {
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
            let parsed = parsed.as_ref()?;
            let rest = self.rests.0[index].get_or_init(|| Rest {
                text: &input.text,
                parsed,
                scopes: OnceLock::new(),
                wrapping: OnceLock::new(),
            });
            Some(View::new(file, &input.text, parsed, rest))
        });
        view.as_ref()
    }

    fn through(&self) -> Vec<FileId> {
        let looks = (0..).map(FileId).zip(self.looks);
        let through = looks.filter(|(_, look)| **look == Look::Through);
        through.map(|(file, _)| file).collect()
    }
}
