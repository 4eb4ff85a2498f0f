//! `loopshift undo`.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::{PlainFormat, Undo};
use crate::discover;
use crate::home;
use crate::messages::{Problem, count};
use crate::report::SCHEMA;
use crate::session::{self, Exit, Session};
use crate::undo::{self, Restored};

/// Restores what an apply changed.
///
/// # Errors
/// Where there is no such run, or files were edited since.
pub fn run(session: &mut Session, args: &Undo) -> Result<Exit, Problem> {
    let from = match &args.root {
        Some(root) => discover::canonical(std::slice::from_ref(root))?.remove(0),
        None => session::current_dir()?,
    };
    let Some(root) = home::find_above(&from) else {
        if let Some(run) = args.run {
            return Err(Problem::at(
                format!("run {run}"),
                "there is no such run to undo",
            ));
        }
        let nothing = format!(
            "Nothing to undo: neither {} nor a directory above it holds a journal.\n",
            from.display()
        );
        return tell(session, args, None, &nothing);
    };
    let lock = home::lock(&root)?;
    let result = undo::undo(&lock, args.run, args.force);
    home::release(lock)?;
    match result? {
        Some(restored) => tell(session, args, Some(&restored), &told(&restored)),
        None => tell(session, args, None, "Nothing to undo.\n"),
    }
}

fn tell(
    session: &mut Session,
    args: &Undo,
    restored: Option<&Restored>,
    text: &str,
) -> Result<Exit, Problem> {
    match args.output_format {
        PlainFormat::Text => session.print_styled(text)?,
        PlainFormat::Json => session.print_json(&to_json(restored))?,
    }
    Ok(Exit::Clean)
}

/// What `undo --output-format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UndoJson<'a> {
    /// The version of this format.
    #[schemars(extend("const" = SCHEMA))]
    schema: u32,
    /// The command that printed it.
    #[schemars(extend("const" = "undo"))]
    command: &'a str,
    /// The run that was taken back; null where there was none.
    run: Option<u32>,
    /// Whether it had been interrupted.
    interrupted: bool,
    /// The files that have their old bytes again, from the root of the run.
    restored: &'a [String],
    /// Those of them that had been edited since the run, and where their bytes are now.
    overwritten: Vec<Overwritten<'a>>,
}

/// A file that was edited after the run that was taken back.
#[derive(Debug, Serialize, JsonSchema)]
struct Overwritten<'a> {
    /// The file.
    file: &'a str,
    /// The copy of what it was.
    copy: &'a str,
}

fn to_json(restored: Option<&Restored>) -> UndoJson<'_> {
    let overwritten = restored.map_or(&[][..], |restored| &restored.overwritten);
    UndoJson {
        schema: SCHEMA,
        command: "undo",
        run: restored.map(|restored| restored.run),
        interrupted: restored.is_some_and(|restored| restored.interrupted),
        restored: restored.map_or(&[][..], |restored| &restored.files),
        overwritten: overwritten
            .iter()
            .map(|(file, copy)| Overwritten { file, copy })
            .collect(),
    }
}

fn told(restored: &Restored) -> String {
    let what = if restored.interrupted {
        "Took back the interrupted run"
    } else {
        "Took back run"
    };
    let files = count(restored.files.len(), "file");
    let mut text = format!("{what} {}: {files} restored.\n", restored.run);
    for (file, copy) in &restored.overwritten {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {file} had been edited; that version is now {copy}");
    }
    text
}
