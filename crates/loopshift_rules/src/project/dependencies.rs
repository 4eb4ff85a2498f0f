//! After a migration: the packages that it brings in join the dependencies of the project.

use std::collections::BTreeMap;

use loopshift_engine::change::{Change, FileId, Outcome, Place, Plan};
use loopshift_engine::externals::Externals;
use loopshift_engine::program::Input;
use loopshift_python::{PythonVersion, TextRange, TextSize};

use super::bounds::ensure;
use super::list::{Patch, Role, patched};
use super::need::{Need, need};
use super::version::newest_anyio;
use super::{Found, ProjectFile, is_requirements, plugin, read, text_of};
use crate::catalog::{Catalog, Version};

/// The rule under whose name the changes stand.
pub(crate) const RULE: &str = "anyio-dependencies";

/// Adds `anyio` to the dependency files of the project where the plan brings it into the program.
pub(crate) fn add(
    files: &[Input],
    project: &[ProjectFile],
    plan: &mut Plan,
    relies_on: Option<Version>,
    python: PythonVersion,
    externals: &dyn Externals,
    catalog: &Catalog,
) {
    if project.is_empty() {
        return;
    }
    let Some(mut need) = need(files, plan, python, externals, catalog) else {
        return;
    };
    // With an older one a second run would find other forms, or other reasons to stay.
    need.version = relies_on.map_or(need.version, |version| need.version.max(version));
    join(files, project, plan, need);
    say_if_too_new(files, project, plan, need);
    plugin::remove(files, project, plan);
}

/// Says so where the project allows a Python that the `AnyIO` which the code needs can't be installed on.
fn say_if_too_new(files: &[Input], project: &[ProjectFile], plan: &mut Plan, need: Need) {
    let mut allowing = project.iter().filter_map(|file| {
        let python = read(&file.name, text_of(files, file)).python?;
        Some((file, python))
    });
    let Some((file, python)) = allowing.next() else {
        return;
    };
    let newest = newest_anyio(python);
    if need.version <= newest {
        return;
    }
    let place = Place {
        file: file.file,
        range: TextRange::default(),
    };
    let reason = format!(
        "the code needs `anyio>={}`, and the project allows Python {python}, for which {newest} is the newest: \
         allow no Python that old, or migrate with `--anyio-version {newest}`",
        need.version
    );
    let change = Change::declined(need.rule, place, need.package, reason.clone());
    plan.changes.push((change, Outcome::Declined { reason }));
}

/// The server of WSGI applications, and what runs them in threads.
const SERVERS: &[(&str, Version)] = &[
    ("uvicorn", Version::new(0, 30)),
    ("a2wsgi", Version::new(1, 10)),
    ("websockets", Version::new(14, 0)),
];

/// Adds what serves WSGI applications, and what runs async tests, where the plan brings it into the program.
pub(crate) fn add_for_asyncio(files: &[Input], project: &[ProjectFile], plan: &mut Plan) {
    if project.is_empty() {
        return;
    }
    let is_new = |plan: &Plan, has: &dyn Fn(&str) -> bool| {
        plan.texts.iter().any(|(file, text)| {
            let input = &files[file.0 as usize];
            input.is_python() && has(text) && !has(&input.text)
        })
    };
    for (package, version) in SERVERS {
        let imports = [
            format!("import {package}"),
            format!("from {package} import "),
        ];
        let starts = |line: &str| imports.iter().any(|import| line.starts_with(import));
        if is_new(plan, &|text| text.lines().any(starts)) {
            let need = Need {
                package,
                rule: "green-wsgi",
                version: *version,
                only_tests: false,
            };
            join(files, project, plan, need);
        }
    }
    let words = ["mark.asyncio", "pytest_asyncio"];
    if is_new(plan, &|text| words.iter().any(|word| text.contains(word))) {
        let need = Need {
            package: "pytest-asyncio",
            rule: super::unneeded::RULE,
            version: Version::new(0, 24),
            only_tests: true,
        };
        join(files, project, plan, need);
    }
    super::unneeded::remove(files, project, plan);
}

