//! Which modules can have to do with a library: those in contact with one that mentions it.
//!
//! Values pass from module to module only where one imports the other. A module that is in contact with no module that
//! names the library, over any number of imports in either direction, holds no use of it and nothing that came from it.
//! Its facts are dropped before they are solved.

use loopshift_python::PythonVersion;
use loopshift_python::parse::parse_module;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::flow::fixtures;
use crate::lower::lower;
use crate::outline::Outline;
use crate::program::Input;

/// For each file the number of the first one that it can have to do with: values pass only between files with the same.
pub fn contacts(inputs: &[Input], version: PythonVersion) -> Vec<usize> {
    let names: Vec<&str> = inputs.iter().map(|input| &*input.module).collect();
    groups(&names, &rough_outlines(inputs, version))
}

/// What the files seem to import, and the modules of tests those whose fixtures they get.
pub(crate) fn rough_outlines(inputs: &[Input], version: PythonVersion) -> Vec<Outline> {
    let outlines = inputs.par_iter();
    let mut outlines: Vec<Outline> = outlines.map(|it| rough_outline(it, version)).collect();
    add_fixtures(inputs, &mut outlines);
    outlines
}

/// Modules of tests are in contact with those whose fixtures they get without importing them.
pub(crate) fn add_fixtures(inputs: &[Input], outlines: &mut [Outline]) {
    let names: Vec<&str> = inputs.iter().map(|input| &*input.module).collect();
    for (outline, more) in outlines.iter_mut().zip(fixtures::in_reach(&names)) {
        outline.imports.extend(more);
    }
}

/// A package whose text is longer is taken to bind something.
const SMALL_PACKAGE: usize = 4096;

/// What a file seems to import, and whether it binds anything.
fn rough_outline(input: &Input, version: PythonVersion) -> Outline {
    if !input.is_python() {
        return Outline::default();
    }
    let is_small_package = input.is_package && input.text.len() <= SMALL_PACKAGE;
    let rough = Outline::of_text(&input.text, input.name());
    if let Some(rough) = rough.filter(|_| !is_small_package) {
        return rough;
    }
    parse_module(&input.text, version).map_or_else(
        |_| Outline::default(),
        |parsed| Outline::of_facts(&lower(parsed.syntax(), &input.text, input.name())),
    )
}

/// For each module, by its name and outline, whether it is in contact with one that is `mentioned`.
pub(crate) fn in_contact(names: &[&str], outlines: &[Outline], mentioned: &[bool]) -> Vec<bool> {
    let groups = groups(names, outlines);
    let mut wanted = vec![false; names.len()];
    for (group, mentioned) in groups.iter().zip(mentioned) {
        wanted[*group] |= mentioned;
    }
    groups.into_iter().map(|group| wanted[group]).collect()
}

/// For each module the first one that it is in contact with, over any number of imports.
fn groups(names: &[&str], outlines: &[Outline]) -> Vec<usize> {
    let mut by_name: FxHashMap<&str, usize> = FxHashMap::default();
    for (index, name) in names.iter().enumerate() {
        by_name.entry(name).or_insert(index);
    }
    // What lies below a directory.
    let deep: FxHashSet<&str> = names
        .iter()
        .flat_map(|name| name.split('.').skip(1))
        .collect();
    // Most names are imported in many places.
    let mut known: FxHashMap<String, Vec<usize>> = FxHashMap::default();
    let mut beside = String::new();
    let mut groups: Vec<usize> = (0..names.len()).collect();
    for (index, outline) in outlines.iter().enumerate() {
        let mut contact = |name: &str| {
            if !known.contains_key(name) {
                known.insert(name.to_owned(), bound(&by_name, outlines, name));
            }
            for to in &known[name] {
                let (a, b) = (root(&mut groups, index), root(&mut groups, *to));
                groups[a.max(b)] = a.min(b);
            }
        };
        // A package sees what its modules import, and they see it, if it holds anything at all.
        if let Some((parent, _)) = names[index].rsplit_once('.') {
            contact(parent);
        }
        for name in &outline.imports {
            contact(name);
            // It may be an import of what lies beside the script, or the package.
            let head = name.split('.').next().unwrap_or(name);
            if by_name.contains_key(head) || !deep.contains(head) {
                continue;
            }
            let mut directory = names[index];
            while let Some((parent, _)) = directory.rsplit_once('.') {
                beside.clear();
                beside.extend([parent, ".", name]);
                contact(&beside);
                directory = parent;
            }
        }
    }
    (0..names.len())
        .map(|index| root(&mut groups, index))
        .collect()
}

/// The module of a dotted name and the packages above it, of those that bind something.
fn bound(by_name: &FxHashMap<&str, usize>, outlines: &[Outline], name: &str) -> Vec<usize> {
    let names = std::iter::successors(Some(name), |name| Some(name.rsplit_once('.')?.0));
    let modules = names.filter_map(|name| by_name.get(name).copied());
    modules.filter(|module| outlines[*module].binds).collect()
}

/// The first of the group that a number is in, where each one names another of its group, and the first itself.
pub fn root(groups: &mut [usize], index: usize) -> usize {
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

    #[test]
    fn contact_goes_over_imports_in_both_directions() {
        let modules = [
            ("a", "import asyncio\n\n\ndef make(): ...\n"),
            ("b", "from a import make\n"),
            ("c", "import b\nx = 1\n"),
            ("d", "from other import thing\ny = 2\n"),
            ("other", "def thing(): ...\n"),
            ("p", ""),
            ("p.q", "z = 1\n"),
        ];
        let outline = |(name, text): &(&str, &str)| {
            let parsed = parse_module(text, PythonVersion::PY311).unwrap();
            let is_package = false;
            Outline::of_facts(&lower(
                parsed.syntax(),
                text,
                ModuleName { name, is_package },
            ))
        };
        let outlines: Vec<Outline> = modules.iter().map(outline).collect();
        let names: Vec<&str> = modules.iter().map(|it| it.0).collect();
        let mentioned = [true, false, false, false, false, false, false];
        let found = in_contact(&names, &outlines, &mentioned);
        assert_eq!(found, [true, true, true, false, false, false, false]);
    }
}
