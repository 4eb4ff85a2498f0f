//! `cargo xtask ecosystem [NAME…]`: real programs migrated, and their own tests run before and after.
//!
//! Nothing of the programs is kept in the repository: sources and environments come from PyPI by name and
//! stay in `.cache/ecosystem`. `ecosystem/projects.toml` says which, `ecosystem/results.*` what came of it.

mod program;
mod results;
mod suite;

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use crate::{Result, root, tool};
use results::Results;

/// Which programs.
#[derive(Args)]
pub(crate) struct Options {
    /// The programs; all otherwise
    names: Vec<String>,
    /// Only the small ones that continuous integration runs
    #[arg(long)]
    ci: bool,
    /// Only those that have no result yet
    #[arg(long)]
    missing: bool,
    /// Leave out the migration with --unsafe
    #[arg(long)]
    safe_only: bool,
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
    /// Its name on PyPI.
    pub name: String,
    /// The version.
    pub version: String,
    /// What it is migrated to.
    #[serde(default = "anyio")]
    pub to: String,
    /// The command that runs its tests.
    pub test: String,
    /// How many tests passed when it was chosen.
    pub passed: u32,
    /// How long that took.
    pub seconds: u64,
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

fn anyio() -> String {
    "anyio".to_owned()
}

/// Runs the programs. False if the tests of one end differently than before, or something else is wrong.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let file = root().join("ecosystem/projects.toml");
    let text =
        std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let projects: Projects =
        toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    if let Some(name) = options.names.iter().find(|name| {
        projects
            .program
            .iter()
            .all(|project| project.name != **name)
    }) {
        return Err(format!("`{name}` is not in {}", file.display()));
    }
    let mut results = Results::read()?;
    let loopshift = tool::given_or_built(options.program.as_deref(), false)?;
    let mut good = true;
    for project in &projects.program {
        let asked = options.names.is_empty() || options.names.contains(&project.name);
        if !asked || (options.ci && !project.ci) || (options.missing && results.has(&project.name))
        {
            continue;
        }
        eprintln!("{} {}", project.name, project.version);
        let result = program::try_out(project, &loopshift, !options.safe_only);
        for problem in result.problems() {
            eprintln!("  {problem}");
            good = false;
        }
        results.set(result);
        if !options.no_write {
            results.write()?;
        }
    }
    print!("{}", results.table());
    Ok(good)
}
