//! Where the engine and the rules meet the command line.

use std::borrow::Cow;
use std::collections::BTreeMap;

use loopshift_engine::change::{FileId, Outcome, Place};
use loopshift_engine::graph::call_graph;
use loopshift_engine::program::{Input, Unreadable, analyse};
use loopshift_python::ast::PythonVersion;
use loopshift_rules::catalog::{self, Catalog, Version};
use loopshift_rules::context::{Bridge, Settings};
use loopshift_rules::externals::CatalogExternals;
use loopshift_rules::migrate::{Migration, Options, keeps, migrate};
use loopshift_rules::part;
use loopshift_rules::project::newest_anyio;
use loopshift_rules::recipe::{self, is_green};
use loopshift_rules::registry::{self, RULES};
use loopshift_rules::steps;
use loopshift_rules::trio::ModuleState;
use rustc_hash::FxHashMap;

use crate::cli::{self, Target};
use crate::engine::{Engine, Graphed, Job, Planned};
use crate::explanation::{self, Explanation};
use crate::lines::Lines;
use crate::messages::Problem;
use crate::project::{self, Project};
use crate::read::Source;
use crate::scan_report::{Colour, Left, Module, Prospect, Scanned, Step, Use};

/// The engine with all rules.
#[derive(Clone, Copy, Debug)]
pub struct Wired;

/// The files as the engine takes them, one for each source. A stub comes after its module, whose name it shares; the
/// engine takes the first. Behind the first `python` ones are other files of the project. The texts are moved: all of them
/// twice would be most of the memory.
fn inputs(sources: &mut [Source], python: usize) -> Vec<Input> {
    sources
        .iter_mut()
        .enumerate()
        .map(|(index, source)| Input {
            path: source.name.clone(),
            module: if index < python {
                source.modules.first().unwrap_or(&source.name).clone()
            } else {
                String::new()
            },
            is_package: source
                .path
                .file_stem()
                .is_some_and(|stem| stem == "__init__"),
            text: std::mem::take(&mut source.text.text),
            lines: None,
        })
        .collect()
}

/// Gives the sources their texts back.
fn give_back(sources: &mut [Source], inputs: Vec<Input>) {
    for (source, input) in sources.iter_mut().zip(inputs) {
        source.text.text = input.text;
    }
}

fn options(job: &Job, project: Project) -> Result<Options, Problem> {
    for name in job.select.iter().flatten().chain(&job.ignore) {
        if registry::rule(name).is_none() {
            return Err(Problem::at(name.clone(), "there is no such rule")
                .next("see the names with `loopshift explain`"));
        }
    }
    let knowledge = project.knowledge;
    let python = knowledge.python.unwrap_or(PythonVersion::PY311);
    let anyio = job
        .anyio_version
        .map(|version| {
            let number = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
            Version::new(number(version.major), number(version.minor))
        })
        .or(knowledge.anyio)
        .unwrap_or_else(|| newest_anyio(python));
    let target = match job.to {
        Target::Asyncio => catalog::Target::Asyncio,
        Target::Anyio => catalog::Target::Anyio,
    };
    let known = recipe::leading_to(target);
    for library in job.from.iter().flatten() {
        if !known.contains(&library.as_str()) {
            let reason = format!("nothing leads from `{library}` to {target}");
            return Err(Problem::at("--from", reason).next(format!("use {}", known.join(", "))));
        }
    }
    Ok(Options {
        target,
        from: job.from.clone().unwrap_or_default(),
        settings: Settings {
            python,
            anyio,
            plain: job.unsafe_changes,
            through: false,
            bridge: match job.bridge {
                cli::Bridge::Auto => Bridge::Auto,
                cli::Bridge::Thread => Bridge::Thread,
                cli::Bridge::None => Bridge::None,
            },
        },
        allow_unsafe: job.unsafe_changes,
        only: job.only.clone(),
        select: job.select.clone().unwrap_or_default(),
        ignore: job.ignore.clone(),
        project: project.files,
        left_out: job.left_out.clone(),
    })
}

