//! A migration from beginning to end: analysis, rules, plan, verification.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use loopshift_engine::change::{Change, FileId, Place, Plan};
use loopshift_engine::facts::Facts;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::plan::{Planning, plan};
use loopshift_engine::program::{Callers, Input, Named, Program, Unreadable, analyse_for};
use loopshift_engine::sharing::{importing, takings};
use loopshift_engine::uses::{Use, property_uses, uses};
use loopshift_engine::verify::{Verification, verify};
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::parse::with_deep_stack;
use memchr::memmem;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::beside;
use crate::bridges;
use crate::catalog::{Catalog, Kind, Target, Version};
use crate::common::green;
use crate::context::{Context, Settings};
use crate::derived;
use crate::externals::CatalogExternals;
use crate::interest;
use crate::leave_out::{self, LeftOut};
use crate::left_imports;
use crate::part::{self, Part};
use crate::patched;
use crate::programs;
use crate::project::{ProjectFile, dependencies};
use crate::recipe::{self, Cooperation, Recipe, root};
use crate::registry::{RULES, Rule};
use crate::rounds::settle;
use crate::rules::{anyio_repair, anyio_tests};
use crate::shown;
use crate::steps::{self, Step};
use crate::through;
use crate::trio::{self, ModuleState};
use crate::unspoken;
use crate::views::{Look, Rests, Syntax, Trees, Views};
use crate::whole;

/// What a migration is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the program is moved to.
    pub target: Target,
    /// Only these libraries are moved away from; empty for all that lead to the target.
    pub from: Vec<String>,
    /// What the project allows.
    pub settings: Settings,
    /// Whether unsafe changes are applied.
    pub allow_unsafe: bool,
    /// Only this part of the program moves, by paths or dotted names, and the rest stays; empty for all of it.
    pub only: Vec<String>,
    /// Only these rules; empty for all.
    pub select: Vec<String>,
    /// Not these rules.
    pub ignore: Vec<String>,
    /// The project's own files, all of them among the files of the run.
    pub project: Vec<ProjectFile>,
    /// Changes that are left out.
    pub left_out: Vec<LeftOut>,
}

