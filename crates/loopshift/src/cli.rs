//! The command line, as clap reads it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Moves whole Python code bases from one concurrency model to another.
#[derive(Debug, Parser)]
#[command(name = "loopshift", version, about, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 nothing to do or done, 1 changes or findings, 2 wrong use or failure."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// The switches that every command has.
    #[command(flatten)]
    pub global: Global,
}

/// The switches that every command has.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Leave out files and directories that match; may be given several times
    #[arg(long, global = true, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Neither read nor write the cache
    #[arg(long, global = true)]
    pub no_cache: bool,
    /// How many threads to use [default: one per core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Print the result and errors only
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print also what was considered and left
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value_t, value_enum)]
    pub color: Color,
    /// Exit with 0 instead of 1
    #[arg(long, global = true)]
    pub exit_zero: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what concurrency the program uses, and what would migrate
    Scan(Scan),
    /// Migrate the program: print the diff and a summary, or write with --apply
    Migrate(Migrate),
    /// Run the program's tests with and without the migration, in copies, and name the changes that break them
    Verify(Verify),
    /// Restore exactly what the last apply changed
    Undo(Undo),
    /// Print a rule's page, or why a function is or must become async
    Explain(Explain),
    /// Print the call graph
    Graph(Graph),
    /// Print the JSON schema of what a command prints with --output-format json
    #[command(hide = true)]
    Schema {
        /// The command
        #[arg(value_name = "COMMAND", value_enum)]
        of: Described,
    },
}

/// The commands whose JSON has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Described {
    /// `scan`.
    Scan,
    /// `migrate`.
    Migrate,
    /// `undo`.
    Undo,
    /// `graph`.
    Graph,
    /// `explain FILE:LINE`.
    Explain,
    /// `verify`.
    Verify,
}

/// `loopshift scan`.
#[derive(Clone, Debug, Args)]
pub struct Scan {
    /// Files and directories [default: .]
    pub paths: Vec<PathBuf>,
    /// The target to judge by [default: asyncio for a program of green threads, otherwise anyio]
    #[arg(long, value_name = "TARGET", value_enum)]
    pub to: Option<Target>,
    /// Count what moves only with --unsafe among what moves by itself
    #[arg(long = "unsafe")]
    pub unsafe_changes: bool,
    /// Only this part moves, the rest stays on eventlet: paths or dotted names of packages and modules
    #[arg(long, value_name = "PACKAGE", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Print a table or JSON
    #[arg(long, value_name = "FORMAT", default_value_t, value_enum)]
    pub output_format: PlainFormat,
}

/// What a migration is to do.
#[derive(Clone, Debug, Args)]
pub struct Switches {
    /// Where to go
    #[arg(long, value_name = "TARGET", value_enum)]
    pub to: Option<Target>,
    /// Include changes that may behave differently in ways that the rules' pages name
    #[arg(long = "unsafe")]
    pub unsafe_changes: bool,
    /// Only this part moves, the rest stays on eventlet: paths or dotted names of packages and modules
    #[arg(long, value_name = "PACKAGE", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Only migrate from these libraries
    #[arg(long, value_name = "LIB", value_delimiter = ',')]
    pub from: Vec<String>,
    /// Only use these rules
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub select: Vec<String>,
    /// Do not use these rules
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// The oldest Python that the program runs on, as in py311
    #[arg(long, value_name = "VERSION")]
    pub target_version: Option<TargetVersion>,
    #[allow(clippy::doc_markdown)] // It is shown in a terminal.
    /// The oldest AnyIO that the program allows, as in 4.15
    #[arg(long, value_name = "VERSION")]
    pub anyio_version: Option<AnyioVersion>,
    /// What blocks, and what can't be async: into threads or not
    #[arg(long, value_name = "BRIDGE", value_enum)]
    pub bridge: Option<Bridge>,
}

/// `loopshift migrate`.
#[derive(Clone, Debug, Args)]
pub struct Migrate {
    /// Files and directories [default: .]
    pub paths: Vec<PathBuf>,
    /// What to do.
    #[command(flatten)]
    pub switches: Switches,
    /// Write the changes, through a journal
    #[arg(long)]
    pub apply: bool,
    /// Leave TODO comments above what is declined
    #[arg(long)]
    pub mark: bool,
    /// Print the diff and a summary, or what other programs read
    #[arg(long, value_name = "FORMAT", default_value_t, value_enum)]
    pub output_format: Format,
    /// Write also files with changes that git has not recorded
    #[arg(long, requires = "apply")]
    pub allow_dirty: bool,
    /// Run the tests before and after in copies, and write only what they pass with
    #[arg(long, value_name = "COMMAND", requires = "apply")]
    pub verify: Option<String>,
    /// How to run it.
    #[command(flatten, next_help_heading = "With --verify")]
    pub running: Running,
}

