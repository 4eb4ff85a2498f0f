//! The command line of loopshift: discovery, rendering, writing, the journal, reports.
//!
//! This crate does all the input and output, and nothing else: what a program means and what becomes of it is decided
//! behind [`engine::Engine`].

pub mod apply;
pub mod cache;
pub mod cli;
pub mod commands;
pub mod diff;
pub mod discover;
mod disk;
pub mod engine;
pub mod explanation;
mod failpoint;
pub mod formats;
mod git;
pub mod home;
mod journal;
pub mod lines;
pub mod mark;
pub mod messages;
pub mod progress;
pub mod project;
pub mod read;
pub mod report;
pub mod roots;
pub mod scan_report;
pub mod schema;
pub mod session;
pub mod settings;
mod shebang;
mod style;
pub mod summary;
mod table;
pub mod undo;
pub mod verify;
pub mod wiring;

use cli::{Cli, Command};
use messages::Problem;
use session::{Exit, Session};

/// Runs a command, and returns the exit code.
pub fn run(command: &Command, session: &mut Session) -> u8 {
    match dispatch(command, session) {
        Ok(Exit::Changes) if !session.global.exit_zero => 1,
        Ok(_) => 0,
        Err(problem) => {
            session.error(&problem);
            2
        }
    }
}

fn dispatch(command: &Command, session: &mut Session) -> Result<Exit, Problem> {
    match command {
        Command::Scan(args) => commands::scan::run(session, args),
        Command::Migrate(args) => commands::migrate::run(session, args),
        Command::Verify(args) => commands::verify::run(session, args),
        Command::Undo(args) => commands::undo::run(session, args),
        Command::Explain(args) => commands::explain::run(session, args),
        Command::Graph(args) => commands::graph::run(session, args),
        Command::Schema { of } => {
            session.print_json(&schema::schema(*of))?;
            Ok(Exit::Clean)
        }
    }
}

/// Uses as many threads as the user asked for.
///
/// # Errors
/// Where the threads cannot be started.
pub fn set_threads(cli: &Cli) -> Result<(), Problem> {
    let threads = cli.global.threads.map_or(0, usize::from);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|error| Problem::at("--threads", error.to_string()))
}
