//! Where the engine and the rules meet the command line.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Engine, Job, Planned};
use crate::messages::Problem;
use crate::read::Source;
use crate::scan_report::Scanned;
use loopshift_engine::graph::call_graph;
use loopshift_engine::program::{Input, analyse};
use loopshift_python::ast::PythonVersion;
use loopshift_rules::catalog::Catalog;
use loopshift_rules::catalog::facts::Facts;

/// The engine with all rules.
#[derive(Clone, Copy, Debug)]
pub struct Wired;

fn missing() -> Problem {
    Problem::new("this build has no engine yet")
}

/// The files as the engine takes them. A stub beside its module says nothing of what the module does, so it is left out.
fn inputs(sources: Vec<Source>) -> Vec<Input> {
    let is_stub = |source: &Source| source.path.extension().is_some_and(|ext| ext == "pyi");
    let modules: BTreeSet<String> = sources
        .iter()
        .filter(|source| !is_stub(source))
        .filter_map(|source| source.modules.first().cloned())
        .collect();
    let input = |source: Source| {
        let stub = is_stub(&source);
        let is_package = source
            .path
            .file_stem()
            .is_some_and(|stem| stem == "__init__");
        let module = source.modules.into_iter().next()?;
        (!stub || !modules.contains(&module)).then_some(Input {
            module,
            is_package,
            text: source.text.text,
        })
    };
    sources.into_iter().filter_map(input).collect()
}

impl Engine for Wired {
    fn plan(&self, _sources: Vec<Source>, _job: &Job) -> Result<Planned, Problem> {
        Err(missing())
    }

    fn scan(&self, _sources: Vec<Source>, _job: &Job) -> Result<Scanned, Problem> {
        Err(missing())
    }

    fn graph(&self, sources: Vec<Source>) -> Result<BTreeMap<String, Vec<String>>, Problem> {
        let facts = Facts::new(Catalog::builtin(), &[]);
        let flow = analyse(&inputs(sources), PythonVersion::latest(), &facts);
        let graph = call_graph(&flow).into_iter();
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
        Err(missing())
    }

    fn rules(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn page(&self, _rule: &str) -> Option<&'static str> {
        None
    }
}
