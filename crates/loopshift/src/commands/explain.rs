//! `loopshift explain`.

use std::path::{Path, PathBuf};

use crate::cli::{Explain, Target};
use crate::discover;
use crate::messages::Problem;
use crate::progress::Progress;
use crate::session::{self, Exit, Session};

/// Prints a rule's page, or why a function is or must become async.
///
/// # Errors
/// Where there is no such rule, file or function.
pub fn run(session: &mut Session, args: &Explain) -> Result<Exit, Problem> {
    let text = match place(&args.what) {
        Some((file, line)) => explain_place(session, &file, line, args.to)?,
        None => page(session, &args.what)?.to_owned(),
    };
    session.print(&text)?;
    if !text.ends_with('\n') {
        session.print("\n")?;
    }
    Ok(Exit::Clean)
}

/// `app/main.py:12` and `app/main.py:12:5`.
fn place(what: &str) -> Option<(PathBuf, usize)> {
    let (file, number) = what.rsplit_once(':')?;
    let number: usize = number.parse().ok()?;
    if let Some((inner, line)) = file.rsplit_once(':')
        && let Ok(line) = line.parse()
    {
        return Some((PathBuf::from(inner), line));
    }
    Some((PathBuf::from(file), number))
}

fn explain_place(
    session: &mut Session,
    file: &Path,
    line: usize,
    to: Option<Target>,
) -> Result<String, Problem> {
    let real = discover::canonical(&[file.to_path_buf()])?.remove(0);
    // Causes may lie anywhere in the program, so all of it is read, not just the file.
    let cwd = session::current_dir()?;
    let program = if real.starts_with(&cwd) {
        cwd
    } else {
        real.parent().unwrap_or(&real).to_path_buf()
    };
    let ground = session::ground(&[program, real.clone()])?;
    let progress = Progress::new(session.global.quiet);
    let files = session::files(session, &ground, &progress)?;
    let to = to
        .or(ground.settings.to)
        .unwrap_or_else(|| session::suggested(&files.sources));
    let job = ground.job(to, files.source_roots);
    let name = files
        .sources
        .iter()
        .find(|source| source.path == real)
        .map(|source| source.name.clone());
    let Some(name) = name else {
        let shown = file.display().to_string();
        let reason = "this could not be read as Python";
        let told = files.problems.into_iter().find(|problem| {
            let rest = problem
                .place
                .as_deref()
                .and_then(|place| place.strip_prefix(&shown));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        });
        return Err(told.unwrap_or_else(|| Problem::at(shown, reason)));
    };
    progress.stage("following calls");
    session.engine.explain(files.sources, &job, &name, line)
}

fn page(session: &Session, rule: &str) -> Result<&'static str, Problem> {
    session.engine.page(rule).ok_or_else(|| {
        let rules = session.engine.rules();
        let problem = Problem::at(rule, "there is no such rule");
        match similar::get_close_matches(rule, &rules, 3, 0.6).as_slice() {
            [] if rules.is_empty() => problem,
            [] => problem.next(format!("the rules are {}", rules.join(", "))),
            close => problem.next(format!("did you mean {}?", close.join(" or "))),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn places_and_rules_are_told_apart() {
        assert_eq!(place("a/b.py:12"), Some(("a/b.py".into(), 12)));
        assert_eq!(place("a/b.py:12:5"), Some(("a/b.py".into(), 12)));
        assert_eq!(place("asyncio-gather"), None);
        assert_eq!(place("a:b"), None);
    }
}
