//! Where the engine and the rules meet the command line.

use std::collections::BTreeMap;

use loopshift_engine::change::Outcome;
use loopshift_engine::graph::call_graph;
use loopshift_engine::program::{Input, analyse};
use loopshift_python::ast::PythonVersion;
use loopshift_rules::catalog::{Catalog, Version};
use loopshift_rules::context::Settings;
use loopshift_rules::externals::CatalogExternals;
use loopshift_rules::migrate::{Options, migrate};
use loopshift_rules::registry::{self, RULES};

use crate::cli::Target;
use crate::engine::{Engine, Job, Planned};
use crate::messages::Problem;
use crate::read::Source;
use crate::scan_report::{Colour, Prospect, Scanned, Use};

/// The engine with all rules.
#[derive(Clone, Copy, Debug)]
pub struct Wired;

/// The files as the engine takes them, one for each source. A stub comes after its module, whose name it shares; the
/// engine takes the first.
fn inputs(sources: &[Source]) -> Vec<Input> {
    sources
        .iter()
        .map(|source| Input {
            path: source.name.clone(),
            module: source
                .modules
                .first()
                .cloned()
                .unwrap_or_else(|| source.name.clone()),
            is_package: source
                .path
                .file_stem()
                .is_some_and(|stem| stem == "__init__"),
            text: source.text.text.clone(),
        })
        .collect()
}

fn options(job: &Job) -> Result<Options, Problem> {
    for name in job.select.iter().flatten().chain(&job.ignore) {
        if registry::rule(name).is_none() {
            return Err(Problem::at(name.clone(), "there is no such rule")
                .next("see the names with `loopshift explain`"));
        }
    }
    let python = job
        .target_version
        .map_or(PythonVersion::PY311, |version| PythonVersion {
            major: version.major,
            minor: version.minor,
        });
    let anyio = job.anyio_version.map_or(Version::new(4, 16), |version| {
        let number = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        Version::new(number(version.major), number(version.minor))
    });
    Ok(Options {
        settings: Settings { python, anyio },
        allow_unsafe: job.unsafe_changes,
        select: job.select.clone().unwrap_or_default(),
        ignore: job.ignore.clone(),
    })
}

impl Engine for Wired {
    fn plan(&self, sources: Vec<Source>, job: &Job) -> Result<Planned, Problem> {
        if job.to != Target::Anyio {
            return Err(Problem::at(
                "--to",
                "only `anyio` can be migrated to so far",
            ));
        }
        let options = options(job)?;
        let inputs = inputs(&sources);
        let migration = migrate(&inputs, Catalog::builtin(), &options);
        Ok(Planned {
            plan: migration.plan,
            sources,
            problems: Vec::new(),
        })
    }

    fn scan(&self, sources: Vec<Source>, job: &Job) -> Result<Scanned, Problem> {
        let options = options(job)?;
        let inputs = inputs(&sources);
        let migration = migrate(&inputs, Catalog::builtin(), &options);
        let mut uses = Vec::new();
        for (change, outcome) in &migration.plan.changes {
            let source = &sources[change.place.file.0 as usize];
            let end = change
                .place
                .range
                .start()
                .to_usize()
                .min(source.text.text.len());
            let line = source.text.text[..end]
                .bytes()
                .filter(|byte| *byte == b'\n')
                .count()
                + 1;
            let package = source
                .modules
                .first()
                .map_or("", |name| name.split('.').next().unwrap_or_default());
            uses.push(Use {
                library: change.api.split('.').next().unwrap_or_default().to_owned(),
                api: change.api.clone(),
                file: source.name.clone(),
                package: package.to_owned(),
                line,
                prospect: match outcome {
                    Outcome::Applied => Prospect::Moves,
                    Outcome::Deferred | Outcome::Declined { .. } => Prospect::Decision,
                },
            });
        }
        uses.sort();
        Ok(Scanned {
            files: sources.len(),
            lines: sources
                .iter()
                .map(|source| source.text.text.lines().count())
                .sum(),
            uses,
            colour: Colour::default(),
            trio_ready: None,
            problems: Vec::new(),
        })
    }

    fn graph(&self, sources: Vec<Source>) -> Result<BTreeMap<String, Vec<String>>, Problem> {
        let externals = CatalogExternals::new(Catalog::builtin());
        let inputs = inputs(&sources);
        let program = analyse(&inputs, PythonVersion::latest(), &externals);
        let graph = call_graph(&program.flow).into_iter();
        Ok(graph
            .map(|(caller, callees)| (caller, callees.into_iter().collect()))
            .collect())
    }

    fn explain(
        &self,
        _sources: Vec<Source>,
        _job: &Job,
        _file: &str,
        _line: usize,
    ) -> Result<String, Problem> {
        Err(Problem::new("this build has no engine yet"))
    }

    fn rules(&self) -> Vec<&'static str> {
        RULES.iter().map(|rule| rule.name).collect()
    }

    fn page(&self, rule: &str) -> Option<&'static str> {
        registry::rule(rule).map(|rule| rule.page)
    }
}