/// `loopshift verify`.
#[derive(Clone, Debug, Args)]
pub struct Verify {
    /// Files and directories [default: .]
    pub paths: Vec<PathBuf>,
    /// What to do.
    #[command(flatten)]
    pub switches: Switches,
    /// How to run it.
    #[command(flatten, next_help_heading = "Runs")]
    pub running: Running,
    /// Print the plan without the changes that break tests
    #[arg(long)]
    pub keep_good: bool,
    /// Print a report or JSON
    #[arg(long, value_name = "FORMAT", default_value_t, value_enum)]
    pub output_format: PlainFormat,
    /// What to run: a command of tests, or any other
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// How COMMAND is run and judged.
#[derive(Clone, Debug, Args)]
pub struct Running {
    #[allow(clippy::doc_markdown)] // It is shown in a terminal.
    /// Where COMMAND writes the results of its tests, as JUnit's XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// What may differ in the output: the order of lines, numbers, times, addresses in memory
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_enum)]
    pub normalise: Vec<Normalise>,
    #[allow(clippy::doc_markdown)] // It is shown in a terminal.
    /// Run the migrated program on these backends of AnyIO
    #[arg(long, value_name = "BACKEND", value_delimiter = ',', value_enum)]
    pub backend: Vec<Backend>,
    /// How often to run COMMAND before the migration: tests that differ there are set aside
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub baseline: u16,
    /// How long one run may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,
    /// How many runs it may take to find the changes that break tests
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub max_runs: u32,
}

/// What may differ in the output of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Normalise {
    /// The order of lines.
    Lines,
    /// Numbers.
    Numbers,
    /// Dates, times of the day and durations.
    Times,
    /// Addresses in memory.
    Addresses,
}

#[allow(clippy::doc_markdown)] // It is shown in a terminal.
/// A backend of AnyIO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The standard library's event loop.
    Asyncio,
    /// trio.
    Trio,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Backend::Asyncio => "asyncio",
            Backend::Trio => "trio",
        })
    }
}

/// `loopshift undo`.
#[derive(Clone, Debug, Args)]
pub struct Undo {
    /// The number of the run [default: the last one]
    pub run: Option<u32>,
    /// The directory whose runs are meant [default: this one, or the nearest above that has any]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Overwrite files that were edited since; a copy of them is kept
    #[arg(long)]
    pub force: bool,
    /// Print a sentence or JSON
    #[arg(long, value_name = "FORMAT", default_value_t, value_enum)]
    pub output_format: PlainFormat,
}

/// `loopshift explain`.
#[derive(Clone, Debug, Args)]
pub struct Explain {
    /// A rule, or a place such as app/main.py:12 [default: list the rules]
    #[arg(value_name = "RULE|FILE:LINE")]
    pub what: Option<String>,
    /// The target to judge by [default: asyncio for a program of green threads, otherwise anyio]
    #[arg(long, value_name = "TARGET", value_enum)]
    pub to: Option<Target>,
    /// The format
    #[arg(long, value_name = "FORMAT", default_value_t, value_enum)]
    pub output_format: PlainFormat,
}

/// `loopshift graph`.
#[derive(Clone, Debug, Args)]
pub struct Graph {
    /// The source root: a file a/b.py in it is the module a.b
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// The format
    #[arg(long, value_name = "FORMAT", default_value_t, value_enum)]
    pub output_format: GraphFormat,
}

/// Where a migration goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The standard library's event loop.
    Asyncio,
    /// `AnyIO`, on asyncio and trio.
    Anyio,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Target::Asyncio => "asyncio",
            Target::Anyio => "anyio",
        })
    }
}

/// How what blocks and what can't be async meets the event loop, on the way from green threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bridge {
    /// A function of asyncio for a call that blocks; a thread where there is none, and for what can't be async.
    #[default]
    Auto,
    /// Threads for all calls that block.
    Thread,
    /// No threads: what would need one stays.
    None,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlainFormat {
    /// For people.
    #[default]
    Text,
    /// For programs, with a version.
    Json,
}

/// How the result of a migration is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs, with a version.
    Json,
    /// For code scanning services: SARIF 2.1.0.
    Sarif,
    /// For GitHub Actions: annotations.
    Github,
    /// For GitLab: a Code Quality report.
    Gitlab,
    #[allow(clippy::doc_markdown)] // It is shown in a terminal.
    /// For what reads the results of tests: JUnit's XML.
    Junit,
}

/// How a call graph is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// An object from each caller to its callees.
    #[default]
    Json,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A version of Python, written `py311`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct TargetVersion {
    /// The first number.
    pub major: u8,
    /// The second number.
    pub minor: u8,
}

impl FromStr for TargetVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let minor = text
            .strip_prefix("py3")
            .or_else(|| text.strip_prefix("3."))
            .and_then(|minor| minor.parse().ok())
            .filter(|minor| (7..=99).contains(minor));
        match minor {
            Some(minor) => Ok(TargetVersion { major: 3, minor }),
            None => Err(format!("`{text}` is not a version such as py311")),
        }
    }
}

impl TryFrom<String> for TargetVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A version of `AnyIO`, written `4.15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct AnyioVersion {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
}

impl FromStr for AnyioVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut numbers = text.split('.').map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor)))
                if major >= 4 && numbers.all(|number| number.is_ok()) =>
            {
                Ok(AnyioVersion { major, minor })
            }
            _ => Err(format!(
                "`{text}` is not a version such as 4.15, at least 4.0"
            )),
        }
    }
}

impl TryFrom<String> for AnyioVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