/// Writes a package into the files that say what the project depends on.
fn join(files: &[Input], project: &[ProjectFile], plan: &mut Plan, need: Need) {
    // What the plan already makes of these files.
    let mut texts: BTreeMap<FileId, String> = std::mem::take(&mut plan.texts).into_iter().collect();
    let known: Vec<(&ProjectFile, String)> = project
        .iter()
        .map(|file| {
            let text = texts.get(&file.file).map(String::as_str);
            (
                file,
                text.unwrap_or_else(|| text_of(files, file)).to_owned(),
            )
        })
        .collect();
    for (index, result) in additions(&known, need) {
        let (file, text) = &known[index];
        let bound = format!("{}>={}", need.package, need.version);
        let at = |offset: usize| Place {
            file: file.file,
            range: TextRange::empty(TextSize::try_from(offset).unwrap_or_default()),
        };
        let result = match result {
            Ok(_) if !file.writable => Err(format!(
                "it is outside the given paths: add `{bound}` to it"
            )),
            result => result,
        };
        match result {
            Ok(patches) => {
                let offset = patches.first().map_or(0, |(range, _)| range.start);
                let original = text_of(files, file).len();
                let message = format!("`{bound}` joins the dependencies");
                let change =
                    Change::new(need.rule, at(offset.min(original)), need.package, message);
                plan.changes.push((change, Outcome::Applied));
                texts.insert(file.file, patched(text, patches));
            }
            Err(reason) => {
                let change = Change::declined(need.rule, at(0), need.package, reason.clone());
                plan.changes.push((change, Outcome::Declined { reason }));
            }
        }
    }
    plan.texts = texts.into_iter().collect();
}

type Result<T> = std::result::Result<T, String>;

/// What to write in which file, by its index; or why nothing.
fn additions(project: &[(&ProjectFile, String)], need: Need) -> Vec<(usize, Result<Vec<Patch>>)> {
    let found: Vec<Found> = project
        .iter()
        .map(|(file, text)| read(&file.name, text))
        .collect();
    let name = |index: usize| project[index].0.name.as_str();
    let index_of = |wanted: &str| project.iter().position(|(file, _)| file.name == wanted);
    if need.only_tests {
        return tests(project, &found, need).into_iter().collect();
    }
    let mut out = Vec::new();
    let mut known: Vec<String> = Vec::new();
    let mut from_files: Vec<usize> = Vec::new();
    let metadata = ["pyproject.toml", "setup.cfg", "setup.py"]
        .iter()
        .filter_map(|name| index_of(name))
        .filter(|index| says_what_it_needs(&found[*index]))
        .collect::<Vec<_>>();
    // Where one file leaves it to another, that one is asked first.
    let chosen = metadata
        .iter()
        .find(|index| !found[**index].elsewhere)
        .or(metadata.first());
    for index in chosen.copied().into_iter().chain(index_of("Pipfile")) {
        let text = &project[index].1;
        let file = &found[index];
        for named in &file.runtime_files {
            match index_of(named) {
                Some(other) => from_files.push(other),
                None => out.push((
                    index,
                    Err(format!(
                        "its dependencies stand in `{named}`, which was not read: add `{}>={}` there",
                        need.package, need.version
                    )),
                )),
            }
        }
        for list in file.lists.iter().filter(|list| list.role == Role::Runtime) {
            known.extend(list.entries.iter().map(|entry| entry.name.clone()));
            out.extend(ensure(list, text, need).map(|result| (index, result)));
        }
        if let Some(reason) = &file.reason {
            let reason = format!("{reason}: add `{}>={}` to them", need.package, need.version);
            out.push((index, Err(reason)));
        }
    }
    known.retain(|name| !name.is_empty());
    for (index, file) in found.iter().enumerate() {
        let wanted = from_files.contains(&index)
            || is_requirements(name(index)) && is_runtime(index, &found, &known, name);
        if !wanted {
            continue;
        }
        for list in &file.lists {
            out.extend(ensure(list, &project[index].1, need).map(|result| (index, result)));
        }
        if let Some(reason) = file.reason.as_ref().filter(|it| !it.contains("itself")) {
            out.push((index, Err(reason.clone())));
        }
    }
    out
}

