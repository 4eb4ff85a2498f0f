//! What the commands ask of the engine and the rules: everything between reading and printing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use loopshift_engine::change::Plan;
use loopshift_rules::leave_out::LeftOut;

use crate::cli::{AnyioVersion, Bridge, Target, TargetVersion};
use crate::explanation::Explanation;
use crate::messages::Problem;
use crate::read::Source;
use crate::scan_report::{Module, Scanned};

/// What a run is to do, by the command line and the settings.
#[derive(Clone, Debug)]
pub struct Job {
    /// Where to go.
    pub to: Target,
    /// The libraries to come from; `None` for all.
    pub from: Option<Vec<String>>,
    /// The only part that moves, by paths from the root and dotted names; empty for all.
    pub only: Vec<String>,
    /// The only rules to use; `None` for all.
    pub select: Option<Vec<String>>,
    /// Rules not to use.
    pub ignore: Vec<String>,
    /// Whether unsafe changes are applied.
    pub unsafe_changes: bool,
    /// The oldest Python; `None` where only the project's own files can tell.
    pub target_version: Option<TargetVersion>,
    /// The oldest `AnyIO`; `None` where only the project's own files can tell.
    pub anyio_version: Option<AnyioVersion>,
    /// What runs in threads.
    pub bridge: Bridge,
    /// Rows that the user adds to the catalog.
    pub rows: Vec<toml::Table>,
    /// Changes that are left out.
    pub left_out: Vec<LeftOut>,
    /// The root of the run: names of files start from it.
    pub root: PathBuf,
    /// The paths that the user named, canonical. Only what is inside them may change.
    pub paths: Vec<PathBuf>,
    /// The source roots.
    pub source_roots: Vec<PathBuf>,
}

/// A plan, with the files that its `FileId`s number.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// The changes and the new texts.
    pub plan: Plan,
    /// What keeps each module that uses the libraries from running on trio.
    pub modules: Vec<Module>,
    /// The files: `FileId(i)` is `sources[i]`. All that were given, in their order, and then the project's own files that
    /// change too (`pyproject.toml`, requirements).
    pub sources: Vec<Source>,
    /// Files that do not parse, and what else went wrong with single files.
    pub problems: Vec<Problem>,
}

/// The call graph of a program.
#[derive(Clone, Debug, Default)]
pub struct Graphed {
    /// From each caller to its sorted callees.
    pub calls: BTreeMap<String, Vec<String>>,
    /// Files that do not parse.
    pub problems: Vec<Problem>,
}

/// The engine with the rules. The commands know no more of it; tests put a small one of their own in its place.
pub trait Engine {
    /// The plan of a migration. `sources` are the program's files, by name.
    ///
    /// # Errors
    /// Where the job asks for what there is not (a rule, a library).
    fn plan(&self, sources: Vec<Source>, job: &Job) -> Result<Planned, Problem>;

    /// What concurrency the program uses, and what migrates.
    ///
    /// # Errors
    /// As for [`Engine::plan`].
    fn scan(&self, sources: Vec<Source>, job: &Job) -> Result<Scanned, Problem>;

    /// The call graph. The first name of a source's modules is its own.
    ///
    /// # Errors
    /// Where the graph cannot be made.
    fn graph(&self, sources: Vec<Source>) -> Result<Graphed, Problem>;

    /// Why the function at a line (from 1) of the file with this name is async or must become it.
    ///
    /// # Errors
    /// Where there is no function.
    fn explain(
        &self,
        sources: Vec<Source>,
        job: &Job,
        file: &str,
        line: usize,
    ) -> Result<Explanation, Problem>;

    /// The names of all rules, sorted.
    fn rules(&self) -> Vec<&'static str>;

    /// The page of a rule, as Markdown.
    fn page(&self, rule: &str) -> Option<&'static str>;
}
