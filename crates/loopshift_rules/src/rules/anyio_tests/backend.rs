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
        let functions = |file: FileId| {
            self.files
                .get(&file)
                .into_iter()
                .flat_map(|it| &it.functions)
        };
        let is_autouse = |it: &&Function| it.is_async && it.fixture.is_some_and(|it| it.autouse);
        let mut in_unit = unit.files.iter().flat_map(|file| functions(*file));
        let autouse = in_unit.find(is_autouse);
        let mut found: BTreeMap<Place, &Function> = BTreeMap::new();
        for file in &unit.files {
            for test in functions(*file).filter(|it| it.is_plain_test()) {
                let asked = self.asks_for_async(cx, *file, test, 0);
                let Some(fixture) = autouse.or(asked) else {
                    continue;
                };
                let stays = if autouse.is_some() {
                    "without being asked for"
                } else if test.patched {
                    "and gets arguments from elsewhere"
                } else if !unit.files.contains(&fixture.place.file) {
                    "from a file that stays"
                } else if self.says_backend(cx, *file, |it| it.many) {
                    "and would run on each backend that the project names"
                } else {
                    found.insert(fixture.place, fixture);
                    continue;
                };
                let reason = format!(
                    "the test is no coroutine and uses the async fixture `{}`, {stays}",
                    fixture.name
                );
                return Err((test.place, reason));
            }
        }
        Ok(found.into_values().collect())
    }

    /// The async fixture that a test of a file uses, through others too.
    fn asks_for_async(
        &self,
        cx: &Context<'_>,
        file: FileId,
        function: &Function,
        depth: usize,
    ) -> Option<&Function> {
        // Fixtures that ask for each other in a circle are an error of the tests.
        if depth > 20 {
            return None;
        }
        let needs = function.needs.iter();
        let mut fixtures = needs.filter_map(|need| self.fixture(cx, file, need));
        fixtures.find_map(|fixture| {
            if fixture.is_async {
                return Some(fixture);
            }
            self.asks_for_async(cx, file, fixture, depth + 1)
        })
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
        functions.any(|it| it.name == BACKEND && it.fixture.is_some_and(&is_such))
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
            .filter(|_| !self.anyio_before);
        Some(outermost.map_or(file, |conftest| conftest.file))
    }

    /// Sees to the fixture that keeps one run a test.
    pub(super) fn add_backend(
        &self,
        cx: &Context<'_>,
        unit: &Unit<'_>,
        change: &mut Change,
    ) -> Result<(), (Place, String)> {
        let has_tests = |file: &FileId| {
            let mut tests = self
                .files
                .get(file)
                .into_iter()
                .flat_map(|it| &it.functions);
            tests.any(|it| {
                let is_async = it.is_async && it.fixture.is_none();
                is_async || it.is_plain_test() && self.asks_for_async(cx, *file, it, 0).is_some()
            })
        };
        let with_tests = unit.files.iter().copied().filter(has_tests);
        let targets: BTreeSet<FileId> = with_tests
            .filter_map(|file| self.backend_target(cx, file))
            .collect();
        let wide = self.is_wide();
        for target in targets {
            let edit = backend_edit(cx, self.files.get(&target), target, wide);
            let first = Place {
                file: target,
                range: TextRange::empty(TextSize::new(0)),
            };
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
