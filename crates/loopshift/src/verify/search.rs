//! Which changes are behind the differences: parts of the plan are applied and run until the smallest that differ are known.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_rules::leave_out::LeftOut;

use crate::cli::Backend;
use crate::engine::Planned;
use crate::messages::{Problem, count};
use crate::read::Source;
use crate::verify::compare::{Baseline, Differences};
use crate::verify::components::{Component, components, left_out};
use crate::verify::kind::Kind;
use crate::verify::narrow::smallest;
use crate::verify::normalise::Normaliser;
use crate::verify::report::breaks;
use crate::verify::run::Runner;
use crate::verify::{Asked, Group, Verdict, texts};

/// Why a search ends early.
enum Stop {
    /// It has used up its runs.
    Bound,
    /// Something went wrong.
    Problem(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Stop::Problem(problem)
    }
}

/// The tests that break on a backend; none where it is not by tests that the runs differ.
type Targets = Vec<(Option<Backend>, BTreeSet<String>)>;

/// Finds the groups of changes behind the differences of `verdict`, and the plan without them.
///
/// # Errors
/// As for a run.
pub(super) fn search(
    asked: &Asked<'_>,
    runner: &Runner,
    normaliser: &Normaliser,
    sources: &[Source],
    verdict: &mut Verdict,
) -> Result<(), Problem> {
    let components = components(&verdict.planned);
    let search = Search {
        asked,
        runner,
        normaliser,
        sources,
        baseline: &verdict.baseline,
        planned: &verdict.planned,
        components: &components,
        end: runner.runs().saturating_add(asked.running.max_runs),
    };
    let mut groups = Vec::new();
    let mut results = verdict.results.clone();
    let mut rest: Vec<usize> = (0..components.len()).collect();
    let is_complete = loop {
        let wanted: Targets = results
            .iter()
            .filter(|(_, found)| !found.is_none())
            .map(|(backend, found)| (*backend, found.tests()))
            .collect();
        if wanted.is_empty() {
            break true;
        }
        if rest.is_empty() {
            // It differs though nothing is changed.
            break false;
        }
        let found = search.group(&rest, &wanted, &results)?;
        rest.retain(|it| !found.components.contains(it));
        let is_smallest = found.group.is_smallest;
        groups.push(found);
        if !is_smallest {
            break false;
        }
        results = match search.all(&rest) {
            Ok(results) => results,
            Err(Stop::Bound) => break false,
            Err(Stop::Problem(problem)) => return Err(problem),
        };
    };
    let mut left = Vec::new();
    for found in &groups {
        let of_group = found.components.iter().map(|it| &components[*it]);
        let reason = breaks(&found.group.differences);
        left.extend(left_out(&verdict.planned, of_group, &reason));
    }
    if is_complete {
        verdict.kept = search.plan(left.clone())?;
    }
    verdict.left_out = left;
    verdict.is_complete = is_complete;
    verdict.groups = groups.into_iter().map(|found| found.group).collect();
    Ok(())
}

/// A group, with the numbers of its components.
struct Found {
    components: Vec<usize>,
    group: Group,
}

struct Search<'a> {
    asked: &'a Asked<'a>,
    runner: &'a Runner,
    normaliser: &'a Normaliser,
    sources: &'a [Source],
    baseline: &'a Baseline,
    planned: &'a Planned,
    components: &'a [Component],
    /// How often the command may have been run in the end.
    end: u32,
}

