//! `loopshift undo`.

use std::fmt::Write;

use crate::cli::Undo;
use crate::discover;
use crate::home;
use crate::messages::{Problem, count};
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
        session.print(&format!(
            "Nothing to undo: neither {} nor a directory above it holds a journal.\n",
            from.display()
        ))?;
        return Ok(Exit::Clean);
    };
    let lock = home::lock(&root)?;
    let result = undo::undo(&lock, args.run, args.force);
    home::release(lock)?;
    let text = match result? {
        Some(restored) => told(&restored),
        None => "Nothing to undo.\n".to_owned(),
    };
    session.print_styled(&text)?;
    Ok(Exit::Clean)
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
