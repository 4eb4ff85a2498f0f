//! Settings: `[tool.loopshift]` in `pyproject.toml`, or `loopshift.toml`. The nearest file wins; the command line
//! overrides it.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::{AnyioVersion, Bridge, Target, TargetVersion};
use crate::messages::Problem;

/// What a settings file can say. Every key is optional.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Where the migration goes.
    pub to: Option<Target>,
    /// The libraries that it comes from.
    pub from: Option<Vec<String>>,
    /// Globs of what to leave out, from the directory of the file.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Source roots, from the directory of the file.
    #[serde(default)]
    pub src: Vec<PathBuf>,
    /// The only rules to use.
    pub select: Option<Vec<String>>,
    /// Rules not to use.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// The oldest Python that the program runs on.
    pub target_version: Option<TargetVersion>,
    /// The oldest `AnyIO` that the program allows.
    pub anyio_version: Option<AnyioVersion>,
    /// What runs in threads.
    pub bridge: Option<Bridge>,
    /// Whether unsafe changes are applied.
    #[serde(rename = "unsafe")]
    pub unsafe_changes: Option<bool>,
    /// Whether declined uses are marked with comments.
    pub mark: Option<bool>,
    /// Rows for the catalog.
    #[serde(default)]
    pub api: Vec<toml::Table>,
}

#[derive(Deserialize)]
struct PyProject {
    tool: Option<Tool>,
}

#[derive(Deserialize)]
struct Tool {
    loopshift: Option<Settings>,
}

/// The nearest settings at or above `dir` (canonical), with the directory of their file. Where there are none: no
/// settings, and `dir`.
///
/// # Errors
/// Where a file cannot be read or holds what loopshift does not know, with the file and the line.
pub fn nearest(dir: &Path) -> Result<(Settings, PathBuf), Problem> {
    for dir in dir.ancestors() {
        let own = dir.join("loopshift.toml");
        if own.is_file() {
            return Ok((load::<Settings>(&own)?, dir.to_path_buf()));
        }
        let project = dir.join("pyproject.toml");
        if project.is_file() {
            let tool = load::<PyProject>(&project)?.tool;
            if let Some(settings) = tool.and_then(|tool| tool.loopshift) {
                return Ok((settings, dir.to_path_buf()));
            }
        }
    }
    Ok((Settings::default(), dir.to_path_buf()))
}

fn load<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, Problem> {
    let bytes = fs::read(path).map_err(|error| Problem::io("read", path, &error))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Problem::at(path.display().to_string(), "this is not UTF-8"))?;
    toml::from_str(&text)
        .map_err(|error| Problem::at(place(path, &text, error.span()), error.message().trim()))
}

fn place(path: &Path, text: &str, span: Option<Range<usize>>) -> String {
    match span.and_then(|span| text.get(..span.start)) {
        Some(before) => format!("{}:{}", path.display(), before.matches('\n').count() + 1),
        None => path.display().to_string(),
    }
}
