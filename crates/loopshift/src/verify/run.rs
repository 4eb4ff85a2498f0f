//! One run of the command in a fresh copy of the tree: bounded in time and output, and nothing is left of it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::cli::{Backend, Running};
use crate::messages::{Problem, plain};
use crate::verify::copy;
use crate::verify::hooks;
use crate::verify::junit::{self, Tests};
use crate::verify::kind::{self, Kind};
use crate::verify::output::Output;
use crate::verify::stop::{self, Interrupt};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an exit code.
    Exit(i32),
    /// By a signal.
    Signal(i32),
    /// It took too long, and was ended.
    TimedOut,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Exit(code) => write!(f, "exit code {code}"),
            // The kernel ends so what uses up the memory.
            Ending::Signal(9) => write!(f, "killed by signal 9, as where there is no memory left"),
            Ending::Signal(number) => write!(f, "killed by signal {number}"),
            Ending::TimedOut => write!(f, "not at its end when the time was over"),
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Ran {
    /// How it ended.
    pub ending: Ending,
    /// What it printed.
    pub stdout: Output,
    /// What it printed of errors.
    pub stderr: Output,
    /// The tests, where the kind of command tells them: none where it did not get so far.
    pub tests: Option<Tests>,
    /// The copy in which it ran; it is gone.
    pub copy: PathBuf,
    /// Modules that were imported from the user's tree, past the copy.
    pub from_tree: BTreeSet<String>,
}

/// The new content of files, by their paths in the user's tree.
pub type Texts = Vec<(PathBuf, Vec<u8>)>;

/// Runs the command.
pub struct Runner {
    /// What kind of command it is.
    pub kind: Kind,
    command: Vec<String>,
    tree: PathBuf,
    root: PathBuf,
    timeout: Duration,
    interrupt: Interrupt,
    scratch: Scratch,
    hooks: PathBuf,
    runs: Cell<u32>,
}

impl Runner {
    /// One for the command, which is run where `root` (canonical) is in the copy.
    ///
    /// # Errors
    /// Where there is no room for copies.
    pub fn new(root: &Path, command: &[String], running: &Running) -> Result<Self, Problem> {
        let (kind, command) = kind::recognise(command, running.junit.as_deref());
        let interrupt = Interrupt::listen()?;
        let scratch = Scratch::new()?;
        Ok(Runner {
            kind,
            command,
            tree: copy::tree_of(root),
            root: root.to_path_buf(),
            timeout: Duration::from_secs(running.timeout),
            interrupt,
            hooks: hooks::write(scratch.path())?,
            scratch,
            runs: Cell::new(0),
        })
    }

    /// How often the command was run.
    pub fn runs(&self) -> u32 {
        self.runs.get()
    }

    /// Runs the command in a copy with these texts. With `only`, pytest runs no other tests.
    ///
    /// # Errors
    /// Where the copy cannot be made, the command cannot be started, or the user wants to stop.
    pub fn run(
        &self,
        texts: &Texts,
        backend: Option<Backend>,
        only: Option<&BTreeSet<String>>,
    ) -> Result<Ran, Problem> {
        self.stopped()?;
        self.runs.set(self.runs.get() + 1);
        // Names of one length, so that no line is longer in one run than in another.
        let dir = self.scratch.path().join(format!("{:04}", self.runs.get()));
        let place = Place {
            tree: dir.join("tree"),
            junit: dir.join("tests.xml"),
            notes: dir.join("notes"),
            only: dir.join("only"),
        };
        fs::create_dir(&dir).map_err(|error| Problem::io("create", &dir, &error))?;
        copy::copy(&self.tree, self.scratch.path(), &place.tree)?;
        for (path, bytes) in texts {
            self.write(&place, path, bytes)?;
        }
        if let Kind::Junit(file) = &self.kind {
            // One of an earlier day is no result. Mostly there is none.
            let _ = fs::remove_file(self.cwd(&place).join(file));
        }
        if let Some(only) = only {
            let names: Vec<&str> = only.iter().map(String::as_str).collect();
            fs::write(&place.only, names.join("\0"))
                .map_err(|error| Problem::io("write", &place.only, &error))?;
        }
        let token = format!("{}-{}", self.scratch.path().display(), self.runs.get());
        let mut command = self.command(&place, backend, only.is_some());
        command.env(stop::TOKEN, &token);
        let ran = self.execute(command, &place, &token);
        remove(&dir);
        ran
    }

