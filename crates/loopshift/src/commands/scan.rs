//! `loopshift scan`.

use crate::cli::{PlainFormat, Scan};
use crate::messages::{Problem, count};
use crate::progress::Progress;
use crate::scan_report;
use crate::session::{self, Exit, Session};

/// Shows what concurrency the program uses.
///
/// # Errors
/// Where the arguments or the settings are wrong.
pub fn run(session: &mut Session, args: &Scan) -> Result<Exit, Problem> {
    let ground = session::ground(&args.paths)?;
    let asked_for = args.to.or(ground.settings.to);
    let progress = Progress::new(session.global.quiet);
    let found = session::find(session, &ground, &progress)?;
    let asked = ("scan", args, asked_for);
    session.cached(
        &asked,
        &ground,
        found,
        progress,
        |session, found, progress| {
            let files = session::read(found, &progress);
            let to = asked_for.unwrap_or_else(|| session::suggested(&files.sources));
            let mut job = ground.job(to, files.source_roots);
            job.only = ground.only(&args.only);
            job.unsafe_changes |= args.unsafe_changes;
            progress.stage(format!("scanning {}", count(files.sources.len(), "file")));
            let mut scanned = session.engine.scan(files.sources, &job)?;
            drop(progress);
            scanned.problems.extend(files.problems);
            scanned.problems.sort();
            match args.output_format {
                PlainFormat::Json => session.print_json(&scan_report::to_json(&scanned, to))?,
                PlainFormat::Text => {
                    let text = scan_report::render(&scanned, to, session.global.verbose);
                    session.print_styled(&text)?;
                }
            }
            Ok(Exit::Clean)
        },
    )
}
