//! Which modules can have to do with a library: those in contact with one that mentions it.
//!
//! Values pass from module to module only where one imports the other. A module that is in contact with no module that
//! names the library, over any number of imports in either direction, holds no use of it and nothing that came from it.
//! Its facts are dropped before they are solved.

use rustc_hash::FxHashMap;

use crate::link::Unlinked;

/// For each module, whether it is in contact with one that is `mentioned`.
pub(crate) fn in_contact(modules: &[Unlinked], mentioned: &[bool]) -> Vec<bool> {
    let mut by_name: FxHashMap<&str, usize> = FxHashMap::default();
    for (index, module) in modules.iter().enumerate() {
        by_name.entry(&module.name).or_insert(index);
    }
    let mut groups: Vec<usize> = (0..modules.len()).collect();
    for (index, module) in modules.iter().enumerate() {
        let text = |sym: crate::ir::Sym| &*module.ir.symbols[sym.0 as usize];
        // A package sees what its modules import, and they see it, if it holds anything at all.
        if let Some((parent, _)) = module.name.rsplit_once('.') {
            contact(&by_name, modules, &mut groups, index, parent);
        }
        for import in &module.ir.imports {
            let target = text(import.module);
            contact(&by_name, modules, &mut groups, index, target);
            if let Some(name) = import.name {
                contact(
                    &by_name,
                    modules,
                    &mut groups,
                    index,
                    &format!("{target}.{}", text(name)),
                );
            }
        }
        for star in &module.ir.stars {
            contact(&by_name, modules, &mut groups, index, text(*star));
        }
    }
    let mut wanted = vec![false; modules.len()];
    for (index, mentioned) in mentioned.iter().enumerate() {
        if *mentioned {
            wanted[root(&mut groups, index)] = true;
        }
    }
    (0..modules.len())
        .map(|index| wanted[root(&mut groups, index)])
        .collect()
}

/// Joins a module with the one of a dotted name, or with the nearest package above that name.
fn contact(
    by_name: &FxHashMap<&str, usize>,
    modules: &[Unlinked],
    groups: &mut [usize],
    from: usize,
    name: &str,
) {
    let mut name = name;
    loop {
        if let Some(to) = by_name.get(name)
            && !modules[*to].ir.globals.is_empty()
        {
            let (a, b) = (root(groups, from), root(groups, *to));
            groups[a.max(b)] = a.min(b);
        }
        match name.rsplit_once('.') {
            Some((parent, _)) => name = parent,
            None => return,
        }
    }
}

fn root(groups: &mut [usize], index: usize) -> usize {
    let mut at = index;
    while groups[at] != at {
        groups[at] = groups[groups[at]];
        at = groups[at];
    }
    at
}

#[cfg(test)]
mod tests {
    use loopshift_python::PythonVersion;
    use loopshift_python::parse::parse_module;

    use super::*;
    use crate::lower::{ModuleName, lower};

    fn modules(texts: &[(&str, &str)]) -> Vec<Unlinked> {
        texts
            .iter()
            .map(|(name, text)| {
                let parsed = parse_module(text, PythonVersion::PY311).unwrap();
                let ir = lower(
                    parsed.syntax(),
                    text,
                    ModuleName {
                        name,
                        is_package: false,
                    },
                );
                Unlinked {
                    name: (*name).to_owned(),
                    is_package: false,
                    ir,
                }
            })
            .collect()
    }

    #[test]
    fn contact_goes_over_imports_in_both_directions() {
        let modules = modules(&[
            ("a", "import asyncio\n\n\ndef make(): ...\n"),
            ("b", "from a import make\n"),
            ("c", "import b\nx = 1\n"),
            ("d", "from other import thing\ny = 2\n"),
            ("other", "def thing(): ...\n"),
            ("p", ""),
            ("p.q", "z = 1\n"),
        ]);
        let mentioned = [true, false, false, false, false, false, false];
        let found = in_contact(&modules, &mentioned);
        assert_eq!(found, [true, true, true, false, false, false, false]);
    }
}