    fn stopped(&self) -> Result<(), Problem> {
        if self.interrupt.is_wanted() {
            return Err(Problem::new(
                "interrupted; nothing was written, nothing is left running, and the copies are gone",
            ));
        }
        Ok(())
    }

    fn write(&self, place: &Place, path: &Path, bytes: &[u8]) -> Result<(), Problem> {
        let outside = || {
            Problem::at(path.display().to_string(), "it is outside the copied tree")
                .next("leave it out with --exclude")
        };
        let copied = place
            .tree
            .join(path.strip_prefix(&self.tree).map_err(|_| outside())?);
        let problem = |error: io::Error| Problem::io("write", &copied, &error);
        let mode = copied.metadata().map_err(problem)?.permissions();
        fs::remove_file(&copied).map_err(problem)?;
        fs::write(&copied, bytes).map_err(problem)?;
        fs::set_permissions(&copied, mode).map_err(problem)
    }

    /// The path in the copy, of what has one there.
    fn in_copy(&self, place: &Place, path: &Path) -> Option<PathBuf> {
        let copied = place.tree.join(path.strip_prefix(&self.tree).ok()?);
        copied.exists().then_some(copied)
    }

    /// Where the command is run.
    fn cwd(&self, place: &Place) -> PathBuf {
        let root = self.in_copy(place, &self.root);
        root.unwrap_or_else(|| place.tree.clone())
    }

    /// An argument of the command, with the copy for the tree.
    fn argument(&self, place: &Place, argument: &str) -> OsString {
        let copied = self.in_copy(place, Path::new(argument));
        copied.map_or_else(|| argument.into(), PathBuf::into_os_string)
    }

    /// The program: one that is given by a path is looked for in the copy, and then in the tree, where the virtual
    /// environments are.
    fn program(&self, place: &Place) -> OsString {
        let name = self.command.first().map_or("", String::as_str);
        let given = Path::new(name);
        if given.components().count() < 2 {
            return name.into();
        }
        let in_tree = self.root.join(given);
        let copied = self.in_copy(place, &in_tree);
        copied.unwrap_or(in_tree).into_os_string()
    }

    fn command(&self, place: &Place, backend: Option<Backend>, only: bool) -> Command {
        let mut command = Command::new(self.program(place));
        let cwd = self.cwd(place);
        for argument in self.command.iter().skip(1) {
            command.arg(self.argument(place, argument));
        }
        let mut search = vec![self.hooks.clone()];
        if let Some(given) = std::env::var_os("PYTHONPATH") {
            search.extend(std::env::split_paths(&given).map(|path| {
                let path = self.root.join(path);
                self.in_copy(place, &path).unwrap_or(path)
            }));
        }
        if let Ok(search) = std::env::join_paths(search) {
            command.env("PYTHONPATH", search);
        }
        command
            .env("PWD", &cwd)
            .current_dir(cwd)
            // Neither in the tree nor in its virtual environments.
            .env("PYTHONPYCACHEPREFIX", self.scratch.path().join("bytecode"))
            .env("LOOPSHIFT_VERIFY_TREE", &self.tree)
            .env("LOOPSHIFT_VERIFY_COPY", &place.tree)
            .env("LOOPSHIFT_VERIFY_NOTES", &place.notes)
            .env("LOOPSHIFT_VERIFY_JUNIT", &place.junit)
            .env_remove("LOOPSHIFT_BACKEND")
            .env_remove("LOOPSHIFT_VERIFY_ONLY")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if std::env::var_os("PYTHONHASHSEED").is_none() {
            // The order of a set of strings is the same in all runs.
            command.env("PYTHONHASHSEED", "0");
        }
        if let Some(backend) = backend {
            command.env("LOOPSHIFT_BACKEND", backend.to_string());
        }
        if only {
            command.env("LOOPSHIFT_VERIFY_ONLY", &place.only);
        }
        if self.kind == Kind::Pytest {
            let given = std::env::var("PYTEST_ADDOPTS").unwrap_or_default();
            let file = place.junit.to_string_lossy();
            let file = shell_words::quote(&file);
            let options = format!("{given} -p loopshift_pytest --junitxml={file}");
            command.env("PYTEST_ADDOPTS", options.trim());
        }
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    }

