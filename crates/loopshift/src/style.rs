//! The few styles of the output. `anstream` drops them where the output is no terminal.

use anstyle::{AnsiColor, Style};

/// A heading.
pub(crate) const BOLD: Style = Style::new().bold();
/// What is less important.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What is good, or added.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
/// What is wrong, or removed.
pub(crate) const RED: Style = AnsiColor::Red.on_default();
/// What needs attention.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Where something is.
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();

/// `text` in `style`.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
