//! Tests move from pytest-asyncio to `AnyIO`'s own plugin.
//!
//! A test and the fixtures it uses must be run by the same plugin, so tests that share async fixtures move together or
//! stay together.

mod case;
mod collect;
pub(crate) mod mode;

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::uses::{Use, uses};
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::parse::{line_index, parse_module};
use loopshift_python::{Ranged, TextRange, TextSize};

use crate::context::{Context, View};
use collect::{Collected, Function, collect};
use mode::Mode;

pub(crate) const RULE: &str = "anyio-tests";

/// The mark of pytest-asyncio.
pub(crate) const MARK: &str = "pytest.mark.asyncio";

/// What is migrated by this rule, beside the libraries' own names.
pub(crate) fn is_of_tests(api: &str) -> bool {
    api == MARK || api.starts_with("pytest_asyncio.") || api == CASE
}

const CASE: &str = "unittest.IsolatedAsyncioTestCase";

const BACKEND: &str = "anyio_backend";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let all: Vec<&Use> = cx.uses.iter().filter(|it| is_of_tests(&it.api)).collect();
    let (cases, own): (Vec<&Use>, Vec<&Use>) = all.into_iter().partition(|it| it.api == CASE);
    let mode = mode::find(cx.program.files);
    if cases.is_empty() && own.is_empty() && !mode.is_auto() {
        return;
    }
    let tests = Tests::new(cx);
    let units = if own.is_empty() && !mode.is_auto() {
        Vec::new()
    } else {
        units(cx, &tests, &own, &mode)
    };
    for use_ in cases {
        let planned = tests
            .case(cx, use_, &units, &mode)
            .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason));
        changes.push(planned);
    }
    for unit in &units {
        changes.extend(tests.change(cx, unit, &mode));
    }
}

/// Files whose tests move together.
struct Unit<'c> {
    uses: Vec<&'c Use>,
    files: BTreeSet<FileId>,
}

