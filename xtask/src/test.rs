//! `cargo xtask test`: the Python environment, then every test.

use std::process::Command;

use clap::Args;

use crate::{Result, python, root};

/// What to test.
#[derive(Args)]
pub(crate) struct Options {
    /// Arguments for `cargo test` in place of `--workspace`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs the tests. False if one fails.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let python = python::tests()?;
    eprintln!("Python: {}", python.display());
    let mut command = Command::new("cargo");
    command
        .arg("test")
        .current_dir(root())
        .env("LOOPSHIFT_PYTHON", &python);
    if options.arguments.is_empty() {
        command.arg("--workspace");
    } else {
        command.args(&options.arguments);
    }
    let status = command
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    Ok(status.success())
}
