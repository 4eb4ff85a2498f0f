//! The programs of a tree. Scripts that have nothing to do with each other are migrated each by itself: what stays in one of
//! them holds nothing back in the others.

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::program::Input;
use loopshift_engine::relevance::{contacts, root};
use memchr::{memchr2, memmem};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::catalog::{Catalog, Target};
use crate::migrate::{Migration, Options, depend, migrate_program};
use crate::project::is_test;
use crate::recipe::RECIPES;
use crate::through;

/// Words of which a file of tests has one.
const TESTING: &[&str] = &["pytest", "unittest"];

/// The programs among the files that name a library, by the numbers of their files. The files that belong to none go with the
/// first one, those that are no Python with the tests: they hold the settings of their runner.
///
/// Files are of one program that import each other, over any number of imports, or of which one names the other in a string
/// (`"shop.views:app"`). So are the modules of a package, as what is not seen may use several of them; and all tests: their
/// runner has one setting for all.
pub(crate) fn split(files: &[Input], catalog: &Catalog, options: &Options) -> Vec<Vec<FileId>> {
    let words: Vec<&str> = (RECIPES.iter().flat_map(|it| it.mentions).copied())
        .chain(catalog.own_libraries())
        .collect();
    let names_one = |text: &str| {
        let mut words = words.iter();
        words.any(|word| memmem::find(text.as_bytes(), word.as_bytes()).is_some())
    };
    let of_library: Vec<bool> = (files.par_iter())
        .map(|file| file.is_python() && names_one(&file.text))
        .collect();
    let is_single = of_library.iter().filter(|it| **it).count() < 2;
    if is_single || !options.only.is_empty() {
        return Vec::new();
    }
    let programs = together(files, contacts(files, options.settings.python));
    let mut split: Vec<Vec<FileId>> = Vec::new();
    let mut number: FxHashMap<usize, usize> = FxHashMap::default();
    for (program, of_library) in programs.iter().zip(&of_library) {
        if *of_library && !number.contains_key(program) {
            number.insert(*program, split.len());
            split.push(Vec::new());
        }
    }
    let tests = files.iter().position(is_of_tests);
    let tests = tests.map_or(0, |index| programs[index]);
    for (index, program) in programs.iter().enumerate() {
        let program = if files[index].is_python() {
            program
        } else {
            &tests
        };
        let number = number.get(program).copied().unwrap_or(0);
        split[number].push(FileId(u32::try_from(index).unwrap_or(u32::MAX)));
    }
    split
}

fn is_of_tests(file: &Input) -> bool {
    let tells = |word: &&str| memmem::find(file.text.as_bytes(), word.as_bytes()).is_some();
    file.is_python() && (is_test(&file.path) || TESTING.iter().any(tells))
}

/// For each file its program, where those are given that import each other.
fn together(files: &[Input], mut programs: Vec<usize>) -> Vec<usize> {
    let mut by_name: FxHashMap<&str, usize> = FxHashMap::default();
    for (index, file) in files.iter().enumerate().filter(|(_, it)| it.is_python()) {
        by_name.entry(&file.module).or_insert(index);
    }
    let packages: FxHashSet<&str> = files
        .iter()
        .filter(|file| file.is_package)
        .map(|file| &*file.module)
        .collect();
    let named: Vec<Vec<usize>> = (files.par_iter())
        .map(|file| named_in_strings(&file.text, &by_name))
        .collect();
    let mut joined: Vec<(usize, usize)> = Vec::new();
    let mut tests = None;
    for (index, file) in files.iter().enumerate().filter(|(_, it)| it.is_python()) {
        let dots = file.module.match_indices('.').map(|(at, _)| at);
        let mut above = dots.chain([file.module.len()]).map(|at| &file.module[..at]);
        let package = above.find(|it| packages.contains(it) && !is_script(&file.text));
        joined.extend(
            package
                .and_then(|it| by_name.get(it))
                .map(|it| (index, *it)),
        );
        joined.extend(named[index].iter().map(|it| (index, *it)));
        if is_of_tests(file) {
            joined.push((index, *tests.get_or_insert(index)));
        }
    }
    let mut first: Vec<usize> = (0..files.len()).collect();
    for (a, b) in joined {
        let (a, b) = (root(&mut first, programs[a]), root(&mut first, programs[b]));
        first[a.max(b)] = a.min(b);
    }
    for program in &mut programs {
        *program = root(&mut first, *program);
    }
    programs
}

/// Whether it is text that is run, and not imported.
fn is_script(text: &str) -> bool {
    let runs = |line: &str| {
        let ways = [".run(", ".run_until_complete(", ".run_forever("];
        let at_module = line.starts_with(|it: char| it.is_alphabetic() || it == '_');
        at_module && ways.iter().any(|way| line.contains(way))
    };
    text.contains("__main__") || text.lines().any(runs)
}