impl Options {
    /// What moves a whole program by all rules, as far as that is safe.
    pub fn new(target: Target, settings: Settings) -> Self {
        Options {
            target,
            from: Vec::new(),
            settings,
            allow_unsafe: false,
            only: Vec::new(),
            select: Vec::new(),
            ignore: Vec::new(),
            project: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

/// The result of a migration.
#[derive(Default)]
pub struct Migration {
    /// The plan.
    pub plan: Plan,
    /// All uses of the libraries that are left, by file and offset.
    pub uses: Vec<Use>,
    /// The modules that use the libraries, and what keeps each from running on trio.
    pub modules: Vec<ModuleState>,
    /// How many functions the program has, lambdas not counted.
    pub functions: usize,
    /// How many of them are async.
    pub async_functions: usize,
    /// How many become async, by how many calls away they are from what causes it.
    pub becoming_async: Vec<usize>,
    /// The steps in which the program can move gradually; empty where no colours change.
    pub steps: Vec<Step>,
    /// Files that can't be parsed.
    pub unreadable: Vec<Unreadable>,
    /// The oldest `AnyIO` for which the plan would be the same, where it depends on the version.
    pub(crate) relies_on: Option<Version>,
}

/// Whether a change leaves the use where it is and only mends it.
pub fn keeps(change: &Change) -> bool {
    anyio_repair::keeps(change)
}

/// The words without which a file can hold nothing for a rule. Where some tests are run by pytest-asyncio, the
/// fixtures that they use may stand in any file of tests.
fn mentions<'m>(recipe: &Recipe, files: &[Input]) -> Vec<&'m str> {
    let mut words: Vec<&str> = recipe.mentions.to_vec();
    let by_plugin = |file: &Input| {
        let words = ["mark.asyncio", "pytest_asyncio", "asyncio_mode"];
        let text = file.text.as_bytes();
        words
            .iter()
            .any(|word| memmem::find(text, word.as_bytes()).is_some())
    };
    if files.par_iter().any(by_plugin) {
        words.push("pytest");
    }
    words
}

/// Plans the migration of a program.
pub fn migrate(files: &[Input], catalog: &Catalog, options: &Options) -> Migration {
    let programs = programs::split(files, catalog, options);
    if programs.len() > 1 {
        return programs::migrate_each(&programs, files, catalog, options);
    }
    migrate_program(files, catalog, options)
}

/// The same, for files that are all of one program.
pub(crate) fn migrate_program(files: &[Input], catalog: &Catalog, options: &Options) -> Migration {
    if through::leads(files, options) {
        return through::migrate(files, catalog, options);
    }
    settled(files, catalog, options, true)
}

/// Plans a migration by one recipe, until nothing changes any more. Only that of the texts as they are is the first.
pub(crate) fn settled(
    files: &[Input],
    catalog: &Catalog,
    options: &Options,
    is_first: bool,
) -> Migration {
    let python = options.settings.python;
    let recipe = if options.only.is_empty() {
        recipe::of(files, python, options.target, catalog)
    } else {
        recipe::to(options.target)
    };
    let mut migration = migrate_once(recipe, files, catalog, options, is_first);
    settle(files, &mut migration.plan, |inputs| {
        migrate_once(recipe, inputs, catalog, options, false).plan
    });
    if options.only.is_empty() && options.select.is_empty() {
        left_imports::report(recipe, files, options, &mut migration.plan);
    }
    migration.modules = trio::states(recipe, files, python, &migration.uses, &migration.plan);
    migration
}

/// One round of a migration. Only the first one looks at files that have nothing to do with the libraries.
fn migrate_once(
    recipe: &'static Recipe,
    files: &[Input],
    catalog: &Catalog,
    options: &Options,
    is_first: bool,
) -> Migration {
    let externals = recipe.externals(files, catalog);
    let mut words = mentions(recipe, files);
    words.extend(catalog.own_libraries());
    let named = Named {
        followed: &words,
        alone: recipe.beside,
        all_parsed: is_first,
    };
    let mut program = analyse_for(files, options.settings.python, &externals, named);
    let unreadable = std::mem::take(&mut program.unreadable);
    let patched = recipe.moves_patched(&program, catalog);
    let cooperation = Cooperation::new(&program, catalog, options.settings.bridge);
    let was_cooperative = |api: &str| {
        let row = catalog.get(api).filter(|_| patched && !recipe.counts(api));
        row.is_some_and(|api| cooperation.concerns(api))
    };
    let mut found = uses(&program, |root| {
        let of_recipe = [recipe.libraries, recipe.testing, recipe.beside].concat();
        patched || of_recipe.contains(&root) || catalog.is_own(root)
    });
    found.extend(property_uses(&program, |root| {
        recipe.beside.contains(&root) || (recipe.colours && recipe.libraries.contains(&root))
    }));
    found.sort_by(|a, b| (a.place, &a.api).cmp(&(b.place, &b.api)));
    found.retain(|use_| {
        let api = &use_.api;
        let asked = options.from.is_empty() || options.from.iter().any(|it| *it == root(api));
        (asked && recipe.counts(api))
            || recipe.is_beside(api)
            || was_cooperative(api)
            || catalog.is_own(api)
            || anyio_tests::is_of_tests(api)
    });
    let callers = program.callers();
    let part = recipe.part(&program, &options.only);
    let apart = if part.is_none() {
        recipe.apart(&program, &callers, catalog)
    } else {
        BTreeSet::new()
    };
    let analysis = Analysis {
        files,
        recipe,
        catalog,
        options,
        apart,
        part,
        callers,
        program,
        found,
        facts: OnceLock::new(),
    };
    let mut migration = migrate_with(&analysis, &analysis.looks(patched), is_first);
    depend(recipe.target, files, catalog, options, &mut migration);
    migration.unreadable = unreadable;
    migration
}

/// Lets the project depend on what the plan brings into the program.
pub(crate) fn depend(
    target: Target,
    files: &[Input],
    catalog: &Catalog,
    options: &Options,
    migration: &mut Migration,
) {
    let (project, plan) = (&options.project, &mut migration.plan);
    if project.is_empty() {
        return;
    }
    match target {
        Target::Anyio if is_wanted_name(dependencies::RULE, &[], &options.ignore) => {
            let (python, relies_on) = (options.settings.python, migration.relies_on);
            let externals = recipe::to(target).externals(files, catalog);
            dependencies::add(files, project, plan, relies_on, python, &externals, catalog);
        }
        Target::Anyio => {}
        Target::Asyncio => dependencies::add_for_asyncio(files, project, plan),
    }
}

/// What a round knows of the program before any rule has seen it.
struct Analysis<'a> {
    files: &'a [Input],
    recipe: &'static Recipe,
    catalog: &'a Catalog,
    options: &'a Options,
    program: Program<'a>,
    callers: Callers,
    /// The functions that run in threads, apart from the event loop.
    apart: BTreeSet<FuncId>,
    /// What moves, where that is not all.
    part: Option<Part>,
    /// All uses, those among them that are not accounted for.
    found: Vec<Use>,
    facts: OnceLock<Facts>,
}

/// A round with the trees of the files that are looked at.
fn migrate_with(analysis: &Analysis<'_>, looks: &[Look], is_first: bool) -> Migration {
    let Analysis {
        files,
        recipe,
        catalog,
        options,
        program,
        callers,
        apart,
        part,
        ..
    } = analysis;
    let part = part.as_ref();
    let syntax = Syntax::new(files);
    let rests = Rests::new(files);
    let views = Views::new(files, options.settings.python, looks, &syntax, &rests);
    let all = || {
        analysis
            .found
            .iter()
            .filter(|it| counts(&views, catalog, it))
    };
    let of_part = |use_: &&Use| part.is_none_or(|part| part.moves(program, catalog, use_));
    let found: Vec<Use> = all().filter(of_part).cloned().collect();
    let blocks_apart = |use_: &Use| {
        let api = catalog.get(&use_.api);
        api.is_some_and(recipe::only_blocks) && apart.contains(&program.function_at(use_.place))
    };
    let (staying, moving): (Vec<Use>, Vec<Use>) = found
        .iter()
        .filter(|use_| !blocks_apart(use_))
        .cloned()
        .partition(|use_| recipe.is_beside(&use_.api));
    let context = Context::new(
        program,
        catalog,
        &moving,
        callers,
        options.settings,
        recipe,
        &views,
        &analysis.facts,
        apart,
        part,
    );
    let mut changes: Vec<Change> = RULES
        .par_iter()
        .filter(|rule| rule.target() == recipe.target && is_wanted(rule, options))
        .flat_map_iter(|rule| {
            let mut changes = Vec::new();
            with_deep_stack(|| (rule.plan)(&context, &mut changes));
            changes
        })
        .collect();
    give_way(&mut changes);
    once(&mut changes);
    if recipe.colours {
        derived::decline(&context, &mut changes);
        bridges::cross(&context, &mut changes);
        bridges::requests(&context, &mut changes);
        green::complete(&context, &mut changes);
    }
    if let Some(part) = part {
        let all: Vec<Use> = all().cloned().collect();
        part::decline_shared(&context, part, &all, &mut changes);
    }
    patched::settle(&context, &mut changes);
    if recipe.target == Target::Anyio {
        shown::caveats(&context, &mut changes);
    }
    changes.extend(unhandled(recipe, &context, &changes, options));
    changes.extend(staying.iter().map(|it| beside::stays(recipe, catalog, it)));
    if recipe.colours {
        whole::bind(program, catalog, part, &mut changes);
    }
    leave_out::decline(files, &options.left_out, is_first, &mut changes);
    let strict = CatalogExternals::strict(catalog);
    let verification = Verification {
        before: files,
        python: options.settings.python,
        externals: &strict,
        target: recipe.verified,
    };
    let planning = Planning {
        files,
        python: options.settings.python,
        allow_unsafe: options.allow_unsafe,
        left: recipe.left,
        from: recipe.from,
        takings: &takings(program, recipe.left),
        importing: &|file| importing(program, file),
        verify: &|texts| verify(&verification, texts),
    };
    let mut planned = plan(&planning, changes);
    let to_anyio = recipe.target == Target::Anyio;
    if to_anyio && is_wanted_name("anyio-repair", &options.select, &options.ignore) {
        let mut repairs = anyio_repair::restore(&context, &planned);
        leave_out::decline(files, &options.left_out, is_first, &mut repairs);
        if !repairs.is_empty() {
            let changes = planned.changes.into_iter().map(|(change, _)| change);
            planned = plan(&planning, changes.chain(repairs).collect());
        }
    }
    // Where colours stay, what awaits already goes on to do so.
    let (becoming_async, steps) = if recipe.colours {
        let facts = context.facts();
        (facts.becoming(), steps::steps(program, facts))
    } else {
        (Vec::new(), Vec::new())
    };
    Migration {
        plan: planned,
        uses: found,
        modules: Vec::new(),
        functions: program.counts.functions,
        async_functions: program.counts.async_functions,
        becoming_async,
        steps,
        unreadable: Vec::new(),
        relies_on: context.relies_on(),
    }
}

fn is_wanted(rule: &Rule, options: &Options) -> bool {
    is_wanted_name(rule.name, &options.select, &options.ignore)
}

fn is_wanted_name(name: &str, select: &[String], ignore: &[String]) -> bool {
    let named = |list: &[String]| list.iter().any(|known| known == name);
    (select.is_empty() || named(select)) && !named(ignore)
}

impl Analysis<'_> {
    /// What rules do with each file.
    fn looks(&self, patched: bool) -> Vec<Look> {
        let Analysis {
            recipe,
            program,
            catalog,
            callers,
            apart,
            part,
            ..
        } = self;
        let mut looks = looks(recipe, program, &self.found);
        if recipe.colours {
            let bridge = self.options.settings.bridge;
            let facts = self.facts.get_or_init(|| {
                recipe.facts(program, callers, catalog, apart, part.as_ref(), bridge)
            });
            let mut through = interest::files(recipe, program, catalog, facts, patched);
            for use_ in &self.found {
                through[use_.place.file.0 as usize] = true;
            }
            for (look, through) in looks.iter_mut().zip(through) {
                if !through {
                    *look = (*look).min(Look::Asked);
                }
            }
        }
        looks
    }
}

/// Which files rules may look at. They look through those with uses, those where objects of the libraries come along, and
/// those with asynchronous functions, which may be what a use runs. They may ask for those of which anything is known.
fn looks(recipe: &Recipe, program: &Program<'_>, found: &[Use]) -> Vec<Look> {
    let mut wanted: FxHashSet<FileId> = found.iter().map(|use_| use_.place.file).collect();
    let flow = &program.flow;
    for (index, module) in flow.linked.modules.iter().enumerate() {
        let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        // Events of applications are no uses of a library that is looked at.
        let text = program.files[index].text.as_bytes();
        if memmem::find(text, b".on_event(").is_some() {
            wanted.insert(file);
        }
        let holds = |value: Value| match value {
            Value::Object(ty, _) => recipe.counts(flow.text(ty)),
            _ => false,
        };
        // Where colours change, any function may.
        let may_change = recipe.colours && !module.exprs.is_empty();
        if may_change {
            wanted.insert(file);
        }
        if !wanted.contains(&file)
            && module
                .exprs
                .iter()
                .any(|(_, node)| flow.values_of(*node).any(holds))
        {
            wanted.insert(file);
        }
    }
    for (function, file) in flow.linked.functions.iter().zip(&flow.linked.func_files) {
        if function.is_async {
            wanted.insert(*file);
        }
    }
    let look = |index: usize| {
        let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        let is_known = |index: usize| !flow.linked.modules[index].exprs.is_empty();
        if wanted.contains(&file) {
            Look::Through
        } else if is_known(index) {
            // What functions there do may matter to those who call them.
            Look::Asked
        } else {
            Look::Never
        }
    };
    (0..program.files.len()).map(look).collect()
}

/// Whether a use is one to account for: not the alias of an import, which goes when nothing needs it any more, not a
/// module on the way to a name, and not a variable that holds an API: where the variable got it from is what counts.
fn counts(views: &dyn Trees, catalog: &Catalog, use_: &Use) -> bool {
    let Some(view) = views.view(use_.place.file) else {
        return false;
    };
    let node = view.tree.node_at(use_.place.range);
    if matches!(node, Some(AnyNodeRef::Alias(_))) {
        return false;
    }
    if catalog.get(&use_.api).is_none() && is_of_exception(catalog, use_) {
        return false;
    }
    let module = catalog
        .get(&use_.api)
        .is_some_and(|api| api.kind == Kind::Module);
    let Some(expr) = view.tree.expr_at(use_.place.range) else {
        return false;
    };
    // A variable that holds what a member gave is none.
    if (use_.member && !expr.is_attribute_expr()) || (!use_.member && !view.is_direct(expr)) {
        return false;
    }
    !(module && matches!(view.tree.parent(expr), Some(AnyNodeRef::ExprAttribute(_))))
}

/// A rule that declines a use gives way to one that moves it.
fn give_way(changes: &mut Vec<Change>) {
    let moved: FxHashSet<Place> = changes
        .iter()
        .filter(|change| change.declined.is_none())
        .flat_map(|change| change.covers.iter().copied().chain([change.place]))
        .collect();
    changes.retain(|change| change.declined.is_none() || !moved.contains(&change.place));
}

/// Keeps one of the changes that do the same in the same place: what is a method of one class or of another has two.
fn once(changes: &mut Vec<Change>) {
    let mut seen: FxHashMap<Place, usize> = FxHashMap::default();
    let mut kept: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes.drain(..) {
        let same = seen
            .get(&change.place)
            .is_some_and(|at| !change.edits.is_empty() && kept[*at].edits == change.edits);
        if !same {
            seen.entry(change.place).or_insert(kept.len());
            kept.push(change);
        }
    }
    *changes = kept;
}

/// Whether the use is an attribute that every exception has, of an exception of a library.
fn is_of_exception(catalog: &Catalog, use_: &Use) -> bool {
    use_.api.rsplit_once('.').is_some_and(|(class, attribute)| {
        let common = attribute.starts_with("__")
            || matches!(attribute, "args" | "with_traceback" | "add_note");
        common
            && catalog
                .get(class)
                .is_some_and(|api| api.kind == Kind::Exception)
    })
}

/// Uses that no rule has spoken about, with what the catalog says of them.
fn unhandled(
    recipe: &Recipe,
    context: &Context<'_>,
    changes: &[Change],
    options: &Options,
) -> Vec<Change> {
    let spoken: FxHashSet<Place> = changes
        .iter()
        .flat_map(|change| change.covers.iter().copied().chain([change.place]))
        .collect();
    let mut out = Vec::new();
    for use_ in context.uses {
        // What is of the target already needs no word.
        let is_there = recipe.counts(&use_.api) && !recipe.moves(&use_.api);
        if spoken.contains(&use_.place) || is_there {
            continue;
        }
        let api = context.catalog.get(&use_.api);
        // Neither does what a class of the library has from Python itself: `args` of an exception.
        if api.is_some_and(|api| api.name.starts_with("builtins.")) {
            continue;
        }
        let rule = api.and_then(|api| api.rule.as_deref());
        let known = rule.and_then(|name| RULES.iter().find(|rule| rule.name == name));
        let reason = match (api, known) {
            (Some(_), Some(rule)) if !is_wanted(rule, options) => {
                format!("the rule {} was not asked for", rule.name)
            }
            _ => unspoken::reason(context.view(use_.place.file), use_, api),
        };
        let name = known.map_or(recipe.names, |rule| rule.name);
        out.push(Change::declined(name, use_.place, use_.api.clone(), reason));
    }
    out
}
