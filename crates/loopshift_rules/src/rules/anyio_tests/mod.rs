//! Tests move from pytest-asyncio to `AnyIO`'s own plugin.
//!
//! A test and the fixtures it uses must be run by the same plugin, so tests that share async fixtures move together or
//! stay together.

mod backend;
mod case;
mod collect;
pub(crate) mod mode;
mod ports;
mod said;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::uses::{Use, uses};
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::Edit;
use loopshift_python::parse::parse_module;
use loopshift_python::{Ranged, TextRange};

use crate::context::{Context, View};
use backend::{ask_for_backend, backend_edit, is_conftest_above};
use collect::{Collected, Function, collect};
use mode::Mode;
use told::Told;

pub(crate) const RULE: &str = "anyio-tests";

/// The mark of pytest-asyncio.
pub(crate) const MARK: &str = "pytest.mark.asyncio";

/// What is migrated by this rule, beside the libraries' own names.
pub(crate) fn is_of_tests(api: &str) -> bool {
    api == MARK || api.starts_with("pytest_asyncio.") || api == CASE
}

const CASE: &str = "unittest.IsolatedAsyncioTestCase";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let all: Vec<&Use> = cx.uses.iter().filter(|it| is_of_tests(&it.api)).collect();
    let (cases, own): (Vec<&Use>, Vec<&Use>) = all.into_iter().partition(|it| it.api == CASE);
    let mut mode = mode::find(cx.program.files);
    if cases.is_empty() && own.is_empty() && !mode.is_auto() {
        return;
    }
    mode.look_elsewhere(cx.program.files);
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

/// The use or setting whose change has `AnyIO`'s plugin run all async fixtures of the program; none where each is marked.
pub(crate) fn moves_all(cx: &Context<'_>) -> Option<Place> {
    let mode = mode::find(cx.program.files);
    let mut own = (cx.uses.iter()).filter(|it| is_of_tests(&it.api) && it.api != CASE);
    let first = own.next().map(|it| it.place);
    mode.is_auto().then(|| first.or(mode.place()))?
}

/// Files whose tests move together.
struct Unit<'c> {
    uses: Vec<&'c Use>,
    files: BTreeSet<FileId>,
}