/// The files of modules that are named between quotes, by a dotted name or one with a colon behind it.
fn named_in_strings(text: &str, by_name: &FxHashMap<&str, usize>) -> Vec<usize> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(quote) = memchr2(b'"', b'\'', &bytes[at..]) {
        let start = at + quote + 1;
        let length = bytes[start..]
            .iter()
            .take_while(|byte| is_part(byte))
            .count();
        at = start + length;
        let is_path = matches!(bytes.get(at), Some(b':' | b'"' | b'\''));
        let mut name = Some(&text[start..at]).filter(|it| is_path && !it.is_empty());
        let has_colon = bytes.get(at) == Some(&b':');
        if !has_colon && !name.is_some_and(|it| it.contains('.')) {
            continue;
        }
        while let Some(module) = name {
            if let Some(file) = by_name.get(module) {
                found.push(*file);
                break;
            }
            name = module.rsplit_once('.').map(|it| it.0);
        }
    }
    found
}

/// Plans the migration of each program, and makes one plan of all.
pub(crate) fn migrate_each(
    programs: &[Vec<FileId>],
    files: &[Input],
    catalog: &Catalog,
    options: &Options,
) -> Migration {
    // What the project depends on is found out for all together.
    let mut own = options.clone();
    own.project.clear();
    let migrations = programs.par_iter().map(|program| {
        let inputs: Vec<Input> = (program.iter())
            .map(|file| files[file.0 as usize].clone())
            .collect();
        let mut migration = migrate_program(&inputs, catalog, &own);
        renumber(&mut migration, program);
        (migration, through::leads(&inputs, options))
    });
    let (migrations, through): (Vec<Migration>, Vec<bool>) = migrations.collect();
    let mut whole = join(migrations);
    if through.contains(&true) {
        depend(Target::Asyncio, files, catalog, options, &mut whole);
    }
    depend(options.target, files, catalog, options, &mut whole);
    whole
}

/// Gives the files of a program the numbers that they have among all.
fn renumber(migration: &mut Migration, program: &[FileId]) {
    let file = |it: &mut FileId| *it = program[it.0 as usize];
    let place = |it: &mut Place| file(&mut it.file);
    for (change, _) in &mut migration.plan.changes {
        place(&mut change.place);
        change.covers.iter_mut().for_each(place);
        change.requires.iter_mut().for_each(place);
        change.edits.iter_mut().for_each(|(it, _)| file(it));
    }
    migration.plan.texts.iter_mut().for_each(|(it, _)| file(it));
    migration
        .uses
        .iter_mut()
        .for_each(|it| place(&mut it.place));
    migration
        .unreadable
        .iter_mut()
        .for_each(|it| file(&mut it.file));
    for module in &mut migration.modules {
        file(&mut module.file);
        module.left.iter_mut().for_each(|(it, _)| place(it));
    }
    for step in &mut migration.steps {
        step.files.iter_mut().for_each(file);
    }
}

/// One migration of those of several programs.
fn join(migrations: Vec<Migration>) -> Migration {
    let mut whole = Migration::default();
    let mut groups = 0;
    for mut it in migrations {
        let own = it
            .plan
            .changes
            .iter_mut()
            .filter_map(|(it, _)| it.together.as_mut());
        let own = own.map(|group| {
            *group += groups;
            *group + 1
        });
        groups = own.max().unwrap_or(groups);
        whole.plan.changes.append(&mut it.plan.changes);
        whole.plan.texts.append(&mut it.plan.texts);
        whole.plan.withdrawn.append(&mut it.plan.withdrawn);
        whole.uses.append(&mut it.uses);
        whole.modules.append(&mut it.modules);
        whole.steps.append(&mut it.steps);
        whole.unreadable.append(&mut it.unreadable);
        whole.functions += it.functions;
        whole.async_functions += it.async_functions;
        let calls = whole.becoming_async.len().max(it.becoming_async.len());
        whole.becoming_async.resize(calls, 0);
        for (all, own) in whole.becoming_async.iter_mut().zip(it.becoming_async) {
            *all += own;
        }
        whole.relies_on = whole.relies_on.max(it.relies_on);
    }
    whole.plan.changes.sort_by_key(|(change, _)| change.place);
    whole.plan.texts.sort_by_key(|(file, _)| *file);
    whole
        .uses
        .sort_by(|a, b| (a.place, &a.api).cmp(&(b.place, &b.api)));
    whole.modules.sort_by_key(|it| it.file);
    whole.unreadable.sort_by_key(|it| it.file);
    whole
}
