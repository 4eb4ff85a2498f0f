//! Prints the call graph of a folder, for trying the engine alone.
use std::path::Path;

use loopshift_engine::externals::NoExternals;
use loopshift_engine::program::{Input, analyse};

fn collect(root: &Path, dir: &Path, out: &mut Vec<Input>) {
    let mut entries: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(root, &path, out);
        } else if path.extension().is_some_and(|e| e == "py") {
            let rel = path.strip_prefix(root).unwrap().with_extension("");
            let mut parts: Vec<String> = rel
                .iter()
                .map(|p| p.to_string_lossy().into_owned())
                .collect();
            let is_package = parts.last().is_some_and(|p| p == "__init__");
            if is_package {
                parts.pop();
            }
            if let Ok(text) = std::fs::read_to_string(&path) {
                let path = path.display().to_string();
                out.push(Input {
                    path,
                    module: parts.join("."),
                    is_package,
                    text,
                    lines: None,
                });
            }
        }
    }
}

fn main() {
    let root = std::env::args().nth(1).unwrap();
    let mut inputs = Vec::new();
    collect(Path::new(&root), Path::new(&root), &mut inputs);
    let program = analyse(
        &inputs,
        loopshift_python::ast::PythonVersion::PY311,
        &NoExternals,
    );
    let flow = &program.flow;
    if std::env::args().nth(2).is_some() {
        eprintln!(
            "{} nodes {} calls",
            flow.linked.nodes,
            flow.linked.calls.len()
        );
        return;
    }
    let graph = loopshift_engine::graph::call_graph(flow);
    println!("{}", serde_json::to_string_pretty(&graph).unwrap());
}
