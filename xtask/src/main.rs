//! The developers' commands: `cargo xtask COMMAND`.

mod bench;
mod ecosystem;
mod examples;
mod generate;
mod new_rule;
mod picture;
mod process;
mod python;
mod semantics;
mod test;
mod tool;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What goes wrong, in words.
type Result<T> = std::result::Result<T, String>;

#[derive(Parser)]
#[command(about = "The developers' commands of loopshift", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set up the Python environment and run all tests
    Test(test::Options),
    /// Migrate every proof of a directory, run old and new, and compare
    Semantics(semantics::Options),
    /// Start a rule: its file, its page and its entry in the registry
    NewRule(new_rule::Options),
    /// Write what is made from the sources: the rules' index, the command line's reference, the README's picture
    Generate(generate::Options),
    /// Measure CPU, wall time and memory on a large tree, next to other tools
    Bench(bench::Options),
    /// Migrate real programs and run their own tests before and after
    Ecosystem(ecosystem::Options),
    /// Move the examples of gevent and eventlet to asyncio, and run those that have a client
    Examples(examples::Options),
}

/// The root of the workspace.
fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().map_or(own.clone(), PathBuf::from)
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Test(options) => test::run(&options),
        Command::Semantics(options) => semantics::run(&options),
        Command::NewRule(options) => new_rule::run(&options),
        Command::Generate(options) => generate::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Ecosystem(options) => ecosystem::run(&options),
        Command::Examples(options) => examples::run(&options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
