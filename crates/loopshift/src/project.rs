//! The project that a run works on: the nearest directory with files that say what it needs, and these files.

use std::fs;
use std::path::{Path, PathBuf};

use loopshift_engine::change::FileId;
use loopshift_python::ast::PythonVersion;
use loopshift_rules::project::{FILES, Knowledge, ProjectFile, is_requirements, knowledge};

use crate::apply::slashed;
use crate::discover::Discovered;
use crate::engine::Job;
use crate::home;
use crate::messages::Problem;
use crate::read::{Source, read_all};

/// The project's files, among those of the run.
#[derive(Debug, Default)]
pub struct Project {
    /// Which they are.
    pub files: Vec<ProjectFile>,
    /// What they say.
    pub knowledge: Knowledge,
    /// Those that could not be read.
    pub problems: Vec<Problem>,
}

/// Finds the project's files and appends those to `sources` that are not among them.
pub fn add(sources: &mut Vec<Source>, job: &Job) -> Project {
    let mut project = Project::default();
    project.knowledge.python = job.target_version.map(|version| PythonVersion {
        major: version.major,
        minor: version.minor,
    });
    let start = home::above_all(&job.paths).unwrap_or(&job.root);
    let Some(dir) = directory(start) else {
        return project;
    };
    for path in candidates(&dir) {
        let Some(name) = path.strip_prefix(&dir).ok().and_then(slashed) else {
            continue;
        };
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        let index = match sources.iter().position(|source| source.path == real) {
            Some(index) => index,
            None => {
                let shown = real.strip_prefix(&job.root).ok().and_then(slashed);
                let (read, problems) = read_all(vec![Discovered {
                    name: shown.unwrap_or_else(|| path.display().to_string()),
                    path: real.clone(),
                    modules: Vec::new(),
                }]);
                project.problems.extend(problems);
                let Some(source) = read.into_iter().next() else {
                    continue;
                };
                sources.push(source);
                sources.len() - 1
            }
        };
        project.files.push(ProjectFile {
            file: FileId(u32::try_from(index).unwrap_or(u32::MAX)),
            name,
            writable: job.paths.iter().any(|root| real.starts_with(root)),
        });
    }
    let texts = project.files.iter().filter_map(|file| {
        let source = sources.get(file.file.0 as usize)?;
        Some((file.name.as_str(), source.text.text.as_str()))
    });
    project.knowledge = knowledge(texts, project.knowledge.python);
    project
}

/// The nearest directory at or above `start` that has a project's files, not beyond that of a repository.
fn directory(start: &Path) -> Option<PathBuf> {
    for dir in start.ancestors() {
        if !candidates(dir).is_empty() {
            return Some(dir.to_path_buf());
        }
        if dir.join(".git").exists() {
            return None;
        }
    }
    None
}

/// The project's files in a directory, sorted.
fn candidates(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = FILES.iter().map(|name| dir.join(name)).collect();
    for dir in [dir.to_path_buf(), dir.join("requirements")] {
        // A directory that is not there, or must not be read, holds nothing for us.
        let Ok(entries) = fs::read_dir(&dir) else {
            continue;
        };
        let in_folder = dir.ends_with("requirements");
        found.extend(entries.filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?;
            let text = path
                .extension()
                .is_some_and(|extension| extension == "txt" || extension == "in");
            (is_requirements(name) || in_folder && text).then_some(path)
        }));
    }
    found.retain(|path| path.is_file());
    found.sort();
    found.dedup();
    found
}
