//! What the new texts need: the oldest `AnyIO` that has all they use, and whether only tests use it.

use loopshift_engine::change::{FileId, Outcome, Plan};
use loopshift_engine::externals::Externals;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ArgKind, Call, FuncId, FunctionKind};
use loopshift_engine::program::{Input, Program, analyse};
use loopshift_engine::uses::uses;
use loopshift_python::PythonVersion;

use super::version::OLDEST_ANYIO;
use crate::catalog::{Catalog, Version};

/// What the migrated code needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Need {
    /// The package.
    pub(super) package: &'static str,
    /// The rule under whose name its changes stand.
    pub(super) rule: &'static str,
    /// Its oldest version.
    pub(super) version: Version,
    /// Whether only tests need it.
    pub(super) only_tests: bool,
}

/// What the new texts need; `None` where they bring no `anyio` in.
pub(super) fn need(
    files: &[Input],
    plan: &Plan,
    python: PythonVersion,
    externals: &dyn Externals,
    catalog: &Catalog,
) -> Option<Need> {
    let inputs: Vec<Input> = plan
        .texts
        .iter()
        .filter(|(file, _)| files[file.0 as usize].is_python())
        .map(|(file, text)| Input {
            text: text.clone(),
            ..files[file.0 as usize].clone()
        })
        .collect();
    let program = analyse(&inputs, python, externals);
    let mut version = OLDEST_ANYIO;
    let mut only_tests = true;
    let mut any = false;
    for use_ in uses(&program, |root| root == "anyio") {
        any = true;
        let since = catalog.get(&use_.api).and_then(|api| api.since);
        version = version.max(since.unwrap_or(version));
        only_tests &= is_test(&inputs[use_.place.file.0 as usize].path);
    }
    for (file, call) in program.calls() {
        if let Some(since) = called_since(&program, call) {
            version = version.max(since);
            only_tests &= is_test(&program.file(file).path);
        }
    }
    let mut plugin = false;
    for (change, outcome) in &plan.changes {
        if change.rule != crate::rules::anyio_tests::RULE || *outcome != Outcome::Applied {
            continue;
        }
        plugin = true;
        // `anyio_mode` in a file of the project.
        let is_setting = |(file, _): &(FileId, _)| !files[file.0 as usize].is_python();
        if change.edits.iter().any(is_setting) {
            version = version.max(Version::new(4, 13));
        }
    }
    (any || plugin).then_some(Need {
        package: "anyio",
        rule: super::dependencies::RULE,
        version,
        only_tests,
    })
}

/// The `AnyIO` from which on a function of it can be called like this, where it has been there for longer.
fn called_since(program: &Program<'_>, call: &Call) -> Option<Version> {
    let flow = &program.flow;
    let api = flow
        .values_of(call.callee)
        .find_map(|value| match value {
            Value::External(name) => Some(flow.text(name)),
            _ => None,
        })?
        .strip_prefix("anyio.")?;
    let given = call.args.iter().filter_map(|arg| match arg.kind {
        ArgKind::Keyword(name) => Some(flow.text(name)),
        _ => None,
    });
    let minor = given
        .filter_map(|parameter| match (api, parameter) {
            (_, "abandon_on_cancel") => Some(1),
            (_, "fast_acquire") => Some(5),
            ("run_process", "stdin") => Some(10),
            ("from_thread.run" | "from_thread.run_sync", "token") => Some(11),
            _ => None,
        })
        .max();
    // Before 4.2 an event could only be made where a loop runs.
    let at_import =
        call.owner == FuncId::NONE || program.function(call.owner).kind == FunctionKind::Module;
    let early = api == "Event" && at_import;
    let minor = minor.or(early.then_some(2))?;
    Some(Version::new(4, minor))
}

/// Whether a path is that of a test.
pub(crate) fn is_test(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    name.starts_with("test_")
        || name.ends_with("_test.py")
        || name == "conftest.py"
        || parts.any(|part| part == "tests" || part == "test")
}