fn says_what_it_needs(found: &Found) -> bool {
    found.lists.iter().any(|list| list.role == Role::Runtime)
        || !found.runtime_files.is_empty()
        || found.reason.is_some()
}

/// Whether a file with requirements holds those of the program: by its name, and by what it shares with the project's own.
fn is_runtime<'n>(
    index: usize,
    found: &[Found],
    known: &[String],
    name: impl Fn(usize) -> &'n str,
) -> bool {
    if !super::is_runtime_requirements(name(index)) {
        return false;
    }
    let Some(list) = found[index].lists.first() else {
        // It is not understood, and is told of where nothing else says what the project needs.
        return known.is_empty();
    };
    known.is_empty() || list.entries.iter().any(|entry| known.contains(&entry.name))
}

/// What only tests use goes beside the plugin that they had.
fn tests(
    project: &[(&ProjectFile, String)],
    found: &[Found],
    need: Need,
) -> Option<(usize, Result<Vec<Patch>>)> {
    let lists = || {
        found
            .iter()
            .enumerate()
            .flat_map(|(index, file)| file.lists.iter().map(move |list| (index, list)))
    };
    let holder = |name: &str| lists().find(|(_, list)| list.get(name).is_some());
    if let Some((index, list)) = holder(need.package) {
        return ensure(list, &project[index].1, need).map(|result| (index, result));
    }
    if let Some((index, list)) = holder("pytest-asyncio").or_else(|| holder("pytest")) {
        return ensure(list, &project[index].1, need).map(|result| (index, result));
    }
    let index = found.iter().position(says_what_it_needs)?;
    let reason = format!(
        "only tests use `{0}`, and no list here holds pytest: add `{0}>={1}` to what they need",
        need.package, need.version
    );
    Some((index, Err(reason)))
}

#[cfg(test)]
mod tests {
    use super::{Need, ProjectFile, additions, patched};
    use crate::catalog::Version;
    use loopshift_engine::change::FileId;

    /// The files after `anyio>=4.15` was needed, and the reasons where it was not added.
    fn added(files: &[(&str, &str)], only_tests: bool) -> (Vec<String>, Vec<String>) {
        let list: Vec<ProjectFile> = files
            .iter()
            .map(|(name, _)| ProjectFile {
                file: FileId(0),
                name: (*name).to_owned(),
                writable: true,
            })
            .collect();
        let project: Vec<_> = list
            .iter()
            .zip(files)
            .map(|(file, (_, text))| (file, (*text).to_owned()))
            .collect();
        let need = Need {
            package: "anyio",
            rule: super::RULE,
            version: Version::new(4, 15),
            only_tests,
        };
        let mut texts: Vec<String> = files.iter().map(|(_, text)| (*text).to_owned()).collect();
        let mut reasons = Vec::new();
        for (index, result) in additions(&project, need) {
            match result {
                Ok(patches) => texts[index] = patched(&texts[index], patches),
                Err(reason) => reasons.push(reason),
            }
        }
        (texts, reasons)
    }

    fn one(name: &str, text: &str) -> String {
        let (texts, reasons) = added(&[(name, text)], false);
        assert_eq!(reasons, Vec::<String>::new());
        let again = added(&[(name, &texts[0])], false);
        assert_eq!(again, (texts.clone(), Vec::new()), "a second time");
        texts.into_iter().next().unwrap_or_default()
    }

