//! Recipes: which libraries are moved to a target, and what tells that a program holds any of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use loopshift_engine::change::FileId;
use loopshift_engine::facts::{Facts, Question, infer};
use loopshift_engine::flow::Target;
use loopshift_engine::ir::{Call, FuncId};
use loopshift_engine::program::{Callers, Input, Program};
use loopshift_python::PythonVersion;
use memchr::memmem;
use rayon::prelude::*;

use crate::catalog::{self, Api, Catalog, Kind};
use crate::context::{Bridge, Context};
use crate::entries::entries;
use crate::externals::CatalogExternals;
use crate::part::Part;
use crate::served;
use crate::test_cases::{TestCases, is_test_case};
use crate::unbounded;

/// How a program is moved to a target.
#[derive(Debug)]
pub struct Recipe {
    /// What the program is moved to.
    pub target: catalog::Target,
    /// The libraries that are moved away from.
    pub from: &'static [&'static str],
    /// The libraries whose uses are looked at: what is moved, and what earlier moves left.
    pub libraries: &'static [&'static str],
    /// Libraries that no rule moves to the target at once: their uses are counted, and stay. Files that name none of them, and
    /// have nothing to do with the others, are not looked through for their objects.
    pub beside: &'static [&'static str],
    /// Words without which a file, and all files in contact with it, can hold nothing for a rule.
    pub mentions: &'static [&'static str],
    /// What tests are run by; only the names that have to do with event loops count.
    pub testing: &'static [&'static str],
    /// The packages whose imports go when nothing needs them any more.
    pub left: &'static [&'static str],
    /// The package whose names must exist in the output; the catalog has all of them.
    pub verified: &'static str,
    /// Whether functions that are sync become async.
    pub colours: bool,
    /// Whether the program's server is all that moves: it runs the event loop, and the program in threads.
    pub served: bool,
    /// The rule that applies the replacements of the catalog.
    pub names: &'static str,
}

/// The libraries of green threads.
pub(crate) const GREEN: &[&str] = &["gevent", "eventlet", "greenlet"];

pub(crate) const RECIPES: &[Recipe] = &[
    Recipe {
        target: catalog::Target::Anyio,
        from: &["asyncio"],
        libraries: &["asyncio", "anyio"],
        beside: GREEN,
        mentions: &["asyncio", "anyio", ".on_event(", "IsolatedAsyncio"],
        testing: &["pytest", "pytest_asyncio", "unittest"],
        left: &[
            "asyncio",
            "concurrent",
            "pytest_asyncio",
            "unittest",
            "anyio",
        ],
        verified: "anyio",
        colours: false,
        served: false,
        names: "anyio-names",
    },
    GREEN_TO_ASYNCIO,
];

/// From green threads to tasks.
const GREEN_TO_ASYNCIO: Recipe = Recipe {
    target: catalog::Target::Asyncio,
    from: GREEN,
    libraries: GREEN,
    beside: &[],
    mentions: GREEN,
    testing: &[],
    left: &[
        "gevent",
        "eventlet",
        "greenlet",
        "contextlib",
        "http",
        "pytest",
        "queue",
        "select",
        "socket",
        "subprocess",
        "threading",
        "time",
        "unittest",
    ],
    verified: "asyncio",
    colours: true,
    served: false,
    names: "green-names",
};

/// The same for a program that only has a server run it.
const SERVED: &Recipe = &Recipe {
    served: true,
    ..GREEN_TO_ASYNCIO
};

/// The recipe that leads to a target.
pub fn to(target: catalog::Target) -> &'static Recipe {
    match target {
        catalog::Target::Anyio => &RECIPES[0],
        catalog::Target::Asyncio => &RECIPES[1],
    }
}

/// The libraries from which a way leads to a target, and those that earlier moves may have left.
pub fn leading_to(target: catalog::Target) -> Vec<&'static str> {
    let recipe = to(target);
    [recipe.libraries, recipe.beside].concat()
}

