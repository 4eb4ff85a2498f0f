//! `loopshift migrate`.

use std::collections::BTreeMap;

use loopshift_engine::change::{FileId, Outcome};

use crate::apply::{self, Limits, Write};
use crate::cli::{Format, Migrate, Switches, Target};
use crate::diff;
use crate::discover::Found;
use crate::engine::{Job, Planned};
use crate::formats;
use crate::home;
use crate::mark::{self, Mode, Note};
use crate::messages::{Problem, count};
use crate::progress::Progress;
use crate::read::Source;
use crate::report::{self, Changed, Fate, Report};
use crate::session::{self, Exit, Ground, Session};
use crate::summary;
use crate::undo;
use crate::verify::{self, Asked};

/// Plans the migration, and prints it or writes it.
///
/// # Errors
/// Where the arguments or the settings are wrong, or the plan cannot be written; then nothing is.
pub fn run(session: &mut Session, args: &Migrate) -> Result<Exit, Problem> {
    let ground = session::ground(&args.paths)?;
    let to = target(&args.switches, &ground)?;
    if !args.apply {
        for dir in ground.root.ancestors() {
            session::warn_of_unfinished(session, dir);
        }
        let progress = Progress::new(session.global.quiet);
        let found = session::find(session, &ground, &progress)?;
        let asked = ("migrate", args, to);
        return session.cached(
            &asked,
            &ground,
            found,
            progress,
            |session, found, progress| {
                let report = plan(session, args, &ground, to, found, progress)?.0;
                print(session, args, &report)?;
                Ok(if report.changed.is_empty() {
                    Exit::Clean
                } else {
                    Exit::Changes
                })
            },
        );
    }
    for dir in ground.root.ancestors().skip(1) {
        session::warn_of_unfinished(session, dir);
    }
    // The lock is held, and what was interrupted is taken back, before a byte is read.
    let lock = home::lock(&ground.root)?;
    let result = migrate_locked(session, args, &ground, to, &lock);
    home::release(lock)?;
    let report = result?;
    print(session, args, &report)?;
    Ok(Exit::Clean)
}

fn migrate_locked(
    session: &mut Session,
    args: &Migrate,
    ground: &Ground,
    to: Target,
    lock: &home::Lock,
) -> Result<Report, Problem> {
    for restored in undo::recover(lock)? {
        session.notice(&format!(
            "run {} had been interrupted; {} restored before starting anew",
            restored.run,
            count(restored.files.len(), "file")
        ));
    }
    let progress = Progress::new(session.global.quiet);
    let found = session::find(session, ground, &progress)?;
    let (mut report, writes) = plan(session, args, ground, to, found, progress)?;
    let limits = Limits {
        roots: ground.paths.clone(),
        allow_dirty: args.allow_dirty,
    };
    report.applied = match writes.as_slice() {
        [] => None,
        writes => Some(apply::apply(lock, writes, &limits)?),
    };
    Ok(report)
}

/// Where to go, by the switches and the settings.
///
/// # Errors
/// Where neither says it.
pub(crate) fn target(switches: &Switches, ground: &Ground) -> Result<Target, Problem> {
    switches.to.or(ground.settings.to).ok_or_else(|| {
        Problem::at("--to", "the target is not given")
            .next("use `--to anyio` or `--to asyncio`, or set `to` in loopshift.toml")
    })
}

/// The job that the switches and the settings describe.
pub(crate) fn job(args: &Switches, ground: &Ground, to: Target) -> Job {
    let mut job = ground.job(to, Vec::new());
    if !args.from.is_empty() {
        job.from = Some(args.from.clone());
    }
    job.only = ground.only(&args.only);
    if !args.select.is_empty() {
        job.select = Some(args.select.clone());
    }
    job.ignore.extend(args.ignore.iter().cloned());
    job.unsafe_changes |= args.unsafe_changes;
    job.target_version = args.target_version.or(job.target_version);
    job.bridge = args.bridge.unwrap_or(job.bridge);
    job.anyio_version = args.anyio_version.or(job.anyio_version);
    job
}

/// Reads the files and asks the engine: what there is to tell, and what there is to write.
fn plan(
    session: &mut Session,
    args: &Migrate,
    ground: &Ground,
    to: Target,
    found: Found,
    progress: Progress,
) -> Result<(Report, Vec<Write>), Problem> {
    let files = session::read(found, &progress);
    let mut job = job(&args.switches, ground, to);
    job.source_roots = files.source_roots;
    progress.stage(format!("planning {}", count(files.sources.len(), "file")));
    let planned = match &args.verify {
        None => session.engine.plan(files.sources, &job)?,
        Some(command) => {
            let command = shell_words::split(command)
                .map_err(|error| Problem::at("--verify", error.to_string()))?;
            verified(
                session,
                args,
                ground,
                &mut job,
                &files.sources,
                &command,
                &progress,
            )?
        }
    };
    let marking = args.mark || ground.settings.mark.unwrap_or(false);
    let texts = marked(session, &planned, &job, marking)?;
    drop(progress);

    let mut report = Report {
        to,
        rows: report::rows(&planned.plan, &names(&planned)),
        changed: Vec::new(),
        modules: planned.modules.clone(),
        problems: files.problems,
        withdrawn: planned.plan.withdrawn.clone(),
        applied: None,
    };
    report.problems.extend(planned.problems.iter().cloned());
    report.problems.sort();
    let mut writes = Vec::new();
    for (file, new) in texts {
        let source = source(&planned, file)?;
        if new == source.text.text {
            continue;
        }
        let problem = |error| {
            Problem::at(
                source.name.clone(),
                format!("cannot encode its new text: {error}"),
            )
            .next("leave it out with --exclude")
        };
        let bytes = source.text.encode(&new).map_err(problem)?;
        writes.push(Write {
            path: source.path.clone(),
            name: source.name.clone(),
            stamp: source.stamp().map_err(problem)?,
            new: bytes,
        });
        report.changed.push(Changed {
            name: source.name.clone(),
            old: source.text.text.clone(),
            new,
        });
    }
    report.changed.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((report, writes))
}

