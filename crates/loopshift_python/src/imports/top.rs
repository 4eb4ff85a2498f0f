//! What a module imports whenever it is imported itself.

use crate::parse::ParsedModule;
use ruff_python_ast::Stmt;
use ruff_text_size::{Ranged, TextRange};

use super::existing::{below, dotted};

/// The aliases of the imports at the top level of a module, outside of all blocks: each with the module as it is written
/// there (`pkg.text`, `.text`), and with the module that an imported name would be.
pub fn at_the_top(parsed: &ParsedModule) -> Vec<(TextRange, String, Option<String>)> {
    let mut out = Vec::new();
    for stmt in &parsed.syntax().body {
        match stmt {
            Stmt::Import(it) => {
                let names = it.names.iter();
                out.extend(names.map(|alias| (alias.range(), alias.name.to_string(), None)));
            }
            Stmt::ImportFrom(it) => {
                let module = dotted(it);
                for alias in &it.names {
                    let name = below(&module, alias.name.as_str());
                    out.push((alias.range(), module.clone(), Some(name)));
                }
            }
            _ => {}
        }
    }
    out
}
