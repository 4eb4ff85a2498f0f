//! Ending a program with all that it started, and hearing of Ctrl-C.

use std::io;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::messages::Problem;

/// The variable by which processes are known that have left the group of their parent.
pub const TOKEN: &str = "LOOPSHIFT_VERIFY_TOKEN";

/// Whether the user wants to stop.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for Ctrl-C, and for being asked to end.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn listen() -> Result<Self, Problem> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let flag = Arc::new(AtomicBool::new(false));
        #[cfg(unix)]
        let signals = [SIGINT, SIGTERM, signal_hook::consts::SIGHUP];
        #[cfg(not(unix))]
        let signals = [SIGINT, SIGTERM];
        for signal in signals {
            signal_hook::flag::register(signal, Arc::clone(&flag))
                .map_err(|error| Problem::new(format!("cannot listen for Ctrl-C: {error}")))?;
        }
        Ok(Interrupt(flag))
    }

    /// Whether they do.
    pub fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Ends the process, its group, and what has left the group but still carries the token.
pub fn kill(child: &mut Child, token: &str) {
    // What has ended already is no error.
    let _: io::Result<()> = child.kill();
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
    // One may start another while we look.
    for _ in 0..20 {
        if !kill_carriers(token) {
            break;
        }
    }
    let _ = child.wait();
}

/// Ends all processes that carry the token; whether there were any.
#[cfg(target_os = "linux")]
fn kill_carriers(token: &str) -> bool {
    use rustix::process::{Pid, Signal, kill_process};
    let wanted = format!("{TOKEN}={token}");
    let own = std::process::id().to_string();
    let mut found = false;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| **name != *own) else {
            continue;
        };
        let Some(pid) = name.parse().ok().and_then(Pid::from_raw) else {
            continue;
        };
        // One that has ended, and one of another user, cannot be read.
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else {
            continue;
        };
        let mut variables = environment.split(|byte| *byte == 0);
        if variables.any(|it| it == wanted.as_bytes()) {
            found |= kill_process(pid, Signal::KILL).is_ok();
        }
    }
    found
}

#[cfg(not(target_os = "linux"))]
fn kill_carriers(_token: &str) -> bool {
    false
}