/// The catalog, with the user's rows.
fn catalog_for(job: &Job) -> Result<Cow<'static, Catalog>, Problem> {
    if job.rows.is_empty() {
        return Ok(Cow::Borrowed(Catalog::builtin()));
    }
    let wrong = |error: String| Problem::at("the rows `[[api]]` of the settings", error);
    let rows = BTreeMap::from([("api", &job.rows)]);
    let text = toml::to_string(&rows).map_err(|error| wrong(error.to_string()))?;
    let catalog = Catalog::with_user_rows(&[("settings", &text)]);
    let catalog = catalog.map_err(|error| wrong(error.to_string()))?;
    Ok(Cow::Owned(catalog))
}

/// All that a migration needs: the files, those of the project among them, and the options.
struct Prepared {
    sources: Vec<Source>,
    inputs: Vec<Input>,
    options: Options,
    problems: Vec<Problem>,
}

fn prepare(mut sources: Vec<Source>, job: &Job) -> Result<Prepared, Problem> {
    let python = sources.len();
    let mut project = project::add(&mut sources, job);
    let problems = std::mem::take(&mut project.problems);
    let options = options(job, project)?;
    let inputs = inputs(&mut sources, python);
    if let Some(refusal) = part::refusal(&inputs, options.target, &options.only) {
        return Err(Problem::at("--only", refusal.reason).next(refusal.next));
    }
    Ok(Prepared {
        sources,
        inputs,
        options,
        problems,
    })
}

/// What does not parse, with its line and column.
fn unparsed(sources: &[Source], unreadable: &[Unreadable]) -> Vec<Problem> {
    let problem = |it: &Unreadable| {
        let source = sources.get(it.file.0 as usize)?;
        let place = format!("{}:{}:{}", source.name, it.error.line, it.error.column);
        Some(Problem::at(place, it.error.message.clone()))
    };
    unreadable.iter().filter_map(problem).collect()
}

/// The modules that use the libraries, where they may come to run on trio.
fn modules(sources: &[Source], states: &[ModuleState], job: &Job) -> Vec<Module> {
    if job.to != Target::Anyio {
        return Vec::new();
    }
    let module = |state: &ModuleState| {
        let source = sources.get(state.file.0 as usize)?;
        let lines = Lines::new(&source.text.text);
        Some(Module {
            file: source.name.clone(),
            trio_ready: state.left.is_empty(),
            left: state
                .left
                .iter()
                .map(|(place, api)| Left {
                    line: lines.place(place.range.start().to_usize()).0,
                    api: api.clone(),
                })
                .collect(),
        })
    };
    states.iter().filter_map(module).collect()
}

/// The steps of going gradually, with the names of their modules.
fn steps(sources: &[Source], steps: &[steps::Step]) -> Vec<Step> {
    let name = |file: &FileId| {
        let source = sources.get(file.0 as usize)?;
        Some(source.modules.first().unwrap_or(&source.name).clone())
    };
    let step = |step: &steps::Step| Step {
        modules: step.files.iter().filter_map(name).collect(),
        become_async: step.become_async.clone(),
        calls: step.calls,
    };
    steps.iter().map(step).collect()
}

/// What a migration does with each use. A use that several changes speak of counts once, by the best of them.
fn scanned_uses(sources: &[Source], migration: &Migration, catalog: &Catalog) -> Vec<Use> {
    let mut fates: FxHashMap<Place, Prospect> = FxHashMap::default();
    for (change, outcome) in &migration.plan.changes {
        let prospect = match outcome {
            Outcome::Applied if keeps(change) => Prospect::Decision,
            Outcome::Applied => Prospect::Moves,
            Outcome::Deferred | Outcome::Declined { .. } => Prospect::Decision,
        };
        for place in change.covers.iter().chain([&change.place]) {
            let known = fates.entry(*place).or_insert(prospect);
            *known = (*known).min(prospect);
        }
    }
    let mut lines: BTreeMap<FileId, Lines<'_>> = BTreeMap::new();
    let mut uses: Vec<Use> = Vec::new();
    for use_ in &migration.uses {
        let Some(source) = sources.get(use_.place.file.0 as usize) else {
            continue;
        };
        let lines = lines
            .entry(use_.place.file)
            .or_insert_with(|| Lines::new(&source.text.text));
        // What AnyIO has no counterpart for, by its written reason, stays on purpose, but for green threads: they do not run
        // on an event loop.
        let kept = use_.api.starts_with("anyio.")
            || !is_green(&use_.api)
                && catalog
                    .get(&use_.api)
                    .is_some_and(|api| api.why_not.is_some() && api.rule.is_none());
        let prospect = match fates.get(&use_.place) {
            Some(Prospect::Moves) => Prospect::Moves,
            _ if kept => Prospect::Stays,
            _ => Prospect::Decision,
        };
        let package = source
            .modules
            .first()
            .map_or("", |name| name.split('.').next().unwrap_or_default());
        uses.push(Use {
            library: use_.api.split('.').next().unwrap_or_default().to_owned(),
            api: use_.api.clone(),
            file: source.name.clone(),
            package: package.to_owned(),
            line: lines.place(use_.place.range.start().to_usize()).0,
            prospect,
        });
    }
    uses.sort();
    uses
}

