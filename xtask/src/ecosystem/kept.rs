//! What is done already: the result of a program is kept under all that it depends on.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Project;
use super::place;
use super::program::Run;
use super::results::ProgramResult;
use crate::Result;

#[derive(Deserialize, Serialize)]
struct Kept {
    key: String,
    result: ProgramResult,
}

/// A name for the bytes of the tool.
pub(super) fn build(loopshift: &Path) -> Result<String> {
    let bytes = fs::read(loopshift).map_err(|error| format!("{}: {error}", loopshift.display()))?;
    Ok(hash(&bytes))
}

/// A name for all that a result depends on: the tool, the program with its version and environment, and how it is run.
pub(super) fn key(build: &str, run: &Run<'_>) -> Result<String> {
    let environment = place::environment(run.project)?;
    let how = (run.with_unsafe, run.baseline, run.search);
    Ok(hash(&(
        build,
        format!("{:?}", run.project),
        environment,
        how,
    )))
}

fn hash(value: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The result that was kept under this key.
pub(super) fn read(project: &Project, key: &str) -> Option<ProgramResult> {
    let text = fs::read_to_string(place::directory(project).join("result.json")).ok()?;
    let kept: Kept = serde_json::from_str(&text).ok()?;
    (kept.key == key).then_some(kept.result)
}

/// Keeps a result.
pub(super) fn write(project: &Project, key: &str, result: &ProgramResult) -> Result<()> {
    let kept = Kept {
        key: key.to_owned(),
        result: result.clone(),
    };
    let text = serde_json::to_string(&kept).map_err(|error| error.to_string())?;
    let file = place::directory(project).join("result.json");
    place::make(&place::directory(project))?;
    fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))
}
