//! Reading the files of a run, in parallel.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::PathBuf;

use loopshift_python::decode::{EncodingError, SourceText, decode};
use rayon::prelude::*;

use crate::discover::Discovered;
use crate::messages::{Problem, plain};

/// By what a file is recognised as unchanged since it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    len: u64,
    hash: u64,
}

impl Stamp {
    /// The stamp of a file that holds `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        Stamp {
            len: bytes.len() as u64,
            hash: hasher.finish(),
        }
    }
}

/// A file of the run, decoded.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file itself, canonical.
    pub path: PathBuf,
    /// What messages call it: the path from the root of the run, with `/`.
    pub name: String,
    /// Its dotted module names, the most likely first. Empty for a file that is no module.
    pub modules: Vec<String>,
    /// What it holds, and how that is encoded.
    pub text: SourceText,
}

impl Source {
    /// By what the file is recognised as unchanged since it was read. Few files are asked for it.
    ///
    /// # Errors
    /// None for a text that was decoded: it becomes the same bytes again.
    pub fn stamp(&self) -> Result<Stamp, EncodingError> {
        Ok(Stamp::of(&self.text.encode(&self.text.text)?))
    }
}

/// Reads and decodes `files`. Those that could be, in the same order, and a problem for each of the others.
pub fn read_all(files: Vec<Discovered>) -> (Vec<Source>, Vec<Problem>) {
    let results: Vec<Result<Source, Problem>> = files.into_par_iter().map(read_one).collect();
    let mut read = Vec::with_capacity(results.len());
    let mut problems = Vec::new();
    for result in results {
        match result {
            Ok(file) => read.push(file),
            Err(problem) => problems.push(problem),
        }
    }
    (read, problems)
}

fn read_one(file: Discovered) -> Result<Source, Problem> {
    let bytes = fs::read(&file.path).map_err(|error| {
        Problem::at(
            file.name.clone(),
            format!("cannot read it: {}", plain(&error)),
        )
    })?;
    match decode(&bytes) {
        Ok(text) => Ok(Source {
            path: file.path,
            name: file.name,
            modules: file.modules,
            text,
        }),
        Err(error) => Err(Problem::at(
            format!("{}:{}", file.name, error.line),
            format!("cannot decode it: {}", error.message),
        )),
    }
}