impl Engine for Wired {
    fn plan(&self, sources: Vec<Source>, job: &Job) -> Result<Planned, Problem> {
        let mut prepared = prepare(sources, job)?;
        let migration = migrate(
            &prepared.inputs,
            catalog_for(job)?.as_ref(),
            &prepared.options,
        );
        give_back(&mut prepared.sources, prepared.inputs);
        let unparsed = unparsed(&prepared.sources, &migration.unreadable);
        prepared.problems.extend(unparsed);
        Ok(Planned {
            modules: modules(&prepared.sources, &migration.modules, job),
            plan: migration.plan,
            sources: prepared.sources,
            problems: prepared.problems,
        })
    }

    fn scan(&self, sources: Vec<Source>, job: &Job) -> Result<Scanned, Problem> {
        let files = sources.len();
        let line_count = sources
            .iter()
            .map(|source| source.text.text.lines().count())
            .sum();
        let mut prepared = prepare(sources, job)?;
        let catalog = catalog_for(job)?;
        let migration = migrate(&prepared.inputs, &catalog, &prepared.options);
        give_back(&mut prepared.sources, prepared.inputs);
        let unparsed = unparsed(&prepared.sources, &migration.unreadable);
        prepared.problems.extend(unparsed);
        Ok(Scanned {
            files,
            lines: line_count,
            uses: scanned_uses(&prepared.sources, &migration, &catalog),
            colour: Colour {
                functions: migration.functions,
                async_now: migration.async_functions,
                become_async: migration.becoming_async,
            },
            steps: steps(&prepared.sources, &migration.steps),
            modules: (job.to == Target::Anyio)
                .then(|| modules(&prepared.sources, &migration.modules, job)),
            problems: prepared.problems,
        })
    }

    fn graph(&self, mut sources: Vec<Source>) -> Result<Graphed, Problem> {
        let externals = CatalogExternals::new(Catalog::builtin()).with_tests();
        let python = sources.len();
        let inputs = inputs(&mut sources, python);
        let program = analyse(&inputs, PythonVersion::latest(), &externals);
        let calls = call_graph(&program.flow).into_iter();
        Ok(Graphed {
            calls: calls
                .map(|(caller, callees)| (caller, callees.into_iter().collect()))
                .collect(),
            problems: unparsed(&sources, &program.unreadable),
        })
    }

    fn explain(
        &self,
        sources: Vec<Source>,
        job: &Job,
        file: &str,
        line: usize,
    ) -> Result<Explanation, Problem> {
        let prepared = prepare(sources, job)?;
        let index = prepared
            .sources
            .iter()
            .position(|source| source.name == file)
            .ok_or_else(|| Problem::at(file.to_owned(), "it is not part of the program"))?;
        let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        explanation::explain(
            &prepared.inputs,
            &prepared.options,
            catalog_for(job)?.as_ref(),
            file,
            line,
        )
    }

    fn rules(&self) -> Vec<&'static str> {
        RULES.iter().map(|rule| rule.name).collect()
    }

    fn page(&self, rule: &str) -> Option<&'static str> {
        registry::rule(rule).map(|rule| rule.page)
    }
}