/// The recipe that leads this program to a target.
pub fn of(
    files: &[Input],
    python: PythonVersion,
    target: catalog::Target,
    catalog: &Catalog,
) -> &'static Recipe {
    let recipe = to(target);
    if recipe.colours && served::is_served(files, python, SERVED, catalog) {
        SERVED
    } else {
        recipe
    }
}

/// The library that puts its own locks, queues and threads into the standard library, where the program asks for that.
fn patched_by(files: &[Input]) -> Option<&'static str> {
    let calls = |library: &str, name: &str| {
        files.par_iter().any(|file| {
            let has = |word: &str| memmem::find(file.text.as_bytes(), word.as_bytes()).is_some();
            let left = ["thread=False", "Event=False", "subprocess=False"];
            has(library) && has(name) && !left.into_iter().any(has)
        })
    };
    if calls("gevent", "patch_all(") || calls("gevent", "patch_thread(") {
        return Some("gevent");
    }
    calls("eventlet", "monkey_patch(").then_some("eventlet")
}

/// The target that a program is most likely moved to: asyncio where it imports green threads, and asyncio no more often.
pub fn suggested<'t>(texts: impl Iterator<Item = &'t str>) -> catalog::Target {
    let (mut green, mut asyncio) = (0, 0);
    for text in texts {
        let imports = |libraries: &[&str]| libraries.iter().any(|it| imports(text, it));
        green += usize::from(imports(GREEN));
        asyncio += usize::from(imports(&["asyncio"]));
    }
    if green > 0 && green >= asyncio {
        catalog::Target::Asyncio
    } else {
        catalog::Target::Anyio
    }
}

/// Whether a line of the text seems to import the library.
pub(crate) fn imports(text: &str, library: &str) -> bool {
    memmem::find_iter(text.as_bytes(), library.as_bytes()).any(|at| {
        let (before, after) = (&text[..at], &text[at + library.len()..]);
        let is_whole = !after.starts_with(|it: char| it.is_alphanumeric() || it == '_');
        let keyword = ["import ", "from "]
            .iter()
            .find_map(|keyword| before.strip_suffix(keyword));
        is_whole
            && keyword.is_some_and(|before| {
                let before = before.trim_end_matches(|it: char| it != '\n' && it.is_whitespace());
                before.is_empty() || before.ends_with('\n')
            })
    })
}

/// Whether the program patches the standard library, so that what blocks in it lets green threads run.
pub(crate) fn patches(program: &Program<'_>, catalog: &Catalog) -> bool {
    patching(program, catalog).next().is_some()
}

/// The files in which the program does that.
pub(crate) fn patching<'p>(
    program: &'p Program<'_>,
    catalog: &'p Catalog,
) -> impl Iterator<Item = FileId> + 'p {
    patches_by(program, catalog).map(|(file, _)| file)
}

