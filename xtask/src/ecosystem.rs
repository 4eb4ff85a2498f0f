//! `cargo xtask ecosystem [NAME…]`: real programs migrated, and their own tests run before and after.
//!
//! Nothing of the programs is kept in the repository: sources and environments come from PyPI by name and
//! stay in `.cache/ecosystem`. `ecosystem/projects.toml` says which, `ecosystem/results.*` and `docs/what-moves.md` what
//! came of it. What is done is kept beside the sources: the next run goes on where this one ends.

mod kept;
mod kinds;
mod moves;
mod place;
mod program;
mod results;
mod table;
mod tests;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Deserialize;

use crate::{Result, root, tool};
use program::Run;
use results::Results;

/// Which programs, and how long.
#[derive(Args)]
pub(crate) struct Options {
    /// The programs; all otherwise
    names: Vec<String>,
    /// Only the small ones that continuous integration runs, with a build for development
    #[arg(long)]
    ci: bool,
    /// Begin nothing more after so many minutes, and end what runs then
    #[arg(long, value_name = "N", default_value_t = 240)]
    max_minutes: u64,
    /// Run also what was run with the same build before
    #[arg(long)]
    again: bool,
    /// Leave out the migration with --unsafe
    #[arg(long)]
    safe_only: bool,
    /// How often to run the tests without any change: those that differ are set aside [default: 3; with --ci 1]
    #[arg(long, value_name = "N")]
    baseline: Option<u16>,
    /// How many runs it may take to find the changes that break tests
    #[arg(long, value_name = "N", default_value_t = 0)]
    search: u32,
    /// This program in place of the one that is built from the sources
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Compare only: leave the files with the results alone
    #[arg(long)]
    no_write: bool,
}

/// `projects.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Projects {
    program: Vec<Project>,
}

/// A program, and how to run its tests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Project {
    /// Its name on `PyPI`.
    pub name: String,
    /// The version.
    pub version: String,
    /// What it is called here, where that is not its name: a program that another's sources hold.
    pub called: Option<String>,
    /// Where in the sources it is.
    pub directory: Option<String>,
    /// Its licence.
    pub licence: String,
    /// What it is migrated from.
    pub from: String,
    /// What it is migrated to.
    pub to: String,
    /// The command that runs its tests.
    pub test: String,
    /// How many tests passed when it was chosen.
    pub passed: usize,
    /// How long that took.
    pub seconds: u64,
    /// Whether it is a program, and not a library.
    #[serde(default)]
    pub application: bool,
    /// Whether nothing may change.
    #[serde(default)]
    pub control: bool,
    /// Whether continuous integration runs it.
    #[serde(default)]
    pub ci: bool,
    /// What is worth knowing.
    pub note: Option<String>,
    /// Its environment.
    pub pins: Vec<String>,
}

impl Project {
    /// What it is called here.
    fn called(&self) -> &str {
        self.called.as_deref().unwrap_or(&self.name)
    }
}

/// Runs the programs. False if the tests of one end differently than before, or something else is wrong.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let file = root().join("ecosystem/projects.toml");
    let text =
        std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut projects: Projects =
        toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    // When the time is over, as many as can be are done.
    projects.program.sort_by_key(|project| project.seconds);
    let named = |name: &String| projects.program.iter().any(|it| it.called() == name);
    if let Some(name) = options.names.iter().find(|name| !named(name)) {
        return Err(format!("`{name}` is not in {}", file.display()));
    }
    let started = Instant::now();
    let limit = Duration::from_secs(options.max_minutes * 60);
    let loopshift = tool::given_or_built(options.program.as_deref(), !options.ci)?;
    let build = kept::build(&loopshift)?;
    let mut results = Results::read(&projects.program)?;
    let mut good = true;
    for project in &projects.program {
        let asked =
            options.names.is_empty() || options.names.iter().any(|it| it == project.called());
        if !asked || (options.ci && !project.ci) {
            continue;
        }
        let left = limit.saturating_sub(started.elapsed());
        eprintln!("{} {}", project.called(), project.version);
        let run = Run {
            project,
            loopshift: &loopshift,
            with_unsafe: !options.safe_only,
            baseline: options.baseline.unwrap_or(if options.ci { 1 } else { 3 }),
            search: options.search,
            until: Instant::now() + left,
        };
        let key = kept::key(&build, &run)?;
        let known = kept::read(project, &key).filter(|_| !options.again);
        let result = match known {
            Some(result) => result,
            None if left.is_zero() => {
                eprintln!("  left for the next run: the time is over");
                continue;
            }
            None => {
                let Some(result) = program::try_out(&run, &build) else {
                    eprintln!("  left for the next run: the time was over before it was done");
                    continue;
                };
                kept::write(project, &key, &result)?;
                result
            }
        };
        for problem in result.problems() {
            eprintln!("  {problem}");
            good = false;
        }
        results.set(result);
        if !options.no_write {
            results.write(&build)?;
        }
    }
    print!("{}", table::totals(&results));
    print!("{}", table::programs(&results));
    Ok(good)
}
