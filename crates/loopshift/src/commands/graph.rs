//! `loopshift graph`.

use crate::cli::Graph;
use crate::messages::Problem;
use crate::progress::Progress;
use crate::session::{self, Exit, Session};

/// Prints the call graph of the modules below one source root.
///
/// # Errors
/// Where the path or the settings are wrong.
pub fn run(session: &mut Session, args: &Graph) -> Result<Exit, Problem> {
    let ground = session::ground(std::slice::from_ref(&args.path))?;
    let progress = Progress::new(session.global.quiet);
    let mut options = ground.options(session.global);
    options.source_roots.clone_from(&ground.paths);
    let found = session::find_with(session, &ground, &options, &progress)?;
    let files = session::read(found, &progress);
    progress.stage("resolving calls");
    let graph = session.engine.graph(files.sources)?;
    drop(progress);
    for problem in files.problems.iter().chain(&graph.problems) {
        session.error(problem);
    }
    session.print_json(&graph.calls)?;
    Ok(Exit::Clean)
}
