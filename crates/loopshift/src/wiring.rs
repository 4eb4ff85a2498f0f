//! Where the engine and the rules meet the command line.

use std::collections::BTreeMap;

use crate::engine::{Engine, Job, Planned};
use crate::messages::Problem;
use crate::read::Source;
use crate::scan_report::Scanned;

/// The engine with all rules.
#[derive(Clone, Copy, Debug)]
pub struct Wired;

fn missing() -> Problem {
    Problem::new("this build has no engine yet")
}

impl Engine for Wired {
    fn plan(&self, _sources: Vec<Source>, _job: &Job) -> Result<Planned, Problem> {
        Err(missing())
    }

    fn scan(&self, _sources: Vec<Source>, _job: &Job) -> Result<Scanned, Problem> {
        Err(missing())
    }

    fn graph(&self, _sources: Vec<Source>) -> Result<BTreeMap<String, Vec<String>>, Problem> {
        Err(missing())
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