/// Everything together where fixtures of a `conftest.py`, those of a plugin, or the mode of the project tie it; otherwise each file for itself.
fn units<'c>(cx: &Context<'_>, tests: &Tests, own: &[&'c Use], mode: &Mode) -> Vec<Unit<'c>> {
    let is_for_others = |file: FileId| {
        let path = &cx.program.file(file).path;
        path.ends_with("conftest.py") || !is_test_file(path)
    };
    let shared = mode.place().is_some() || own.iter().any(|use_| is_for_others(use_.place.file));
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
    /// Each `conftest.py`.
    conftests: Vec<FileId>,
    /// The fixtures by name: the file, and which function of it.
    fixtures: BTreeMap<String, Vec<(FileId, usize)>>,
    /// The files of which some tests are run by `AnyIO`'s plugin already.
    anyio_before: BTreeSet<FileId>,
    /// The names that strings say, from which pytest may take fixtures.
    said: BTreeSet<String>,
    /// Whether the project has settings that say which functions are tests, or which fixtures all of them use.
    any_may_be_test: bool,
    /// Where and why all tests stay that pytest-asyncio runs.
    stays: Option<(Place, String)>,
}

impl Tests {
    fn new(cx: &Context<'_>) -> Self {
        let of_pytest = uses(cx.program, |root| root == "pytest");
        let by_anyio = of_pytest.iter().filter(|it| it.api == "pytest.mark.anyio");
        let anyio_before = by_anyio.map(|it| it.place.file).collect();
        // Fixtures may stand in plugins, too.
        let of_tests = cx.uses.iter().filter(|it| is_of_tests(&it.api));
        let used: BTreeSet<FileId> = of_tests.chain(&of_pytest).map(|it| it.place.file).collect();
        let mut files = BTreeMap::new();
        for (index, input) in cx.program.files.iter().enumerate() {
            let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
            if !input.is_python() || !(used.contains(&file) || is_test_file(&input.path)) {
                continue;
            }
            if let Ok(parsed) = parse_module(&input.text, cx.settings.python) {
                files.insert(file, collect(cx.program, file, parsed.syntax()));
            }
        }
        let mut fixtures: BTreeMap<String, Vec<(FileId, usize)>> = BTreeMap::new();
        for (file, collected) in &files {
            for (index, function) in collected.functions.iter().enumerate() {
                if function.fixture.is_some() {
                    let named = fixtures.entry(function.name.clone()).or_default();
                    named.push((*file, index));
                }
            }
        }
        let said = files.values().flat_map(|it| &it.said.names).cloned();
        let mut tests = Tests {
            conftests: files
                .keys()
                .copied()
                .filter(|file| is_conftest(cx, *file))
                .collect(),
            said: said.collect(),
            any_may_be_test: mode::says_what_is_a_test(cx.program.files),
            stays: None,
            files,
            fixtures,
            anyio_before,
        };
        tests.stays = tests.own_loop(cx).or_else(|| tests.asks_for_mark());
        tests
    }

    /// The fixtures and tests of a file.
    fn of_file(&self, file: FileId) -> impl Iterator<Item = &Function> {
        self.files
            .get(&file)
            .into_iter()
            .flat_map(|it| &it.functions)
    }

    fn functions(&self) -> impl Iterator<Item = &Function> {
        self.files.values().flat_map(|file| &file.functions)
    }

    /// The change that moves a unit, or the declined ones that tell why it stays.
    fn change(&self, cx: &Context<'_>, unit: &Unit<'_>, mode: &Mode) -> Vec<Change> {
        let first = match (unit.uses.first(), mode.place()) {
            (Some(use_), _) => (use_.place, use_.api.clone()),
            (None, Some(place)) => (place, MARK.to_owned()),
            (None, None) => return Vec::new(),
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
        self.give(cx, unit, mode, change)?;
        if let Some(stays) = &self.stays {
            return Err(stays.clone());
        }
        for fixture in self.for_plain_tests(cx, unit)? {
            change
                .edits
                .push((fixture.place.file, ask_for_backend(fixture)));
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
        if let Some(place) = cx.once(Told::new).reached_from(cx, &unit.files) {
            change.caveat(format!(
                "an error that nobody waits for is logged by asyncio, and fails the test with AnyIO's plugin ({})",
                line_of(cx, place)
            ));
        }
        // A loop that is asked for where none may run is one of the plugin. It may come from a plain fixture, which any
        // test may take.
        for use_ in cx.uses {
            let function = cx.program.function(cx.program.function_at(use_.place));
            let of_loop = match use_.api.as_str() {
                "asyncio.get_event_loop" => !function.is_async,
                // One that a test makes is its own.
                "asyncio.new_event_loop" => {
                    !function.is_async && !function.name().starts_with("test")
                }
                "asyncio.set_event_loop" => true,
                _ => false,
            };
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
        if mode.is_auto() {
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
        if mode.place().is_some() {
            return Err("`addopts` chooses between the plugins for all tests".to_owned());
        }
        if let Some(target) = self.backend_target(cx, file) {
            let edit = backend_edit(cx, self.files.get(&target), target, self.is_wide());
            let edit = edit.ok_or("there is no place for a fixture")?;
            change.edits.push((target, edit));
        }
        Ok(change)
    }

    /// Sees to it that `AnyIO`'s plugin gives the tests and fixtures of the unit what they ask for.
    fn give(
        &self,
        cx: &Context<'_>,
        unit: &Unit<'_>,
        mode: &Mode,
        change: &mut Change,
    ) -> Result<(), (Place, String)> {
        for file in &unit.files {
            for function in self.of_file(*file).filter(|it| !it.patched) {
                let runs = function.is_async
                    && (function.marked || mode.is_auto() || function.fixture.is_some());
                for need in function.needs.iter().map(String::as_str) {
                    if need.starts_with("event_loop") {
                        let reason = "it asks for the event loop of pytest-asyncio".to_owned();
                        return Err((function.place, reason));
                    }
                    if self.fixtures.contains_key(need) || PLAIN.contains(&need) {
                        continue;
                    }
                    let port = function.ports.iter().find(|it| it.name == need);
                    if let Some(port) =
                        port.filter(|_| cx.anyio_has(4, 9) && !self.said.contains(need))
                    {
                        let renamed = |at: &TextRange| Edit::replace(*at, port.counterpart, &[]);
                        let edits = port.places.iter().map(renamed);
                        change.edits.extend(edits.map(|edit| (*file, edit)));
                    } else if runs {
                        let reason = format!(
                            "the fixture `{need}` is not defined here: pytest-asyncio may have to run it"
                        );
                        return Err((function.place, reason));
                    }
                }
            }
        }
        Ok(())
    }

    /// Where the tests are asked for the mark of pytest-asyncio.
    fn asks_for_mark(&self) -> Option<(Place, String)> {
        let place = self.files.values().find_map(|it| it.said.mark)?;
        let reason = "it asks tests for the mark of pytest-asyncio";
        Some((place, reason.to_owned()))
    }

    /// What may have pytest-asyncio run the tests on event loops that the program makes.
    fn own_loop(&self, cx: &Context<'_>) -> Option<(Place, String)> {
        for file in self.files.values() {
            let is_hook = |it: &&Function| {
                it.fixture.is_some()
                    && matches!(it.name.as_str(), "event_loop" | "event_loop_policy")
            };
            let hook = file.functions.iter().find(is_hook).map(|it| it.place);
            if let Some(place) = hook.or(file.chooses_loops) {
                let name = cx.program.text(place);
                let reason = format!("`{name}` chooses event loops for pytest-asyncio");
                return Some((place, reason));
            }
        }
        // A policy of somebody else gives AnyIO's plugin its event loops, too.
        let derived = |use_: &&Use| {
            is_kind_of_loop(&use_.api)
                && cx
                    .view(use_.place.file)
                    .is_some_and(|view| is_base(view, use_.place.range))
        };
        let use_ = cx.uses.iter().find(derived)?;
        let line = cx.program.line(use_.place);
        let path = &cx.program.file(use_.place.file).path;
        let reason = format!(
            "the program has an event loop of its own (`{}` at {path}:{line}), which pytest-asyncio may run the tests on",
            use_.api
        );
        Some((use_.place, reason))
    }

    /// The fixtures that a name may mean in a file, for a function: those of the file, of whichever class, hide those of the
    /// `conftest.py` above, and the nearest of these hides others, which may be of plugins. A fixture that asks for its own
    /// name means another one.
    fn named(
        &self,
        cx: &Context<'_>,
        file: FileId,
        name: &str,
        asking: &Function,
    ) -> Vec<&Function> {
        let path = &cx.program.file(file).path;
        let nearness = |it: &&Function| {
            let there = &cx.program.file(it.place.file).path;
            let above = is_conftest_above(there, path);
            (
                it.place.file == file,
                above,
                if above { there.len() } else { 0 },
            )
        };
        let named = self.fixtures.get(name).into_iter().flatten();
        let mut functions: Vec<&Function> = named
            .map(|&(file, index)| &self.files[&file].functions[index])
            .filter(|it| it.place != asking.place)
            .collect();
        let nearest = functions.iter().map(nearness).max();
        functions.retain(|it| Some(nearness(it)) == nearest);
        functions
    }
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

fn line_of(cx: &Context<'_>, place: Place) -> String {
    let (path, line) = (&cx.program.file(place.file).path, cx.program.line(place));
    format!("line {line} of {path}")
}

/// Whether an API is a class to derive kinds of event loops from, or what makes them.
fn is_kind_of_loop(api: &str) -> bool {
    let name = api.strip_prefix("asyncio.").unwrap_or_default();
    name.ends_with("EventLoop") || name.ends_with("EventLoopPolicy")
}

/// Whether a class derives from what stands at a place.
fn is_base(view: &View<'_>, range: TextRange) -> bool {
    let parent = view.tree.expr_at(range).and_then(|it| view.tree.parent(it));
    let Some(AnyNodeRef::Arguments(bases)) = parent else {
        return false;
    };
    view.tree
        .parent(bases)
        .is_some_and(|it| it.is_stmt_class_def())
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