    #[test]
    fn arrays_keep_their_style() {
        let text = "[project]\nname = \"x\"\ndependencies = ['a', 'b>=2']  # why\n";
        assert_eq!(
            one("pyproject.toml", text),
            "[project]\nname = \"x\"\ndependencies = ['a', 'anyio>=4.15', 'b>=2']  # why\n"
        );
        let text = "[project]\ndependencies = [\n    \"zope\",  # last\n    \"a\"  # first\n]\n";
        assert_eq!(
            one("pyproject.toml", text),
            "[project]\ndependencies = [\n    \"zope\",  # last\n    \"a\",  # first\n    \"anyio>=4.15\"\n]\n"
        );
        let text = "[project]\r\ndependencies = [\r\n  \"a\",\r\n  # b\r\n  \"b\",\r\n]\r\n";
        assert_eq!(
            one("pyproject.toml", text),
            "[project]\r\ndependencies = [\r\n  \"a\",\r\n  \"anyio>=4.15\",\r\n  # b\r\n  \"b\",\r\n]\r\n"
        );
        let text = "[project]\ndependencies = [\n  \"b\",\n  \"a\"]\n";
        assert_eq!(
            one("pyproject.toml", text),
            "[project]\ndependencies = [\n  \"b\",\n  \"a\",\n  \"anyio>=4.15\"]\n"
        );
        assert_eq!(
            one("pyproject.toml", "[project]\ndependencies = []\n"),
            "[project]\ndependencies = [\"anyio>=4.15\"]\n"
        );
        assert_eq!(
            one(
                "pyproject.toml",
                "[project]\ndependencies = [\n  # none yet\n]\n"
            ),
            "[project]\ndependencies = [\n  # none yet\n  \"anyio>=4.15\",\n]\n"
        );
        assert_eq!(
            one("pyproject.toml", "[project]\ndependencies = [\n]\n"),
            "[project]\ndependencies = [\n    \"anyio>=4.15\",\n]\n"
        );
        assert_eq!(
            one(
                "pyproject.toml",
                "[project]\nname = \"x\"\nversion = \"1\"\n\n[tool.x]\na = 1\n"
            ),
            "[project]\nname = \"x\"\nversion = \"1\"\ndependencies = [\"anyio>=4.15\"]\n\n[tool.x]\na = 1\n"
        );
    }

    #[test]
    fn tables_get_a_line() {
        let text = "[tool.poetry.dependencies]\npython = \"^3.10\"\nhttpx = \"*\"  # x\nuvloop = { version = \"1\", optional = true }\n";
        assert_eq!(
            one("pyproject.toml", text),
            "[tool.poetry.dependencies]\npython = \"^3.10\"\nanyio = \">=4.15\"\nhttpx = \"*\"  # x\nuvloop = { version = \"1\", optional = true }\n"
        );
        assert_eq!(
            one("Pipfile", "[packages]\nrequests = \"*\"\nanyio = \"*\"\n"),
            "[packages]\nrequests = \"*\"\nanyio = \">=4.15\"\n"
        );
        assert_eq!(
            one("Pipfile", "[packages]\n"),
            "[packages]\nanyio = \">=4.15\"\n"
        );
    }

    #[test]
    fn lines_are_sorted_in() {
        assert_eq!(
            one("requirements.txt", "aiohttp==3\n# b is\nb"),
            "aiohttp==3\nanyio>=4.15\n# b is\nb"
        );
        assert_eq!(one("requirements.txt", "b\na"), "b\na\nanyio>=4.15\n");
        assert_eq!(
            one(
                "setup.cfg",
                "[options]\ninstall_requires =\n    b\n    c>1 # x\n[x]\ny = 1\n"
            ),
            "[options]\ninstall_requires =\n    anyio>=4.15\n    b\n    c>1 # x\n[x]\ny = 1\n"
        );
    }

    #[test]
    fn setup_py_is_read_where_it_is_static() {
        let text = "from setuptools import setup\nneeds = ['b', 'a']\nsetup(name='x', install_requires=needs)\n";
        assert_eq!(
            one("setup.py", text),
            "from setuptools import setup\nneeds = ['b', 'a', 'anyio>=4.15']\nsetup(name='x', install_requires=needs)\n"
        );
        let text =
            "from setuptools import setup\nsetup(install_requires=open('r').read().split())\n";
        let (texts, reasons) = added(&[("setup.py", text)], false);
        assert_eq!(texts, [text]);
        assert_eq!(
            reasons,
            ["its requirements are computed: add `anyio>=4.15` to them"]
        );
    }

