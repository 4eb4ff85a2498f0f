//! The program `loopshift`.

use std::io::{self, Write};
use std::process::ExitCode;

use anstream::{
    AutoStream, ColorChoice,
    stream::{AsLockedWrite, RawStream},
};
use clap::Parser;
use loopshift::cache::Cache;
use loopshift::cli::{Cli, Color};
use loopshift::session::Session;
use loopshift::wiring::Wired;
use mimalloc::MiMalloc;

/// A run makes and drops many small pieces on all threads.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.global.color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
    let (colour, mut out) = stream(io::stdout());
    let (err_colour, mut err) = stream(io::stderr());
    let mut session = Session {
        engine: &Wired,
        global: &cli.global,
        out: &mut *out,
        err: &mut *err,
        colour,
        err_colour,
        cache: Cache::of_user(),
        record: None,
    };
    if let Err(problem) = loopshift::set_threads(&cli) {
        session.error(&problem);
        return ExitCode::from(2);
    }
    ExitCode::from(loopshift::run(&cli.command, &mut session))
}

/// Whether a stream may be coloured, and the stream. One without colour is left alone: the result may hold escapes
/// of the user's own, which must not be stripped.
fn stream<S: RawStream + AsLockedWrite + 'static>(raw: S) -> (bool, Box<dyn Write>) {
    match AutoStream::choice(&raw) {
        ColorChoice::Never => (false, Box::new(raw)),
        choice => (true, Box::new(AutoStream::new(raw, choice))),
    }
}
