//! `cargo xtask new-rule NAME`: the file of a rule, its page, its place in the registry.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use clap::Args;

use crate::{Result, generate, root};

/// Which rule.
#[derive(Args)]
pub(crate) struct Options {
    /// The name, in kebab-case: anyio-sleep
    name: String,
}

/// Writes the files. What is there already is never overwritten.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let name = &options.name;
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) || !name.split('-').all(word) {
        return Err(format!("`{name}` is not in kebab-case"));
    }
    let rules = root().join("crates/loopshift_rules/src/rules");
    let rule = rules.join(format!("{}.rs", name.replace('-', "_")));
    let page = root().join(format!("docs/rules/{name}.md"));
    if let Some(there) = [&rule, &page].into_iter().find(|path| path.exists()) {
        return Err(format!("{} is there already", there.display()));
    }
    create(
        &rule,
        &include_str!("../templates/rule.rs").replace("{name}", name),
    )?;
    create(
        &page,
        &include_str!("../templates/page.md").replace("{name}", name),
    )?;
    generate::write_registry()?;
    generate::write_index()?;
    println!(
        "Write the page first: {}\nthen the rule:        {}",
        page.display(),
        rule.display()
    );
    Ok(true)
}

fn create(path: &Path, text: &str) -> Result<()> {
    let error = |error| format!("{}: {error}", path.display());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(error)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(error)?;
    file.write_all(text.as_bytes()).map_err(error)
}
