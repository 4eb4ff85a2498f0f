//! `cargo xtask generate`: the files that are made from others.
//!
//! | file | from |
//! | --- | --- |
//! | `crates/loopshift_rules/src/rules/mod.rs` | the files beside it |
//! | the list in `crates/loopshift_rules/src/registry.rs` | the pages of the rules |
//! | `docs/rules/README.md` | the pages |
//! | `docs/cli.md` | what the program says of its commands |
//! | `docs/schemas/*.json` | the types that the program prints as JSON |
//! | `docs/images/diff.svg` | what the program prints for `examples/crawler` |

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;

use crate::picture::picture;
use crate::{Result, root, tool};

/// Whether to write.
#[derive(Args)]
pub(crate) struct Options {
    /// Write nothing; fail if a file is not what it would be
    #[arg(long)]
    check: bool,
}

/// Writes the files, or checks them: false if one is out of date.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let mut files = Vec::new();
    files.push(modules()?);
    files.push(registry()?);
    files.push(index()?);
    // What the program says is known only once the registry is right, and the program built with it.
    if !options.check {
        write(&files)?;
    }
    let loopshift = tool::build(false)?;
    files.push(reference(&loopshift)?);
    files.push(picture(&loopshift)?);
    files.extend(schemas(&loopshift)?);
    if !options.check {
        write(&files)?;
        return Ok(true);
    }
    let stale: Vec<&PathBuf> = files
        .iter()
        .filter(|(path, text)| !is_written(path, text))
        .map(|(path, _)| path)
        .collect();
    for path in &stale {
        eprintln!(
            "{} is out of date: run `cargo xtask generate`",
            path.display()
        );
    }
    Ok(stale.is_empty())
}

/// Writes the registry of the rules.
pub(crate) fn write_registry() -> Result<()> {
    write(&[modules()?, registry()?])
}

/// Writes the index of the rules.
pub(crate) fn write_index() -> Result<()> {
    write(&[index()?])
}

fn write(files: &[(PathBuf, String)]) -> Result<()> {
    for (path, text) in files {
        if !is_written(path, text) {
            let error = |error| format!("{}: {error}", path.display());
            if let Some(directory) = path.parent() {
                fs::create_dir_all(directory).map_err(error)?;
            }
            fs::write(path, text).map_err(error)?;
            println!("wrote {}", path.display());
        }
    }
    Ok(())
}

fn is_written(path: &Path, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|written| written == text)
}

