//! `cargo xtask semantics DIR`: every proof of a directory migrated, run before and after, and compared.
//!
//! A program of asyncio is moved to AnyIO; one of gevent or eventlet to asyncio, and what comes out is run where neither
//! can be imported.
//!
//! | file | is |
//! | --- | --- |
//! | `NAME_before.py` | a program, and the input |
//! | `NAME_after.py`, `NAME_after_WORD.py` | shows that there is a form: the program should migrate |
//! | `NAME_after40.py`, `NAME_after39.py` | the form for the oldest AnyIO, or for an older Python |
//! | `NAME_differs.py`, `NAME_naive.py` | a wrong form, which must not come out |
//! | `NAME_client.py` | the program is a server, and this talks to it: what it prints is compared |
//!
//! Header comments of the forms of AnyIO are kept: `# needs: 4.14`, `# backends: asyncio`, `# python: 3.12`.

mod proof;
mod run;
mod table;
mod way;

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use crate::python;
use crate::{Result, process, root, tool};
use proof::{Accepted, Proof, Setting};

/// Which proofs, and with what.
#[derive(Args)]
pub(crate) struct Options {
    /// The directory of the proofs, or the one that holds it as `proofs`
    directory: PathBuf,
    /// Only the proofs whose name contains this
    #[arg(long, short, default_value = "")]
    only: String,
    /// The oldest AnyIO that the programs allow, with an environment of that version
    #[arg(long, value_name = "VERSION")]
    anyio: Option<String>,
    /// This program in place of the one that is built from the sources
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Write the table there too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Print the programs and outputs of what differs
    #[arg(long, short)]
    verbose: bool,
}

/// Runs the proofs. False if something differs.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let python = match &options.anyio {
        None => python::tests()?,
        Some(version) => python::with_anyio(version)?,
    };
    let setting = Setting {
        python,
        loopshift: tool::given_or_built(options.program.as_deref(), false)?,
        anyio: options.anyio.clone().unwrap_or_else(|| "4.16".to_owned()),
        accepted: accepted()?,
    };
    let inner = options.directory.join("proofs");
    let directory = if inner.is_dir() {
        &inner
    } else {
        &options.directory
    };
    let proofs = find(directory, &options.only)?;
    if proofs.is_empty() {
        return Err(format!(
            "there is no NAME_before.py in {}",
            directory.display()
        ));
    }
    eprintln!("Migrating and running {} programs", proofs.len());
    let outcomes = process::parallel(&proofs, |proof| proof.prove(&setting));
    let table = table::Table::new(&proofs, &outcomes, &setting);
    print!("{}", table.text(options.verbose));
    if let Some(file) = &options.markdown {
        std::fs::write(file, table.markdown())
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(table.is_good())
}

#[derive(Deserialize)]
struct AcceptedProofs {
    accepted: Vec<Accepted>,
}

/// What may differ.
fn accepted() -> Result<Vec<Accepted>> {
    let path = root().join("ecosystem/semantics-accepted.toml");
    let error = |error: String| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|it| error(it.to_string()))?;
    let proofs: AcceptedProofs = toml::from_str(&text).map_err(|it| error(it.to_string()))?;
    Ok(proofs.accepted)
}

/// The proofs of a directory, by name.
fn find(directory: &Path, only: &str) -> Result<Vec<Proof>> {
    let error = |error| format!("{}: {error}", directory.display());
    let mut proofs = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(error)? {
        let path = entry.map_err(error)?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix("_before.py"));
        if let Some(name) = name.filter(|name| name.contains(only)) {
            proofs.push(Proof::new(directory, name)?);
        }
    }
    proofs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(proofs)
}
