//! Imports of what lies beside a script: Python looks for it in the script's own directory.
//!
//! Type checkers do the same where nothing else of the program has the name.

use loopshift_python::stdlib::is_stdlib;
use rustc_hash::FxHashSet;

use super::Linked;
use crate::ir::{Import, Sym};

/// Points absolute imports that no source root answers to the module in the directory of the script that imports it. For a
/// module of a package that is the directory which holds the package, or else a package of scripts.
pub(super) fn find(linked: &mut Linked) {
    let scripts = packages_of_scripts(linked);
    for index in 0..linked.imports.len() {
        let (file, Import { module, .. }) = linked.imports[index];
        if let Some(found) = beside(linked, &scripts, file.0 as usize, module) {
            linked.imports[index].1.module = linked.symbols.sym(&found);
        }
    }
    for index in 0..linked.modules.len() {
        for star in 0..linked.modules[index].stars.len() {
            let name = linked.modules[index].stars[star];
            if let Some(found) = beside(linked, &scripts, index, name) {
                linked.modules[index].stars[star] = linked.symbols.sym(&found);
            }
        }
    }
}

/// Directories that have an `__init__.py`, and whose modules are run as scripts all the same: one imports a name from a
/// module there as if the directory were a source root. A name that only the module has is asked for, because `import redis`
/// in a package with a `redis.py` means the library.
/// So does `import gevent` in a `gevent.py`, and then the modules beside it mean the library, too.
fn packages_of_scripts(linked: &Linked) -> FxHashSet<String> {
    let mut found = FxHashSet::default();
    let namesakes = importing_namesakes(linked);
    for (file, import) in &linked.imports {
        let Some(name) = import.name else {
            continue;
        };
        let module = linked.symbols.text(import.module);
        let importer = &linked.modules[file.0 as usize];
        if is_known(linked, head(module)) || is_stdlib(module) {
            continue;
        }
        let (inside, _) = directories(linked, &importer.name);
        let has_it = |directory: &&str| {
            let full = format!("{directory}.{module}");
            let binds =
                |it: &super::Module| it.name != importer.name && it.globals.contains_key(&name);
            let asked = linked.module_named(&full);
            asked.is_some_and(|it| {
                !namesakes.contains(&(it.0 as usize)) && binds(&linked.modules[it.0 as usize])
            }) || is_known(linked, &format!("{full}.{}", linked.symbols.text(name)))
        };
        found.extend(inside.into_iter().find(has_it).map(str::to_owned));
    }
    found
}

/// The modules that import a library of their own last name.
fn importing_namesakes(linked: &Linked) -> FxHashSet<usize> {
    let imports = linked.imports.iter().map(|(file, import)| {
        let wanted = head(linked.symbols.text(import.module));
        (file.0 as usize, wanted)
    });
    let is_namesake = |(file, wanted): &(usize, &str)| {
        let name = linked.modules[*file].name.rsplit('.').next();
        name == Some(*wanted) && !is_known(linked, wanted)
    };
    imports.filter(is_namesake).map(|(file, _)| file).collect()
}

/// The name of the module that `importer` may mean by `name`.
fn beside(
    linked: &Linked,
    scripts: &FxHashSet<String>,
    importer: usize,
    name: Sym,
) -> Option<String> {
    let name = linked.symbols.text(name);
    if is_known(linked, head(name)) {
        return None;
    }
    let (inside, holder) = directories(linked, &linked.modules[importer].name);
    let of_scripts = |it: &&str| scripts.contains(*it) && !is_stdlib(name);
    let mut places = holder
        .into_iter()
        .chain(inside.into_iter().filter(of_scripts));
    let directory = places.find(|it| is_known(linked, &format!("{it}.{}", head(name))))?;
    Some(format!("{directory}.{name}"))
}

/// The packages that a module is in, the innermost first, and the directory that holds them.
fn directories<'n>(linked: &Linked, module: &'n str) -> (Vec<&'n str>, Option<&'n str>) {
    let parent = |name: &'n str| name.rsplit_once('.').map(|it| it.0);
    let mut packages = Vec::new();
    let mut directory = parent(module);
    while let Some(package) = directory.filter(|it| linked.module_named(it).is_some()) {
        packages.push(package);
        directory = parent(package);
    }
    (packages, directory)
}

/// Whether it is a module of the program, or a directory with some.
fn is_known(linked: &Linked, name: &str) -> bool {
    let sym = linked.symbols.find(name);
    sym.is_some_and(|it| linked.module(it).is_some() || linked.namespaces.contains(&it))
}

fn head(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}