impl Search<'_> {
    /// The smallest group of components among `rest` that breaks what `wanted` tells.
    fn group(
        &self,
        rest: &[usize],
        wanted: &Targets,
        results: &[(Option<Backend>, Differences)],
    ) -> Result<Found, Problem> {
        let first = results.iter().find(|(_, found)| !found.is_none());
        let mut known: BTreeMap<Vec<usize>, Differences> = BTreeMap::new();
        if let Some((_, found)) = first {
            known.insert(rest.to_vec(), found.clone());
        }
        let (part, is_smallest) = match self.narrow(rest, wanted, &mut known) {
            Ok(part) => (part, true),
            Err((part, Stop::Bound)) => (part, false),
            Err((_, Stop::Problem(problem))) => return Err(problem),
        };
        let changes = part.iter().flat_map(|it| self.components[*it].clone());
        Ok(Found {
            group: Group {
                changes: changes.collect(),
                differences: known.remove(&part).unwrap_or_default(),
                alone: self.with(&part)?,
                is_smallest,
            },
            components: part,
        })
    }

    /// The smallest part of `rest` that breaks what `wanted` tells. `known` gets what each part breaks.
    fn narrow(
        &self,
        rest: &[usize],
        wanted: &Targets,
        known: &mut BTreeMap<Vec<usize>, Differences>,
    ) -> Result<Vec<usize>, (Vec<usize>, Stop)> {
        let stopped = |stop| (rest.to_vec(), stop);
        let only = rest.len() > 1 && self.can_run_only(rest, wanted).map_err(stopped)?;
        smallest(rest.to_vec(), &mut |part| {
            self.asked.progress.stage(format!(
                "run {} of at most {}: {} of {} in the plan",
                self.runner.runs().saturating_add(1),
                self.end,
                part.len(),
                count(self.components.len(), "part")
            ));
            let found = self.breaking(part, wanted, only)?;
            let fails = found.is_some();
            known.extend(found.map(|found| (part.to_vec(), found)));
            Ok(fails)
        })
    }

    /// Whether the tests that break do so also when pytest runs no others.
    fn can_run_only(&self, rest: &[usize], wanted: &Targets) -> Result<bool, Stop> {
        let all_named = wanted.iter().all(|(_, tests)| !tests.is_empty());
        if self.runner.kind != Kind::Pytest || !all_named {
            return Ok(false);
        }
        Ok(self.breaking(rest, wanted, true)?.is_some())
    }

    /// What of `wanted` differs with these components alone.
    fn breaking(
        &self,
        part: &[usize],
        wanted: &Targets,
        only: bool,
    ) -> Result<Option<Differences>, Stop> {
        let planned = self.with(part)?;
        for (backend, tests) in wanted {
            let only = only.then_some(tests);
            let Some(mut found) = self.differences(&planned, *backend, only)? else {
                continue;
            };
            if tests.is_empty() {
                if !found.is_none() {
                    return Ok(Some(found));
                }
                continue;
            }
            found.broken.retain(|it| tests.contains(&it.test));
            found.missing.retain(|it| tests.contains(it));
            if !found.tests().is_empty() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// What differs with these components alone, on each backend.
    fn all(&self, part: &[usize]) -> Result<Vec<(Option<Backend>, Differences)>, Stop> {
        let planned = self.with(part)?;
        let mut results = Vec::new();
        for backend in super::backends(self.asked.running) {
            if let Some(found) = self.differences(&planned, backend, None)? {
                results.push((backend, found));
            }
        }
        Ok(results)
    }

    /// What differs with a plan; `None` where it changes nothing.
    fn differences(
        &self,
        planned: &Planned,
        backend: Option<Backend>,
        only: Option<&BTreeSet<String>>,
    ) -> Result<Option<Differences>, Stop> {
        let texts = texts(planned)?;
        if texts.is_empty() {
            return Ok(None);
        }
        if self.runner.runs() >= self.end {
            return Err(Stop::Bound);
        }
        let ran = self.runner.run(&texts, backend, only)?;
        Ok(Some(Differences::between(
            self.baseline,
            &ran,
            self.normaliser,
        )))
    }

    /// The plan of these components alone.
    fn with(&self, part: &[usize]) -> Result<Planned, Problem> {
        let others = (0..self.components.len()).filter(|it| !part.contains(it));
        let others = others.map(|it| &self.components[it]);
        self.plan(left_out(self.planned, others, "it is left out"))
    }

    fn plan(&self, left: Vec<LeftOut>) -> Result<Planned, Problem> {
        let mut job = self.asked.job.clone();
        job.left_out.extend(left);
        self.asked.engine.plan(self.sources.to_vec(), &job)
    }
}
