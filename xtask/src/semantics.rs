//! `cargo xtask semantics DIR`: every proof of a directory migrated, run before and after, and compared.
//!
//! | file | is |
//! | --- | --- |
//! | `NAME_before.py` | a program, and the input |
//! | `NAME_after.py` | shows that there is a form: the program should migrate |
//! | `NAME_after40.py` | the form for the oldest AnyIO |
//! | `NAME_differs.py` | a wrong form, which must not come out |
//!
//! Header comments of the forms are kept: `# needs: 4.14`, `# backends: asyncio`, `# python: 3.12`.

mod proof;
mod table;

use std::path::{Path, PathBuf};

use clap::Args;

use crate::python;
use crate::{Result, process, tool};
use proof::{Proof, Setting};

/// Which proofs, and with what.
#[derive(Args)]
pub(crate) struct Options {
    /// The directory of the proofs
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
    };
    let proofs = find(&options.directory, &options.only)?;
    if proofs.is_empty() {
        return Err(format!(
            "there is no NAME_before.py in {}",
            options.directory.display()
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
