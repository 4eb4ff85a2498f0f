//! `loopshift verify`.

use crate::cli::{PlainFormat, Verify};
use crate::commands::migrate::{job, target};
use crate::messages::Problem;
use crate::progress::Progress;
use crate::session::{self, Exit, Session};
use crate::verify::{self, Asked, report};

/// Runs a command with and without the migration, in copies, and tells what differs and by which changes.
///
/// # Errors
/// Where the arguments or the settings are wrong, the command cannot be run or judged, or the user wants to stop.
pub fn run(session: &mut Session, args: &Verify) -> Result<Exit, Problem> {
    let ground = session::ground(&args.paths)?;
    let to = target(&args.switches, &ground)?;
    let progress = Progress::new(session.global.quiet);
    let files = session::files(session, &ground, &progress)?;
    let mut job = job(&args.switches, &ground, to);
    job.source_roots = files.source_roots;
    let asked = Asked {
        engine: session.engine,
        job: &job,
        root: &ground.root,
        command: &args.command,
        running: &args.running,
        progress: &progress,
    };
    let verdict = verify::verify(&asked, &files.sources)?;
    drop(progress);
    let mut problems = files.problems;
    problems.extend(verdict.planned.problems.iter().cloned());
    problems.sort();
    match args.output_format {
        PlainFormat::Json => {
            session.print_json(&report::to_json(&verdict, to, args.keep_good, &problems))?;
        }
        PlainFormat::Text => {
            for problem in &problems {
                session.error(problem);
            }
            if let Some(told) = report::from_tree(&verdict.from_tree) {
                session.notice(&told);
            }
            let text = report::render(&verdict, args.keep_good, session.colour);
            session.print(&text)?;
        }
    }
    Ok(if verdict.is_same() {
        Exit::Clean
    } else {
        Exit::Changes
    })
}
