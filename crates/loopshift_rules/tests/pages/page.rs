//! What stands on a page: sections, and examples made of fenced blocks.

use std::collections::BTreeMap;

/// The sections that a page has, in this order. Others may stand between them.
const SECTIONS: &[&str] = &[
    "What it does",
    "Why",
    "Example",
    "When it declines",
    "Safety",
];

/// A page.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its examples in order.
    pub examples: Vec<Example>,
}

/// Files before and after, with how they are migrated.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Example {
    /// The line of its first block.
    pub line: usize,
    /// The files before, by name.
    pub before: BTreeMap<String, String>,
    /// The files after. A file that isn't there doesn't change.
    pub after: BTreeMap<String, String>,
    /// Whether nothing may change.
    pub declined: bool,
    /// How it is migrated and run.
    pub options: Options,
}

/// How an example is migrated and run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// `unsafe`: unsafe changes are included.
    pub unsafe_changes: bool,
    /// `anyio=4.0`: the oldest AnyIO.
    pub anyio: Option<String>,
    /// `target-version=py39`.
    pub target_version: Option<String>,
    /// `run` or `run=main.py`: the file that is run before and after.
    pub run: Option<String>,
    /// `backends=asyncio`: only on this one. On both otherwise.
    pub backend: Option<String>,
    /// Whether green threads become asyncio: by the name of the page.
    pub to_asyncio: bool,
    /// `only=app.store`: only this part moves, and the rest needs its library still.
    pub only: Option<String>,
    /// `bridge=thread`: what runs in threads.
    pub bridge: Option<String>,
    /// `removes=1`: how many comments go.
    pub removes: usize,
}

/// The name of a file that has none.
const DEFAULT_NAME: &str = "main.py";

/// What a block is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Before,
    After,
    Declined,
}

impl Page {
    /// Reads the page of the rule `name`. An error in words where it has not the shape of a page.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Page, String> {
        if text.lines().next() != Some(&format!("# {name}")) {
            return Err(format!("a page begins with its rule: `# {name}`"));
        }
        let (mut page, sections) = Page::read(text)?;
        for example in &mut page.examples {
            example.options.to_asyncio = name.starts_with("green-");
        }
        let known: Vec<&str> = sections
            .iter()
            .map(String::as_str)
            .filter(|section| SECTIONS.contains(section))
            .collect();
        if known != SECTIONS {
            return Err(format!(
                "the sections are {sections:?}; a page has {SECTIONS:?} in this order"
            ));
        }
        Ok(page)
    }

    /// Reads a guide, or further cases: examples under any headings. `to_asyncio` says where they lead to.
    pub(crate) fn parse_loose(text: &str, to_asyncio: bool) -> Result<Page, String> {
        let (mut page, _) = Page::read(text)?;
        for example in &mut page.examples {
            example.options.to_asyncio = to_asyncio;
        }
        Ok(page)
    }

    /// The examples of a text, and its headings.
    fn read(text: &str) -> Result<(Page, Vec<String>), String> {
        let mut examples: Vec<Example> = Vec::new();
        let mut sections = Vec::new();
        let mut noted = String::new();
        let mut last: Option<Role> = None;
        let mut lines = text.lines().enumerate();
        // Whether nothing stands between the last block and this line.
        let mut follows = false;
        while let Some((number, line)) = lines.next() {
            let number = number + 1;
            let at = |message: String| format!("line {number}: {message}");
            if let Some(title) = line.strip_prefix("## ") {
                sections.push(title.trim().to_owned());
                last = None;
                follows = false;
            } else if let Some(note) = line
                .strip_prefix("<!--")
                .and_then(|line| line.strip_suffix("-->"))
            {
                note.clone_into(&mut noted);
            } else if let Some(info) = line.strip_prefix("```") {
                let mut body = String::new();
                loop {
                    let (_, line) = lines
                        .next()
                        .ok_or_else(|| at("the block has no end".to_owned()))?;
                    if line == "```" {
                        break;
                    }
                    body.push_str(line);
                    body.push('\n');
                }
                let Some((role, file)) = role(info).map_err(at)? else {
                    continue;
                };
                // Blocks without words between them, where nothing changes, are files of one example.
                let follows = std::mem::replace(&mut follows, true);
                let is_new = examples
                    .last()
                    .is_some_and(|it| !it.before.contains_key(&file));
                let goes_on = last == Some(role)
                    && (role == Role::Before || role == Role::Declined && follows && is_new);
                let begins = role != Role::After && !goes_on;
                if begins {
                    examples.push(Example {
                        line: number,
                        declined: role == Role::Declined,
                        ..Example::default()
                    });
                }
                let Some(example) = examples.last_mut().filter(|_| begins || last.is_some()) else {
                    return Err(at("an `after` without a `before`".to_owned()));
                };
                last = Some(role);
                let words = format!("{} {info}", std::mem::take(&mut noted));
                example.options.read(&words, &file).map_err(at)?;
                let files = if role == Role::After {
                    &mut example.after
                } else {
                    &mut example.before
                };
                if files.insert(file.clone(), body).is_some() {
                    return Err(at(format!("`{file}` stands there twice")));
                }
            } else if !line.is_empty() {
                follows = false;
            }
        }
        for example in &examples {
            example.validate()?;
        }
        if !examples.iter().any(|example| !example.after.is_empty()) {
            return Err("a page has at least one example with `before` and `after`".to_owned());
        }
        Ok((Page { examples }, sections))
    }
}

