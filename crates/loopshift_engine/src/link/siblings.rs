//! Imports of what lies beside a script: Python looks for it in the script's own directory.
//!
//! Type checkers do the same where nothing else of the program has the name.

use super::Linked;
use crate::ir::{Import, Sym};

/// Points absolute imports that no source root answers to the module in the directory of the script that imports it. For a
/// module of a package that is the directory which holds the package.
pub(super) fn find(linked: &mut Linked) {
    for index in 0..linked.imports.len() {
        let (file, Import { module, .. }) = linked.imports[index];
        if let Some(found) = beside(linked, file.0 as usize, module) {
            linked.imports[index].1.module = found;
        }
    }
    for index in 0..linked.modules.len() {
        for star in 0..linked.modules[index].stars.len() {
            if let Some(found) = beside(linked, index, linked.modules[index].stars[star]) {
                linked.modules[index].stars[star] = found;
            }
        }
    }
}

/// The name of the module that `importer` may mean by `name`.
fn beside(linked: &mut Linked, importer: usize, name: Sym) -> Option<Sym> {
    let sym = |name: &str| linked.symbols.find(name);
    let is_module = |name: &str| linked.module_named(name).is_some();
    let is_known =
        |name: &str| is_module(name) || sym(name).is_some_and(|it| linked.namespaces.contains(&it));
    let mut directory = linked.modules[importer].name.rsplit_once('.')?.0;
    while is_module(directory) {
        directory = directory.rsplit_once('.')?.0;
    }
    let name = linked.symbols.text(name);
    let head = name.split('.').next().unwrap_or(name);
    let found = !is_known(head) && is_known(&format!("{directory}.{head}"));
    let full = found.then(|| format!("{directory}.{name}"))?;
    Some(linked.symbols.sym(&full))
}
