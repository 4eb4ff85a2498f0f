//! Parsing with the pinned parser, guarded against input that would exhaust the stack.

use ruff_python_ast::{ModModule, PythonVersion};
use ruff_python_parser::{Mode, ParseOptions, Parsed, parse_unchecked};

/// Parses a module. Errors are recovered from; ask the result for them.
pub fn parse_module(source: &str, version: PythonVersion) -> Parsed<ModModule> {
    let options = ParseOptions::from(Mode::Module).with_target_version(version);
    parse_unchecked(source, options)
        .try_into_module()
        .expect("a module was asked for")
}
