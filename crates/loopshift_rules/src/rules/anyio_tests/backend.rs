//! The fixture `anyio_backend`: with it a test runs once, on the event loop that it had; and what asks for it, `AnyIO`'s
//! plugin runs.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::{TextRange, TextSize};

use super::collect::{Collected, Fixture, Function};
use super::{Tests, Unit};
use crate::context::Context;

const BACKEND: &str = "anyio_backend";

impl Tests {
    /// The async fixtures that plain tests use. `AnyIO`'s plugin runs one for such a test only if it, or what the test asks
    /// for, asks for the backend: `pytest_fixture_setup` in its `pytest_plugin.py`.
    pub(super) fn for_plain_tests<'t>(
        &'t self,
        cx: &Context<'_>,
        unit: &Unit<'_>,
    ) -> Result<Vec<&'t Function>, (Place, String)> {
        let is_autouse = |it: &&Function| it.is_async && it.fixture.is_some_and(|it| it.autouse);
        let mut in_unit = unit.files.iter().flat_map(|file| self.of_file(*file));
        let autouse = in_unit.find(is_autouse);
        let mut found: BTreeMap<Place, &Function> = BTreeMap::new();
        for file in &unit.files {
            for test in self.of_file(*file).filter(|it| it.is_plain_test()) {
                let mut asked = Vec::new();
                self.asked_async(cx, *file, test, 0, &mut asked);
                let Some(fixture) = autouse.or(asked.first().copied()) else {
                    continue;
                };
                let stays_there = asked.iter().find(|it| !unit.files.contains(&it.place.file));
                let stays = if autouse.is_some() {
                    "without being asked for"
                } else if test.patched {
                    "and gets arguments from elsewhere"
                } else if stays_there.is_some() {
                    "from a file that stays"
                } else {
                    found.extend(asked.iter().map(|it| (it.place, *it)));
                    continue;
                };
                let reason = format!(
                    "the test is no coroutine and uses the async fixture `{}`, {stays}",
                    fixture.name
                );
                return Err((test.place, reason));
            }
        }
        // Who asks for a fixture by a string, or is a test by settings of the project, may be a plain test.
        let others = unit.files.iter().flat_map(|file| self.of_file(*file));
        let others = others.filter(|it| it.is_async && it.fixture.is_some());
        let others = others.filter(|it| self.any_may_be_test || self.said.contains(&it.name));
        found.extend(others.map(|it| (it.place, it)));
        found.retain(|_, it| !it.needs.iter().any(|need| need == BACKEND));
        Ok(found.into_values().collect())
    }

    /// Adds the async fixtures that a test of a file uses, through others too.
    fn asked_async<'t>(
        &'t self,
        cx: &Context<'_>,
        file: FileId,
        function: &Function,
        depth: usize,
        found: &mut Vec<&'t Function>,
    ) {
        // Fixtures that ask for each other in a circle are an error of the tests.
        if depth > 20 {
            return;
        }
        for need in &function.needs {
            for fixture in self.named(cx, file, need, function) {
                if fixture.is_async {
                    found.push(fixture);
                } else {
                    self.asked_async(cx, file, fixture, depth + 1, found);
                }
            }
        }
    }

    /// Whether an async fixture lives longer than a test.
    pub(super) fn is_wide(&self) -> bool {
        self.functions()
            .any(|it| it.is_async && it.fixture.is_some_and(|fixture| fixture.wide))
    }

    /// Whether the project has such a fixture for the backend that the tests of a file use.
    fn says_backend(
        &self,
        cx: &Context<'_>,
        file: FileId,
        is_such: impl Fn(Fixture) -> bool,
    ) -> bool {
        let own = self.files.get(&file).into_iter();
        let files = own.chain(self.above(cx, file));
        let mut functions = files.flat_map(|it| &it.functions);
        functions.any(|it| it.name == BACKEND && !it.in_class && it.fixture.is_some_and(&is_such))
    }

    /// Each `conftest.py` for the tests of a file.
    fn above<'t>(
        &'t self,
        cx: &'t Context<'_>,
        file: FileId,
    ) -> impl Iterator<Item = &'t Collected> {
        let path = &cx.program.file(file).path;
        let files = self.conftests.iter().map(|file| &self.files[file]);
        files.filter(|other| is_conftest_above(&cx.program.file(other.file).path, path))
    }

    /// The file that needs the fixture for the backend, for the tests of another one; none where they have it.
    pub(super) fn backend_target(&self, cx: &Context<'_>, file: FileId) -> Option<FileId> {
        if self.says_backend(cx, file, |_| true) {
            return None;
        }
        // The outermost one serves all; where some tests run on several backends, each module says it for itself.
        let outermost = self
            .above(cx, file)
            .min_by_key(|other| cx.program.file(other.file).path.len())
            .filter(|_| self.anyio_before.is_empty());
        Some(outermost.map_or(file, |conftest| conftest.file))
    }

    /// Sees to the fixture that keeps one run a test.
    pub(super) fn add_backend(
        &self,
        cx: &Context<'_>,
        unit: &Unit<'_>,
        change: &mut Change,
    ) -> Result<(), (Place, String)> {
        let may_ask = |file: FileId| {
            let own = self.files.get(&file);
            let mut seen = own
                .into_iter()
                .chain(self.above(cx, file))
                .flat_map(|it| &it.functions);
            let said = own.map(|it| &it.said.names);
            seen.any(|it| {
                it.is_async
                    && it.fixture.is_some()
                    && (self.any_may_be_test || said.is_some_and(|said| said.contains(&it.name)))
            })
        };
        let has_tests = |file: &FileId| {
            may_ask(*file)
                || self.of_file(*file).any(|it| {
                    let is_async = it.is_async && it.fixture.is_none();
                    let mut asked = Vec::new();
                    if it.is_plain_test() {
                        self.asked_async(cx, *file, it, 0, &mut asked);
                    }
                    is_async || !asked.is_empty()
                })
        };
        let first_of = |file: FileId| Place {
            file,
            range: TextRange::empty(TextSize::new(0)),
        };
        let wide = self.is_wide();
        let mut targets = BTreeSet::new();
        for file in unit.files.iter().copied().filter(has_tests) {
            if self.says_backend(cx, file, |it| it.many) {
                let reason = "its tests would run on each backend that the project names";
                return Err((first_of(file), reason.to_owned()));
            }
            if wide && self.says_backend(cx, file, |it| !it.wide) {
                let reason = "an async fixture lives longer than the project's `anyio_backend`";
                return Err((first_of(file), reason.to_owned()));
            }
            targets.extend(self.backend_target(cx, file));
        }
        for target in targets {
            if self.anyio_before.contains(&target) {
                let reason = "its other tests run on each backend, and would run on one with these";
                return Err((first_of(target), reason.to_owned()));
            }
            let edit = backend_edit(cx, self.files.get(&target), target, wide);
            let first = first_of(target);
            change.edits.push((
                target,
                edit.ok_or((first, "there is no place for a fixture".to_owned()))?,
            ));
        }
        Ok(())
    }
}