    #[test]
    fn what_is_enough_stays_and_what_is_not_is_raised_or_told_of() {
        for text in [
            "anyio>=4.15\n",
            "anyio==4.16.0\n",
            "anyio @ https://example.org/anyio.whl\n",
        ] {
            assert_eq!(one("requirements.txt", text), text);
        }
        assert_eq!(
            one("requirements.txt", "anyio >= 4.0, <5\n"),
            "anyio >=4.15, <5\n"
        );
        assert_eq!(
            one("requirements.txt", "anyio[trio]\n"),
            "anyio[trio]>=4.15\n"
        );
        assert_eq!(
            one("requirements.txt", "anyio<5; python_version>'3'\n"),
            "anyio<5,>=4.15; python_version>'3'\n"
        );
        for text in ["anyio==4.3.0\n", "anyio>=3,<4\n", "anyio<4.10\n"] {
            let (texts, reasons) = added(&[("requirements.txt", text)], false);
            assert_eq!(texts, [text]);
            assert_eq!(reasons.len(), 1, "{text}");
        }
    }

    #[test]
    fn a_dynamic_list_leads_to_the_file_that_holds_it() {
        let pyproject = "[project]\nname = \"x\"\ndynamic = [\"dependencies\"]\n[tool.setuptools.dynamic]\ndependencies = {file = [\"requirements/core.txt\"]}\n";
        let (_, reasons) = added(&[("pyproject.toml", pyproject)], false);
        assert_eq!(reasons.len(), 1);
        assert!(reasons[0].contains("`requirements/core.txt`, which was not read"));
        let (texts, reasons) = added(
            &[
                ("pyproject.toml", pyproject),
                ("requirements/core.txt", "a\n"),
            ],
            false,
        );
        assert_eq!(
            (texts[1].as_str(), reasons),
            ("a\nanyio>=4.15\n", Vec::new())
        );
        let (texts, reasons) = added(
            &[
                (
                    "pyproject.toml",
                    "[project]\nname = \"x\"\ndynamic = [\"dependencies\"]\n",
                ),
                ("setup.cfg", "[options]\ninstall_requires =\n  a\n"),
            ],
            false,
        );
        assert_eq!(reasons, Vec::<String>::new());
        assert_eq!(
            texts[1],
            "[options]\ninstall_requires =\n  a\n  anyio>=4.15\n"
        );
        let (texts, reasons) = added(
            &[(
                "pyproject.toml",
                "[project]\nname = \"x\"\ndynamic = [\"dependencies\"]\n",
            )],
            false,
        );
        assert!(texts[0].ends_with("]\n"));
        assert_eq!(
            reasons,
            ["its dependencies are computed (`dynamic`): add `anyio>=4.15` to them"]
        );
    }

    #[test]
    fn requirements_of_something_else_and_locked_ones_stay() {
        let pyproject = "[project]\ndependencies = [\"httpx\"]\n";
        let (texts, reasons) = added(
            &[
                ("pyproject.toml", pyproject),
                ("requirements.txt", "sphinx\nfuro\n"),
            ],
            false,
        );
        assert_eq!((texts[1].as_str(), reasons), ("sphinx\nfuro\n", Vec::new()));
        let (texts, _) = added(
            &[
                ("pyproject.toml", pyproject),
                ("requirements.txt", "httpx==1\n"),
            ],
            false,
        );
        assert_eq!(texts[1], "httpx==1\nanyio>=4.15\n");
        let (texts, reasons) = added(
            &[("requirements.txt", "httpx==1 --hash=sha256:00\n")],
            false,
        );
        assert_eq!(
            (texts[0].as_str(), reasons.len()),
            ("httpx==1 --hash=sha256:00\n", 1)
        );
    }

    #[test]
    fn what_only_tests_need_goes_beside_their_plugin() {
        let text = "[project]\nname = \"x\"\ndependencies = []\n[dependency-groups]\ntest = [\"pytest>=8\", \"pytest-asyncio\"]\n";
        let (texts, reasons) = added(&[("pyproject.toml", text)], true);
        assert_eq!(reasons, Vec::<String>::new());
        assert!(
            texts[0].ends_with("test = [\"anyio>=4.15\", \"pytest>=8\", \"pytest-asyncio\"]\n"),
            "{}",
            texts[0]
        );
        assert!(texts[0].contains("dependencies = []\n"));
    }
}
