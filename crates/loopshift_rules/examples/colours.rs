//! `colours DIRECTORY`: how much of a scan of a program of green threads its colours are. Prints what they add to the rest,
//! as a share of that. Both are measured in one run, on one thread.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use loopshift_engine::program::{Input, Named, analyse_for};
use loopshift_python::PythonVersion;
use loopshift_python::decode::decode;
use loopshift_rules::catalog::{Catalog, Target, Version};
use loopshift_rules::context::{Bridge, Settings};
use loopshift_rules::migrate::{Options, migrate};
use loopshift_rules::recipe;

fn main() -> ExitCode {
    let Some(root) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: colours DIRECTORY");
        return ExitCode::from(2);
    };
    let mut inputs = Vec::new();
    read(&root, &root, &mut inputs);
    inputs.sort_by(|a, b| a.path.cmp(&b.path));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.expect("one thread can be made");
    println!("{:.3}", pool.install(|| share(&inputs)));
    ExitCode::SUCCESS
}

/// All Python files below a directory.
fn read(root: &Path, directory: &Path, inputs: &mut Vec<Input>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(root, &path, inputs);
        } else if path.extension().is_some_and(|ending| ending == "py")
            && let Ok(bytes) = std::fs::read(&path)
            && let Ok(source) = decode(&bytes)
        {
            let name = path.strip_prefix(root).unwrap_or(&path).with_extension("");
            let is_package = name.ends_with("__init__");
            let name = if is_package {
                name.parent()
            } else {
                Some(&*name)
            };
            let parts = name
                .into_iter()
                .flatten()
                .map(|part| part.to_string_lossy());
            inputs.push(Input {
                path: path.display().to_string(),
                module: parts.collect::<Vec<_>>().join("."),
                is_package,
                text: source.text,
                lines: None,
            });
        }
    }
}

fn share(inputs: &[Input]) -> f64 {
    let (catalog, python, target) = (Catalog::builtin(), PythonVersion::PY311, Target::Asyncio);
    let settings = Settings {
        python,
        anyio: Version::new(4, 9),
        bridge: Bridge::Auto,
        plain: true,
        through: false,
    };
    let options = Options::new(target, settings);
    let start = Instant::now();
    drop(migrate(inputs, catalog, &options));
    let all = start.elapsed();
    let recipe = recipe::of(inputs, python, target, catalog);
    let externals = recipe.externals(inputs, catalog);
    let named = Named {
        followed: recipe.mentions,
        alone: recipe.beside,
        all_parsed: true,
    };
    let program = analyse_for(inputs, python, &externals, named);
    let callers = program.callers();
    let apart = recipe.apart(&program, &callers, catalog);
    let start = Instant::now();
    drop(recipe.facts(&program, &callers, catalog, &apart, None, settings.bridge));
    let colours = start.elapsed();
    colours.as_secs_f64() / all.saturating_sub(colours).as_secs_f64()
}