/// The names of the files in a directory with this ending, without it, sorted. None where there is no directory.
fn names(directory: &Path, ending: &str) -> Result<Vec<String>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let error = |error| format!("{}: {error}", directory.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(error)? {
        let name = entry.map_err(error)?.file_name();
        if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(ending)) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn pages() -> Result<Vec<String>> {
    let mut pages = names(&root().join("docs/rules"), ".md")?;
    pages.retain(|name| name != "README");
    Ok(pages)
}

/// The modules of the rules: files and directories in `src/rules`.
fn rule_modules() -> Result<Vec<String>> {
    let directory = root().join("crates/loopshift_rules/src/rules");
    let error = |error| format!("{}: {error}", directory.display());
    let mut modules = Vec::new();
    for entry in fs::read_dir(&directory).map_err(error)? {
        let path = entry.map_err(error)?.path();
        let is_module =
            path.join("mod.rs").exists() || path.extension().is_some_and(|ending| ending == "rs");
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        // A directory without `mod.rs` holds the parts of the file of its name.
        if is_module && name != "mod" {
            modules.push(name.to_owned());
        }
    }
    modules.sort();
    Ok(modules)
}

/// The declarations of the modules.
fn modules() -> Result<(PathBuf, String)> {
    let mut text = String::from("//! The rules, one a file.\n\n");
    for module in rule_modules()? {
        // Writing to a string does not fail.
        let _ = writeln!(text, "pub(crate) mod {module};");
    }
    Ok((root().join("crates/loopshift_rules/src/rules/mod.rs"), text))
}

/// The list of the rules, in the file that says what a rule is. Every module there is a rule, and has a page.
fn registry() -> Result<(PathBuf, String)> {
    let path = root().join("crates/loopshift_rules/src/registry.rs");
    let old = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (head, rest) = old
        .split_once(LIST)
        .ok_or_else(|| format!("{} has no `{LIST}`", path.display()))?;
    let (_, tail) = rest
        .split_once("\n];\n")
        .ok_or_else(|| format!("the list in {} has no end", path.display()))?;
    let modules = rule_modules()?;
    let pages = pages()?;
    let has_page = |module: &String| pages.contains(&module.replace('_', "-"));
    if let Some(module) = modules.iter().find(|module| !has_page(module)) {
        return Err(format!(
            "src/rules/{module}.rs is no rule: it has no page. What several rules need stands in src/common"
        ));
    }
    let mut list = String::new();
    for page in &pages {
        let module = page.replace('-', "_");
        if !modules.contains(&module) {
            return Err(format!(
                "the page docs/rules/{page}.md has no rule src/rules/{module}.rs"
            ));
        }
        // Writing to a string does not fail.
        let _ = write!(
            list,
            "\n    Rule {{\n        name: \"{page}\",\n        plan: rules::{module}::plan,\n        page: include_str!(\"../../../docs/rules/{page}.md\"),\n    }},"
        );
    }
    Ok((path, format!("{head}{LIST}{list}\n];\n{tail}")))
}

/// Where the list of the rules begins.
const LIST: &str = "pub const RULES: &[Rule] = &[";

/// The index: every page with its first sentence and the first sentence on its safety.
fn index() -> Result<(PathBuf, String)> {
    let mut text = String::from(
        "# The rules\n\n<!-- `cargo xtask generate` makes this file from the pages. -->\n\n| rule | what it does | safety |\n| --- | --- | --- |\n",
    );
    for name in pages()? {
        let path = root().join(format!("docs/rules/{name}.md"));
        let page =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (head, _) = page.split_once("\n## ").unwrap_or((&page, ""));
        let what = sentence(head.split_once('\n').map_or("", |(_, rest)| rest));
        let safety = page
            .split_once("\n## Safety\n")
            .map_or("", |(_, rest)| rest);
        let safety = sentence(safety.split("\n## ").next().unwrap_or(safety));
        // Writing to a string does not fail.
        let _ = writeln!(text, "| [{name}]({name}.md) | {what} | {safety} |");
    }
    Ok((root().join("docs/rules/README.md"), text))
}

/// The first sentence of a text, on one line, for a cell of a table.
fn sentence(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = words.find(". ").map_or(words.len(), |end| end + 1);
    words[..end].replace('|', "\\|")
}

/// The reference of the command line: what the program and each of its commands say of themselves.
fn reference(loopshift: &Path) -> Result<(PathBuf, String)> {
    let all = help(loopshift, None)?;
    let mut text = String::from(
        "# The command line\n\n<!-- `cargo xtask generate` makes this file from the program. -->\n",
    );
    let mut add = |title: &str, help: &str| {
        // Writing to a string does not fail.
        let _ = write!(text, "\n## {title}\n\n```text\n{}\n```\n", help.trim_end());
    };
    add("loopshift", &all);
    let commands = all
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help");
    for command in commands {
        add(
            &format!("loopshift {command}"),
            &help(loopshift, Some(command))?,
        );
    }
    Ok((root().join("docs/cli.md"), text))
}

/// The schemas of what the commands print as JSON.
fn schemas(loopshift: &Path) -> Result<Vec<(PathBuf, String)>> {
    let schema = |command: &str| {
        let text = printed(loopshift, &["schema", command])?;
        let path = root().join(format!("docs/schemas/{command}.json"));
        Ok((path, text))
    };
    ["scan", "migrate", "verify", "undo", "graph", "explain"]
        .map(schema)
        .into_iter()
        .collect()
}

fn help(loopshift: &Path, command: Option<&str>) -> Result<String> {
    let arguments: Vec<&str> = command.into_iter().chain(["--help"]).collect();
    let text = printed(loopshift, &arguments)?;
    // Lines that only align end in blanks, which editors like to remove.
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    Ok(lines.join("\n"))
}

fn printed(loopshift: &Path, arguments: &[&str]) -> Result<String> {
    let mut line = Command::new(loopshift);
    line.args(arguments)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    let output = line
        .output()
        .map_err(|error| format!("{line:?}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() && !text.trim().is_empty() {
        Ok(text)
    } else {
        Err(format!("{line:?} prints nothing ({})", output.status))
    }
}
