//! Progress on stderr: only on a terminal, and only where the work takes long.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that takes less is not worth a line.
const PATIENCE: Duration = Duration::from_millis(700);

/// A line that tells which stage of the work is going on.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A line for a run; with `quiet`, or where stderr is no terminal, there is none.
    pub fn new(quiet: bool) -> Self {
        let visible = !quiet && std::io::stderr().is_terminal();
        Progress {
            bar: visible.then(patient_bar),
        }
    }

    /// The work has got to a stage: `reading 3 files`.
    pub fn stage(&self, what: impl Into<String>) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.into());
        }
    }
}

/// A bar that shows itself when it has lived for a while.
fn patient_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    let weak = bar.downgrade();
    std::thread::spawn(move || {
        std::thread::sleep(PATIENCE);
        if let Some(bar) = weak.upgrade()
            && !bar.is_finished()
        {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(120));
        }
    });
    bar
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