/// The plan without the changes that break what the command tests. `job` leaves them out, too, from then on.
fn verified(
    session: &mut Session,
    args: &Migrate,
    ground: &Ground,
    job: &mut Job,
    sources: &[Source],
    command: &[String],
    progress: &Progress,
) -> Result<Planned, Problem> {
    let asked = Asked {
        engine: session.engine,
        job,
        root: &ground.root,
        command,
        running: &args.running,
        progress,
    };
    let verdict = verify::verify(&asked, sources)?;
    if let Some(told) = verify::report::from_tree(&verdict.from_tree) {
        session.notice(&told);
    }
    if !verdict.is_complete {
        let reason = format!(
            "the migration breaks what this tests, and {} did not show all changes that do; nothing was changed",
            count(verdict.runs as usize, "run")
        );
        return Err(Problem::at("--verify", reason)
            .next("see `loopshift verify`, or allow more with --max-runs"));
    }
    session.notice(&verdict.sentence());
    job.left_out.clone_from(&verdict.left_out);
    Ok(verdict.kept)
}

/// How often marks are written anew: first they come, then the lines that reasons name are those below them.
const MARKINGS: usize = 4;

/// The new texts with the marks that belong in them.
///
/// Marks refer to the new texts, so the engine is asked for what it would still decline there.
fn marked(
    session: &Session,
    planned: &Planned,
    job: &Job,
    marking: bool,
) -> Result<BTreeMap<FileId, String>, Problem> {
    let mut texts: BTreeMap<FileId, String> = planned.plan.texts.iter().cloned().collect();
    let sources = &planned.sources;
    if !marking
        && !sources
            .iter()
            .any(|source| mark::has_marks(&source.text.text))
    {
        return Ok(texts);
    }
    let mode = if marking { Mode::Write } else { Mode::Keep };
    for _ in 0..MARKINGS {
        let mut after = sources.clone();
        for (index, source) in after.iter_mut().enumerate() {
            if let Some(text) = texts.get(&file_id(index)) {
                source.text.text.clone_from(text);
            }
        }
        let again = session.engine.plan(after, job)?;
        let mut notes = notes(&again);
        let mut settled = true;
        for (index, source) in again.sources.iter().enumerate() {
            // Only modules have comments of ours; a project's own files have no module name.
            if source.modules.is_empty() {
                continue;
            }
            let notes = notes.remove(&file_id(index)).unwrap_or_default();
            let text = mark::mark(&source.text.text, &notes, mode);
            if text != source.text.text {
                texts.insert(file_id(index), text);
                settled = false;
            }
        }
        if settled {
            break;
        }
    }
    Ok(texts)
}

/// What a plan declines, by file.
fn notes(planned: &Planned) -> BTreeMap<FileId, Vec<Note>> {
    let mut notes: BTreeMap<FileId, Vec<Note>> = BTreeMap::new();
    for (change, outcome) in &planned.plan.changes {
        if let Outcome::Declined { reason } = outcome {
            notes.entry(change.place.file).or_default().push(Note {
                offset: change.place.range.start().to_usize(),
                rule: change.rule.to_owned(),
                reason: reason.clone(),
            });
        }
    }
    notes
}

fn file_id(index: usize) -> FileId {
    FileId(u32::try_from(index).unwrap_or(u32::MAX))
}

/// The names and texts of a plan's files.
pub(crate) fn names(planned: &Planned) -> BTreeMap<FileId, (&str, &str)> {
    let sources = planned.sources.iter().enumerate();
    sources
        .map(|(index, source)| {
            (
                file_id(index),
                (source.name.as_str(), source.text.text.as_str()),
            )
        })
        .collect()
}

/// The file of a plan.
///
/// # Errors
/// Where there is none, which is a defect.
pub(crate) fn source(planned: &Planned, file: FileId) -> Result<&Source, Problem> {
    planned.sources.get(file.0 as usize).ok_or_else(|| {
        Problem::new(format!(
            "the plan changes a file that there is not ({})",
            file.0
        ))
        .next("this is a defect of loopshift; please report it")
    })
}

fn print(session: &mut Session, args: &Migrate, report: &Report) -> Result<(), Problem> {
    if args.output_format == Format::Json {
        return session.print_json(&report.to_json());
    }
    let of_others = formats::render(report, args.output_format, session.engine);
    let of_others = of_others
        .map_err(|error| Problem::new(format!("cannot write the result as JSON: {error}")))?;
    if let Some(text) = of_others {
        return session.print(&text);
    }
    if report.applied.is_none() {
        for file in &report.changed {
            let diff = diff::unified(&file.name, &file.old, &file.new, session.colour);
            session.print(&diff)?;
        }
        if !report.changed.is_empty() && !session.global.quiet {
            session.print("\n")?;
        }
    }
    if session.global.quiet {
        for problem in &report.problems {
            session.error(problem);
        }
        return Ok(());
    }
    let unsafe_given = report
        .rows
        .iter()
        .any(|row| row.outcome == Fate::Applied && !row.caveats.is_empty());
    let text = summary::render(report, unsafe_given, session.global.verbose);
    session.print_styled(&text)
}