/// Everything together where fixtures of a `conftest.py` or the mode of the project tie it; otherwise each file for itself.
fn units<'c>(cx: &Context<'_>, tests: &Tests, own: &[&'c Use], mode: &Mode) -> Vec<Unit<'c>> {
    let shared = mode.is_auto() || own.iter().any(|use_| is_conftest(cx, use_.place.file));
    if shared {
        return vec![Unit {
            uses: own.to_vec(),
            files: tests.files.keys().copied().collect(),
        }];
    }
    let mut by_file: BTreeMap<FileId, Vec<&Use>> = BTreeMap::new();
    for use_ in own {
        by_file.entry(use_.place.file).or_default().push(use_);
    }
    by_file
        .into_iter()
        .map(|(file, uses)| Unit {
            uses,
            files: BTreeSet::from([file]),
        })
        .collect()
}

/// Whether the fixtures of a file are for the tests of others.
fn is_conftest(cx: &Context<'_>, file: FileId) -> bool {
    cx.program.file(file).path.ends_with("conftest.py")
}

/// All that pytest would collect.
struct Tests {
    files: BTreeMap<FileId, Collected>,
    /// Whether some tests are run by `AnyIO`'s plugin already.
    anyio_before: bool,
}

impl Tests {
    fn new(cx: &Context<'_>) -> Self {
        let mut files = BTreeMap::new();
        for (index, input) in cx.program.files.iter().enumerate() {
            let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
            let used = cx
                .uses
                .iter()
                .any(|it| it.place.file == file && is_of_tests(&it.api));
            if !input.is_python() || !(used || is_test_file(&input.path)) {
                continue;
            }
            if let Ok(parsed) = parse_module(&input.text, cx.settings.python) {
                files.insert(file, collect(cx.program, file, parsed.syntax()));
            }
        }
        let anyio_before = uses(cx.program, |root| root == "pytest")
            .iter()
            .any(|use_| use_.api == "pytest.mark.anyio");
        Tests {
            files,
            anyio_before,
        }
    }

    fn functions(&self) -> impl Iterator<Item = &Function> {
        self.files.values().flat_map(|file| &file.functions)
    }

    /// The change that moves a unit, or the declined ones that tell why it stays.
    fn change(&self, cx: &Context<'_>, unit: &Unit<'_>, mode: &Mode) -> Vec<Change> {
        let first = match (unit.uses.first(), mode) {
            (Some(use_), _) => (use_.place, use_.api.clone()),
            (None, Mode::Auto { place, .. }) => (*place, MARK.to_owned()),
            (None, _) => return Vec::new(),
        };
        let mut change = Change::new(
            RULE,
            first.0,
            first.1,
            "tests are run by AnyIO's pytest plugin",
        );
        match self.fill(cx, unit, mode, &mut change) {
            Ok(()) => vec![change],
            Err((place, reason)) => {
                let line = line_of(cx, place);
                let decline = |at: Place, api: &str| {
                    let reason = if at == place {
                        reason.clone()
                    } else {
                        format!("{reason} ({line})")
                    };
                    Change::declined(RULE, at, api, reason)
                };
                if unit.uses.is_empty() {
                    return vec![decline(change.place, MARK)];
                }
                let uses = unit.uses.iter();
                uses.map(|use_| decline(use_.place, &use_.api)).collect()
            }
        }
    }

    fn fill(
        &self,
        cx: &Context<'_>,
        unit: &Unit<'_>,
        mode: &Mode,
        change: &mut Change,
    ) -> Result<(), (Place, String)> {
        mode.fill(cx, change)?;
        for use_ in &unit.uses {
            let edit = match use_.api.as_str() {
                MARK => mark(cx, use_),
                "pytest_asyncio.fixture" => fixture(cx, use_),
                other => Err(format!("AnyIO's plugin has no counterpart of `{other}`")),
            };
            let edit = edit.map_err(|reason| (use_.place, reason))?;
            change.edits.push((use_.place.file, edit));
            change.covers.push(use_.place);
        }
        self.check(unit, mode)?;
        if let Some(use_) = cx.uses.iter().find(|use_| own_loop(&use_.api)) {
            let line = cx.program.line(use_.place);
            let path = &cx.program.file(use_.place.file).path;
            let reason = format!(
                "the program has an event loop of its own (`{}` at {path}:{line}), which pytest-asyncio may run the tests on",
                use_.api
            );
            return Err((use_.place, reason));
        }
        let handler = "asyncio.AbstractEventLoop.call_exception_handler";
        if let Some(use_) = cx.uses.iter().find(|use_| use_.api == handler) {
            let line = cx.program.line(use_.place);
            let path = &cx.program.file(use_.place.file).path;
            let reason = format!(
                "errors are told to the event loop (`call_exception_handler` at {path}:{line}), for which AnyIO's plugin fails the test"
            );
            return Err((use_.place, reason));
        }
        // A loop that a test asks for is that of the plugin. It may come from a plain fixture, which any test may take.
        for use_ in cx.uses {
            let of_loop = matches!(
                use_.api.as_str(),
                "asyncio.get_event_loop"
                    | "asyncio.get_running_loop"
                    | "asyncio.new_event_loop"
                    | "asyncio.set_event_loop"
            );
            let file = use_.place.file;
            if of_loop && (unit.files.contains(&file) || is_conftest(cx, file)) {
                change.requires.push(use_.place);
            }
        }
        self.add_backend(cx, unit, change)
    }

    /// The change that moves a test case of unittest.
    fn case(
        &self,
        cx: &Context<'_>,
        use_: &Use,
        units: &[Unit<'_>],
        mode: &Mode,
    ) -> Result<Change, String> {
        let mut change = case::convert(cx, use_)?;
        if *mode != Mode::Strict {
            return Err("pytest-asyncio would run its tests: `asyncio_mode` is `auto`".to_owned());
        }
        let autouse = self
            .functions()
            .find(|it| it.is_async && it.fixture.is_some_and(|fixture| fixture.autouse));
        if let Some(fixture) = autouse {
            return Err(format!(
                "the async fixture `{}` would also be used by its tests",
                fixture.name
            ));
        }
        let file = use_.place.file;
        // Other tests of the file get the fixture for the backend, if they move.
        let unit = units.iter().find(|unit| unit.files.contains(&file));
        if let Some(first) = unit.and_then(|unit| unit.uses.first()) {
            change.requires.push(first.place);
            return Ok(change);
        }
        if let Some(target) = self.backend_target(cx, file) {
            let edit = backend_edit(cx, self.files.get(&target), target, self.is_wide());
            let edit = edit.ok_or("there is no place for a fixture")?;
            change.edits.push((target, edit));
        }
        Ok(change)
    }

    /// Whether `AnyIO`'s plugin would run the tests and fixtures of the unit as pytest-asyncio does.
    fn check(&self, unit: &Unit<'_>, mode: &Mode) -> Result<(), (Place, String)> {
        let in_unit = || {
            unit.files
                .iter()
                .filter_map(|file| self.files.get(file))
                .flat_map(|file| &file.functions)
        };
        let known: BTreeMap<&str, &Function> = self
            .functions()
            .filter(|function| function.fixture.is_some())
            .map(|function| (function.name.as_str(), function))
            .collect();
        for function in in_unit() {
            if function.name == "event_loop" || function.name == "event_loop_policy" {
                let reason = format!("the fixture `{}` is one of pytest-asyncio", function.name);
                return Err((function.place, reason));
            }
            let runs = function.is_async
                && (function.marked || mode.is_auto() || function.fixture.is_some());
            for need in function.needs.iter().filter(|_| !function.patched) {
                let is_known = known.contains_key(need.as_str()) || PLAIN.contains(&need.as_str());
                if need.starts_with("event_loop") {
                    let reason = "it asks for the event loop of pytest-asyncio".to_owned();
                    return Err((function.place, reason));
                }
                if runs && !is_known {
                    let reason = format!(
                        "the fixture `{need}` is not defined here: pytest-asyncio may have to run it"
                    );
                    return Err((function.place, reason));
                }
            }
        }
        let async_autouse = |function: &&Function| {
            function.is_async && function.fixture.is_some_and(|fixture| fixture.autouse)
        };
        let autouse = in_unit().find(async_autouse);
        for test in in_unit().filter(|it| it.fixture.is_none() && !it.is_async) {
            let found = autouse.or_else(|| asks_for_async(test, &known, 0));
            if let Some(fixture) = found {
                let reason = format!(
                    "the test is no coroutine and uses the async fixture `{}`, which AnyIO's plugin runs for async tests only",
                    fixture.name
                );
                return Err((test.place, reason));
            }
        }
        Ok(())
    }

    /// Whether an async fixture lives longer than a test.
    fn is_wide(&self) -> bool {
        self.functions()
            .any(|it| it.is_async && it.fixture.is_some_and(|fixture| fixture.wide))
    }

    /// The file that needs the fixture for the backend, for the tests of another one; none where they have it.
    fn backend_target(&self, cx: &Context<'_>, file: FileId) -> Option<FileId> {
        let has = |file: &Collected| file.functions.iter().any(|it| it.name == BACKEND);
        let path = &cx.program.file(file).path;
        let above: Vec<&Collected> = self
            .files
            .values()
            .filter(|other| is_conftest_above(&cx.program.file(other.file).path, path))
            .collect();
        let own = self.files.get(&file);
        if own.is_some_and(has) || above.iter().any(|other| has(other)) {
            return None;
        }
        // The outermost one serves all; where some tests run on several backends, each module says it for itself.
        let outermost = above
            .iter()
            .min_by_key(|other| cx.program.file(other.file).path.len())
            .filter(|_| !self.anyio_before);
        Some(outermost.map_or(file, |conftest| conftest.file))
    }

    /// Sees to the fixture that keeps one run a test.
    fn add_backend(
        &self,
        cx: &Context<'_>,
        unit: &Unit<'_>,
        change: &mut Change,
    ) -> Result<(), (Place, String)> {
        let has_async_tests = |file: &FileId| {
            let functions = self.files.get(file).map(|it| it.functions.iter());
            functions.is_some_and(|mut all| all.any(|it| it.is_async && it.fixture.is_none()))
        };
        let with_tests = unit.files.iter().copied().filter(has_async_tests);
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
fn backend_edit(
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

/// The async fixture that a test uses, through others too.
fn asks_for_async<'f>(
    function: &Function,
    known: &BTreeMap<&str, &'f Function>,
    depth: usize,
) -> Option<&'f Function> {
    // Fixtures that ask for each other in a circle are an error of the tests.
    if depth > 20 {
        return None;
    }
    function.needs.iter().find_map(|need| {
        let fixture = *known.get(need.as_str())?;
        if fixture.is_async {
            return Some(fixture);
        }
        asks_for_async(fixture, known, depth + 1)
    })
}

/// `@pytest.mark.asyncio`, `pytestmark = pytest.mark.asyncio` and the same in a list.
fn mark(cx: &Context<'_>, use_: &Use) -> Result<Edit, String> {
    let other = || Err("the mark is used in a way that AnyIO's plugin may not see".to_owned());
    let Some(view) = cx.view(use_.place.file) else {
        return other();
    };
    let Some(expr) = view.tree.expr_at(use_.place.range) else {
        return other();
    };
    let Expr::Attribute(attribute) = expr else {
        return other();
    };
    if !use_.only || !view.is_direct(expr) {
        return other();
    }
    let mut whole = expr;
    if let Some(call) = view.call_of(expr.range()) {
        if !call.arguments.is_empty() {
            let named = call
                .arguments
                .keywords
                .first()
                .and_then(|it| it.arg.as_ref());
            let name = named.map_or("an argument", |name| name.as_str());
            return Err(format!(
                "the mark has `{name}`, which AnyIO's plugin has not"
            ));
        }
        whole = view.tree.expr_at(call.range()).unwrap_or(whole);
    }
    if !is_mark_place(view, whole) {
        return other();
    }
    Ok(Edit::Replace {
        range: attribute.attr.range(),
        pieces: vec!["anyio".into()],
    })
}

/// A decorator, or the value of `pytestmark`, alone or in a list.
fn is_mark_place(view: &View<'_>, expr: &Expr) -> bool {
    match view.tree.parent(expr) {
        Some(AnyNodeRef::Decorator(_)) => true,
        Some(AnyNodeRef::ExprList(list)) => is_pytestmark(view.tree.parent(list)),
        Some(AnyNodeRef::ExprTuple(tuple)) => is_pytestmark(view.tree.parent(tuple)),
        parent => is_pytestmark(parent),
    }
}

fn is_pytestmark(node: Option<AnyNodeRef<'_>>) -> bool {
    match node {
        Some(AnyNodeRef::StmtAssign(assign)) => assign
            .targets
            .iter()
            .all(|it| matches!(it, Expr::Name(name) if name.id == "pytestmark")),
        _ => false,
    }
}

/// `@pytest_asyncio.fixture`, with pytest's own arguments.
fn fixture(cx: &Context<'_>, use_: &Use) -> Result<Edit, String> {
    let other = || Err("the fixture is not made by a decorator here".to_owned());
    let Some(view) = cx.view(use_.place.file) else {
        return other();
    };
    let Some(expr) = view.tree.expr_at(use_.place.range) else {
        return other();
    };
    if !use_.only || !view.is_direct(expr) {
        return other();
    }
    let mut whole = expr;
    if let Some(call) = view.call_of(expr.range()) {
        if call.arguments.find_keyword("loop_scope").is_some() {
            return Err("the fixture has `loop_scope`, which AnyIO's plugin has not".to_owned());
        }
        whole = view.tree.expr_at(call.range()).unwrap_or(whole);
    }
    if !matches!(view.tree.parent(whole), Some(AnyNodeRef::Decorator(_))) {
        return other();
    }
    Ok(Edit::replace(expr.range(), "{@pytest}.fixture", &[]))
}

fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name == "conftest.py"
        || name
            .strip_suffix(".py")
            .is_some_and(|stem| stem.starts_with("test_") || stem.ends_with("_test"))
}

fn is_conftest_above(conftest: &str, path: &str) -> bool {
    conftest
        .strip_suffix("conftest.py")
        .is_some_and(|dir| (dir.is_empty() || dir.ends_with('/')) && path.starts_with(dir))
}

fn line_of(cx: &Context<'_>, place: Place) -> String {
    let input = cx.program.file(place.file);
    let line = line_index(&input.text).line(place.range.start());
    format!("line {line} of {}", input.path)
}

/// Whether an API is one to make kinds of event loops with.
fn own_loop(api: &str) -> bool {
    let Some(name) = api.strip_prefix("asyncio.") else {
        return false;
    };
    matches!(
        name,
        "BaseEventLoop" | "SelectorEventLoop" | "ProactorEventLoop" | "set_event_loop_policy"
    ) || name.ends_with("EventLoopPolicy")
}

/// Fixtures of pytest and of plugins that know nothing of event loops.
const PLAIN: &[&str] = &[
    "anyio_backend",
    "anyio_backend_name",
    "anyio_backend_options",
    "benchmark",
    "cache",
    "caplog",
    "capfd",
    "capfdbinary",
    "capsys",
    "capsysbinary",
    "class_mocker",
    "doctest_namespace",
    "faker",
    "freezer",
    "fs",
    "httpx_mock",
    "mocker",
    "module_mocker",
    "monkeypatch",
    "pytestconfig",
    "record_property",
    "record_testsuite_property",
    "record_xml_attribute",
    "recwarn",
    "request",
    "requests_mock",
    "respx_mock",
    "session_mocker",
    "snapshot",
    "subtests",
    "testdir",
    "tmp_path",
    "tmp_path_factory",
    "tmpdir",
    "tmpdir_factory",
];