/// The calls by which the program does that: the files, and what is called.
fn patches_by<'p>(
    program: &'p Program<'_>,
    catalog: &'p Catalog,
) -> impl Iterator<Item = (FileId, &'p str)> + 'p {
    // There are far fewer names than calls.
    let patches = |name: &str| {
        let may_patch = is_green(name) || catalog.is_own(name);
        let row = may_patch.then(|| catalog.get(name)).flatten();
        row.is_some_and(|api| api.rule.as_deref() == Some("green-patch"))
    };
    let names = program.flow.linked.symbols.texts().iter();
    let patching: Vec<bool> = names.map(|name| patches(name)).collect();
    let patch = move |call: &Call| {
        let mut targets = program.callees(call).iter();
        targets.find_map(|target| match target {
            Target::External(sym) if patching[sym.0 as usize] => Some(program.flow.text(*sym)),
            _ => None,
        })
    };
    let calls = program.calls();
    calls.filter_map(move |(file, call)| Some((file, patch(call)?)))
}

/// What calls that block become by the patching of a program. Each library makes others cooperative: what blocked all green
/// threads may block all tasks.
#[derive(Debug)]
pub(crate) struct Cooperation {
    /// The libraries that patch.
    by: Vec<&'static str>,
    /// Whether all calls that block go into threads.
    threads: bool,
}

impl Cooperation {
    pub(crate) fn new(program: &Program<'_>, catalog: &Catalog, bridge: Bridge) -> Self {
        let mut by: Vec<&'static str> = Vec::new();
        for (_, name) in patches_by(program, catalog) {
            by.extend(GREEN.iter().copied().filter(|it| *it == root(name)));
        }
        Cooperation {
            by,
            threads: bridge == Bridge::Thread,
        }
    }

    /// That of the program, for rules: found once.
    pub(crate) fn of(cx: &Context<'_>) -> Arc<Self> {
        cx.once(|cx| Cooperation::new(cx.program, cx.catalog, cx.settings.bridge))
    }

    /// Whether other green threads ran while the call waited.
    pub(crate) fn switches(&self, api: &Api) -> bool {
        let mut libraries = api.cooperative.iter();
        libraries.any(|it| self.by.iter().any(|by| **it == **by))
    }

    /// Whether the patching, or the wish for threads, concerns the API.
    pub(crate) fn concerns(&self, api: &Api) -> bool {
        let plain = api.cooperative.is_empty();
        is_patched(api) && (plain || self.switches(api) || (self.threads && only_blocks(api)))
    }
}

/// Whether patching the standard library changes the API: it makes a call that blocks cooperative, or the objects that
/// it makes are others then.
pub(crate) fn is_patched(api: &Api) -> bool {
    !api.cooperative.is_empty() || (!is_green(&api.name) && is_of_green_rule(api))
}

fn is_of_green_rule(api: &Api) -> bool {
    let is_green = |rule: &str| rule.starts_with("green-");
    api.rule.as_deref().is_some_and(is_green)
}

/// Whether a function blocks, and lets green threads run once the standard library is patched. Of an object that holds
/// only where a rule moves the object.
pub(crate) fn is_cooperative(api: &Api) -> bool {
    let counts = api.kind == Kind::Function || is_of_green_rule(api);
    !api.cooperative.is_empty() && counts && !is_green(&api.name)
}

/// Whether it only blocks, and makes no object that a rule follows.
pub(crate) fn only_blocks(api: &Api) -> bool {
    let is_function = api.kind == Kind::Function && !is_of_green_rule(api);
    is_cooperative(api) && (is_function || api.rule.as_deref() == Some("green-blocking"))
}

/// Whether an API is of a library of green threads.
pub fn is_green(api: &str) -> bool {
    GREEN.contains(&root(api))
}

impl Recipe {
    /// What the analysis of a program is told of the libraries that it uses.
    pub fn externals<'c>(&self, files: &[Input], catalog: &'c Catalog) -> CatalogExternals<'c> {
        let patched_by = self.recolours().then(|| patched_by(files)).flatten();
        CatalogExternals::new(catalog)
            .patched(patched_by)
            .with_tests()
    }

    /// Whether functions become async: where a server is all that moves, none does.
    pub(crate) fn recolours(&self) -> bool {
        self.colours && !self.served
    }

    /// Whether what the program has patched moves, too.
    pub(crate) fn moves_patched(&self, program: &Program<'_>, catalog: &Catalog) -> bool {
        self.recolours() && patches(program, catalog)
    }

    /// Whether a use of the API is looked at.
    pub fn counts(&self, api: &str) -> bool {
        self.libraries.contains(&root(api))
    }

    /// Whether the API is one that is moved away from.
    pub fn moves(&self, api: &str) -> bool {
        self.from.contains(&root(api))
    }

    /// Whether the API is of a library that no rule moves to the target at once.
    pub fn is_beside(&self, api: &str) -> bool {
        self.beside.contains(&root(api))
    }

    /// The functions that run in threads, apart from the event loop: what a patched standard library did in them stays.
    pub fn apart(
        &self,
        program: &Program<'_>,
        callers: &Callers,
        catalog: &Catalog,
    ) -> BTreeSet<FuncId> {
        if !self.moves_patched(program, catalog) {
            return BTreeSet::new();
        }
        let waits = |target: &Target| match target {
            Target::External(sym) => {
                let name = program.flow.text(*sym);
                let row = catalog.get(name).filter(|_| self.moves(name));
                row.is_some_and(|api| api.suspends || api.spawns)
            }
            Target::Func(_) => false,
        };
        let calls = program.calls().map(|(_, call)| call);
        let green: BTreeSet<FuncId> = calls
            .filter(|call| program.callees(call).iter().any(waits))
            .map(|call| call.owner)
            .collect();
        served::functions(program, callers, |func| green.contains(&func))
    }

    /// The colours of all functions after the migration. `apart` are those that run in threads; `part` is what moves, where
    /// that is not all.
    pub fn facts(
        &self,
        program: &Program<'_>,
        callers: &Callers,
        catalog: &Catalog,
        apart: &BTreeSet<FuncId>,
        part: Option<&Part>,
        bridge: Bridge,
    ) -> Facts {
        let row = |name: &str| catalog.get(name);
        let patched = self.moves_patched(program, catalog);
        let cooperation = Cooperation::new(program, catalog, bridge);
        // What leaves the colours as they are awaits what was awaited before.
        let moves = |name: &str| self.recolours() && self.moves(name);
        let entries = if self.colours {
            let mut entries = entries(program);
            // What the program calls itself is a function like any other.
            let is_called = |func: &FuncId| {
                let mut sites = callers.of(*func).iter();
                sites.any(|site| site.owner != FuncId::NONE)
            };
            let requests = served::roots(program).into_iter();
            entries.extend(requests.filter(|func| !is_called(func)));
            entries
        } else {
            BTreeSet::new()
        };
        let puts = if self.recolours() {
            unbounded::puts(program, catalog)
        } else {
            BTreeSet::new()
        };
        let cases = TestCases::new(program);
        let question = Question {
            immediate: &|place| puts.contains(&place),
            bridges: self.recolours() && part.is_none() && bridge != Bridge::None,
            enters: &|func| entries.contains(&func),
            outside: &|func| part.is_some_and(|part| part.is_outside(func)),
            suspends: &|name| row(name).is_some_and(|api| api.suspends),
            converts: &|owner, name| {
                row(name).is_some_and(|api| {
                    let stays = only_blocks(api) && apart.contains(&owner);
                    let by_patch =
                        patched && is_cooperative(api) && cooperation.concerns(api) && !stays;
                    (moves(name) && api.suspends) || by_patch
                })
            },
            spawns: &|name| moves(name) && row(name).is_some_and(|api| api.spawns),
            tested: &|func| {
                let collected = || program.flow.collected(func).is_some();
                if let Some(part) = part {
                    return part.is_run_from_outside(program, callers, func);
                }
                self.colours && (cases.call(program, func) || collected())
            },
            leaves: &|base, method| self.colours && leaves(base, method),
            awaits: &|name| {
                let counts = moves(name) || (self.colours && is_of_tests(name));
                counts && row(name).is_some_and(|api| api.awaits)
            },
        };
        infer(program, callers, &question)
    }
}

/// Whether a class of a library leaves the method alone, or has a form that waits for it.
fn leaves(base: &str, method: &str) -> bool {
    is_test_case(base) && !UNAWAITED.contains(&method)
}

/// Whether an API is of what runs tests.
fn is_of_tests(api: &str) -> bool {
    root(api) == "unittest"
}

/// What a test case of unittest calls, and does not await.
const UNAWAITED: &[&str] = &[
    "setUpClass",
    "tearDownClass",
    "run",
    "debug",
    "id",
    "shortDescription",
    "countTestCases",
    "doCleanups",
    "defaultTestResult",
];

/// The package of an API; nothing where it is no name of a package.
pub(crate) fn root(api: &str) -> &str {
    api.split_once('.').map_or("", |(root, _)| root)
}