    fn execute(&self, mut command: Command, place: &Place, token: &str) -> Result<Ran, Problem> {
        let mut child = command.spawn().map_err(|error| {
            let program = command.get_program().to_string_lossy().into_owned();
            Problem::at(program, format!("cannot start it: {}", plain(&error)))
                .next("give a command that runs in the program's environment")
        })?;
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        let ending = self.wait(&mut child);
        // Also what it started and left behind.
        stop::kill(&mut child, token);
        let ending =
            ending.map_err(|error| Problem::new(format!("cannot wait for it: {error}")))?;
        self.stopped()?;
        let told = fs::read_to_string(&place.notes).unwrap_or_default();
        Ok(Ran {
            ending,
            stdout: collected(stdout),
            stderr: collected(stderr),
            tests: self.tests(place),
            copy: place.tree.clone(),
            from_tree: told.lines().map(str::to_owned).collect(),
        })
    }

    fn wait(&self, child: &mut Child) -> io::Result<Ending> {
        let end = Instant::now().checked_add(self.timeout);
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(ending(status));
            }
            let is_over = end.is_some_and(|end| Instant::now() >= end);
            if is_over || self.interrupt.is_wanted() {
                return Ok(Ending::TimedOut);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn tests(&self, place: &Place) -> Option<Tests> {
        let file = match &self.kind {
            Kind::Plain => return None,
            Kind::Pytest | Kind::Unittest => place.junit.clone(),
            Kind::Junit(file) => self.cwd(place).join(file),
        };
        // A run that was ended before has written none, or a part.
        let Ok(bytes) = fs::read(&file) else {
            return Some(Tests::new());
        };
        Some(junit::read(&String::from_utf8_lossy(&bytes)).unwrap_or_default())
    }
}

/// The files of one run.
struct Place {
    tree: PathBuf,
    junit: PathBuf,
    notes: PathBuf,
    only: PathBuf,
}

/// The folder of the copies, which goes with all that is in it.
struct Scratch(Option<TempDir>, PathBuf);

impl Scratch {
    fn new() -> Result<Self, Problem> {
        let made = tempfile::Builder::new()
            .prefix("loopshift-verify-")
            .tempdir();
        let problem = |error| {
            Problem::io(
                "create a folder for copies in",
                &std::env::temp_dir(),
                &error,
            )
        };
        let dir = made.map_err(problem)?;
        // Programs tell of files by their real paths.
        let path = dir.path().canonicalize().map_err(problem)?;
        Ok(Scratch(Some(dir), path))
    }

    fn path(&self) -> &Path {
        &self.1
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.1);
        if let Some(dir) = self.0.take() {
            // It is gone already.
            let _ = dir.close();
        }
    }
}

/// Removes a folder, also one in which programs made folders that must not be written.
fn remove(dir: &Path) {
    if fs::remove_dir_all(dir).is_ok() {
        return;
    }
    #[cfg(unix)]
    for entry in ignore::WalkBuilder::new(dir)
        .standard_filters(false)
        .follow_links(false)
        .build()
        .flatten()
    {
        use std::os::unix::fs::PermissionsExt;
        if entry.file_type().is_some_and(|kind| kind.is_dir()) {
            let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700));
        }
    }
    let _ = fs::remove_dir_all(dir);
}

fn collect(stream: impl io::Read + Send + 'static) -> Receiver<Output> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(Output::read(stream)));
    receiver
}

/// What was read. A process that got away may hold the stream for ever.
fn collected(receiver: Option<Receiver<Output>>) -> Output {
    receiver
        .and_then(|it| it.recv_timeout(Duration::from_secs(10)).ok())
        .unwrap_or_default()
}

fn ending(status: ExitStatus) -> Ending {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return Ending::Signal(signal);
    }
    Ending::Exit(status.code().unwrap_or(-1))
}
