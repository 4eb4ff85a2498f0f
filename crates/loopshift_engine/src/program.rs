//! The program as a whole: from texts to an analysis that rules can ask.

use loopshift_python::ast::PythonVersion;
use loopshift_python::parse::{empty_module, parse_module};
use rayon::prelude::*;

use crate::externals::Externals;
use crate::flow::{Flow, solve};
use crate::link::{Unlinked, link};
use crate::lower::{ModuleName, lower};

/// A file as the engine takes it.
#[derive(Clone, Debug)]
pub struct Input {
    /// The dotted name of the module.
    pub module: String,
    /// Whether it is an `__init__.py`.
    pub is_package: bool,
    /// The decoded text.
    pub text: String,
}

/// Analyses the files. The order of `inputs` gives the file numbers; the result does not depend on threads.
pub fn analyse<'a>(
    inputs: &[Input],
    version: PythonVersion,
    externals: &'a dyn Externals,
) -> Flow<'a> {
    let modules: Vec<Unlinked> = inputs
        .par_iter()
        .map(|input| {
            // The command line reports files that do not parse; nothing is known of them here.
            let parsed = parse_module(&input.text, version).unwrap_or_else(|_| empty_module());
            let name = ModuleName {
                name: &input.module,
                is_package: input.is_package,
            };
            let ir = lower(parsed.syntax(), &input.text, name);
            Unlinked {
                name: input.module.clone(),
                is_package: input.is_package,
                ir,
            }
        })
        .collect();
    solve(link(modules), externals)
}