/// The fixture that says the backend, put into a file.
pub(super) fn backend_edit(
    cx: &Context<'_>,
    collected: Option<&Collected>,
    file: FileId,
    wide: bool,
) -> Option<Edit> {
    let collected = collected?;
    let scope: Piece = if wide { "(scope=\"session\")" } else { "" }.into();
    let text = &cx.program.file(file).text;
    match collected.behind_imports {
        // Behind what may be imported at the end of that line.
        Some(range) => {
            let rest = text.get(range.end().to_usize()..)?;
            let line_end = TextSize::try_from(rest.find('\n')? + 1).ok()?;
            Some(Edit::Replace {
                range: TextRange::empty(range.end() + line_end),
                pieces: pieces(
                    "\n\n@{@pytest}.fixture{0}\ndef anyio_backend():\n    return \"asyncio\"\n",
                    &[scope],
                ),
            })
        }
        None if text.trim().is_empty() => Some(Edit::Replace {
            range: TextRange::empty(TextSize::new(0)),
            pieces: pieces(
                "import pytest\n\n\n@pytest.fixture{0}\ndef anyio_backend():\n    return \"asyncio\"\n",
                &[scope],
            ),
        }),
        None => None,
    }
}

/// Lets a fixture ask for the backend.
pub(super) fn ask_for_backend(fixture: &Function) -> Edit {
    let room = &fixture.room;
    let kind = if room.annotated { ": str" } else { "" };
    Edit::Replace {
        range: TextRange::empty(room.at),
        pieces: vec![format!("{}{BACKEND}{kind}{}", room.before, room.behind).into()],
    }
}

/// Whether a `conftest.py` is one for the tests of a file.
pub(super) fn is_conftest_above(conftest: &str, path: &str) -> bool {
    conftest
        .strip_suffix("conftest.py")
        .is_some_and(|dir| (dir.is_empty() || dir.ends_with('/')) && path.starts_with(dir))
}