impl Example {
    fn validate(&self) -> Result<(), String> {
        let at = |message: &str| Err(format!("line {}: {message}", self.line));
        if !self.declined && self.after.is_empty() {
            return at("a `before` without an `after`; write `declined` where nothing changes");
        }
        if let Some(file) = self
            .after
            .keys()
            .find(|file| !self.before.contains_key(*file))
        {
            return at(&format!("there is no `before` of `{file}`"));
        }
        if self
            .options
            .run
            .as_ref()
            .is_some_and(|file| !self.before.contains_key(file))
        {
            return at("the file to run is none of the example's");
        }
        if let Some(file) = self
            .after
            .iter()
            .find(|(file, text)| self.before.get(*file) == Some(text))
        {
            return at(&format!("`{}` is the same before and after", file.0));
        }
        Ok(())
    }

    /// What must stand in every file afterwards.
    pub(crate) fn expected(&self) -> BTreeMap<String, String> {
        let mut files = self.before.clone();
        files.extend(self.after.clone());
        files
    }
}

/// What a block is, and its file; `None` where it is no part of an example.
fn role(info: &str) -> Result<Option<(Role, String)>, String> {
    let mut found = None;
    for word in info.split_whitespace().skip(1) {
        let (word, file) = word.split_once('=').unwrap_or((word, DEFAULT_NAME));
        let role = match word {
            "before" => Role::Before,
            "after" => Role::After,
            "declined" => Role::Declined,
            _ => continue,
        };
        if found.replace((role, file.to_owned())).is_some() {
            return Err(format!(
                "`{info}` is more than one of before, after and declined"
            ));
        }
    }
    Ok(found)
}

impl Options {
    fn read(&mut self, words: &str, file: &str) -> Result<(), String> {
        for word in words.split_whitespace() {
            let (key, value) = word
                .split_once('=')
                .map_or((word, None), |(key, value)| (key, Some(value)));
            let needed = || {
                value
                    .map(str::to_owned)
                    .ok_or_else(|| format!("`{key}` needs a value"))
            };
            match key {
                "unsafe" => self.unsafe_changes = true,
                "anyio" => self.anyio = Some(needed()?),
                "target-version" => self.target_version = Some(needed()?),
                "run" => self.run = Some(value.unwrap_or(file).to_owned()),
                "backends" => {
                    let backend = needed()?;
                    if !["asyncio", "trio"].contains(&backend.as_str()) {
                        return Err(format!("`{backend}` is no backend"));
                    }
                    self.backend = Some(backend);
                }
                "bridge" => self.bridge = Some(needed()?),
                "only" => self.only = Some(needed()?),
                "removes" => {
                    self.removes = needed()?
                        .parse()
                        .map_err(|_| "`removes` needs a number".to_owned())?;
                }
                "before" | "after" | "declined" | "py" | "toml" | "text" | "ini" => {}
                _ => return Err(format!("`{word}` is no option of an example")),
            }
        }
        Ok(())
    }
}
