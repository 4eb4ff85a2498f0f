//! The floor of `cargo xtask bench`: decodes and parses every Python file of a tree, on all cores, and nothing else.
//! Prints the number of files and of lines.

use std::path::PathBuf;

use ignore::WalkBuilder;
use loopshift_python::ast::PythonVersion;
use loopshift_python::decode::decode;
use loopshift_python::parse::parse_module;
use rayon::prelude::*;

fn main() {
    let Some(root) = std::env::args_os().nth(1) else {
        eprintln!("usage: parse-tree DIRECTORY");
        std::process::exit(2);
    };
    let is_python = |path: &PathBuf| {
        path.extension()
            .is_some_and(|ending| ending == "py" || ending == "pyi")
    };
    let files: Vec<PathBuf> = WalkBuilder::new(root)
        .build()
        .filter_map(|entry| Some(entry.ok()?.into_path()))
        .filter(is_python)
        .collect();
    let version = PythonVersion {
        major: 3,
        minor: 11,
    };
    let lines: usize = files
        .par_iter()
        .map(|path| {
            let Some(source) = std::fs::read(path)
                .ok()
                .and_then(|bytes| decode(&bytes).ok())
            else {
                return 0;
            };
            // The tree is dropped at once, as a tool that holds no tree does.
            drop(parse_module(&source.text, version));
            source.text.lines().count()
        })
        .sum();
    println!("{} files, {lines} lines", files.len());
}
