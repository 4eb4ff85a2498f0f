//! The picture of a diff for the README: what the program prints in a terminal, as an SVG.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Result, root};

/// The command that the picture shows.
const ARGUMENTS: [&str; 4] = ["migrate", "examples/crawler", "--to", "anyio"];

/// The size of the letters, and of the space around all, in pixels.
const LETTER: usize = 13;
const MARGIN: usize = 16;

/// The cells that letters stand in: their width in hundredths of a pixel, their height in pixels.
const CELL_WIDTH: usize = 783;
const CELL_HEIGHT: usize = 18;

/// Colours for light and dark surroundings: what an image in a page is drawn with follows the reader's settings.
const STYLE: &str = "\
    .frame { fill: #ffffff; stroke: #d0d7de }
    text { font: 13px ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #1f2328; white-space: pre }
    .bold { font-weight: 600 } .dim { fill: #656d76 } .green { fill: #116329 } .red { fill: #a40e26 }
    .yellow { fill: #7d4e00 } .cyan { fill: #0550ae } .added { fill: #dafbe1 } .removed { fill: #ffebe9 }
    @media (prefers-color-scheme: dark) {
      .frame { fill: #0d1117; stroke: #30363d }
      text { fill: #e6edf3 }
      .dim { fill: #8b949e } .green { fill: #7ee787 } .red { fill: #ffa198 }
      .yellow { fill: #e3b341 } .cyan { fill: #79c0ff } .added { fill: #12261e } .removed { fill: #25171c }
    }
";

/// The picture's path, and what it should hold.
pub(crate) fn picture(loopshift: &Path) -> Result<(PathBuf, String)> {
    let mut command = Command::new(loopshift);
    command
        .args(ARGUMENTS)
        .args(["--color", "always", "--no-cache"])
        .current_dir(root())
        .stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    // 1 says that there are changes.
    if output.status.code() != Some(1) {
        return Err(format!("{command:?} shows no diff ({})", output.status));
    }
    let printed = String::from_utf8(output.stdout)
        .map_err(|error| format!("{command:?} prints no UTF-8: {error}"))?;
    let shown = format!("$ loopshift {}\n{printed}", ARGUMENTS.join(" "));
    Ok((root().join("docs/images/diff.svg"), svg(&shown)?))
}

/// A piece of a line in one style.
#[derive(Debug, PartialEq)]
struct Span {
    class: &'static str,
    text: String,
}

/// What a terminal would show for `text`, as an image.
fn svg(text: &str) -> Result<String> {
    let lines: Vec<Vec<Span>> = text.lines().map(spans).collect::<Result<_>>()?;
    let columns = |line: &Vec<Span>| line.iter().map(|span| span.text.chars().count()).sum();
    let widest: usize = lines.iter().map(columns).max().unwrap_or(0);
    let width = (widest * CELL_WIDTH).div_ceil(100) + 2 * MARGIN;
    let height = lines.len() * CELL_HEIGHT + 2 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <!-- `cargo xtask generate` makes this file from the program. -->\n\
         <title>What loopshift {} prints</title>\n\
         <style>\n{STYLE}</style>\n\
         <rect class=\"frame\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"6\"/>\n",
        ARGUMENTS.join(" "),
        width - 1,
        height - 1,
    );
    for (index, line) in lines.iter().enumerate() {
        let top = MARGIN + index * CELL_HEIGHT;
        let behind = match line.as_slice() {
            [span] if span.class == "green" && span.text.starts_with('+') => Some("added"),
            [span] if span.class == "red" && span.text.starts_with('-') => Some("removed"),
            _ => None,
        };
        // Writing to a string does not fail.
        if let Some(class) = behind {
            let _ = writeln!(
                out,
                "<rect class=\"{class}\" x=\"1\" y=\"{top}\" width=\"{}\" height=\"{CELL_HEIGHT}\"/>",
                width - 2
            );
        }
        if line.is_empty() {
            continue;
        }
        let base = top + usize::midpoint(CELL_HEIGHT, LETTER) - 2;
        let _ = write!(
            out,
            "<text x=\"{MARGIN}\" y=\"{base}\" xml:space=\"preserve\">"
        );
        for span in line {
            let text = escaped(&span.text);
            let _ = match span.class {
                "" => write!(out, "{text}"),
                class => write!(out, "<tspan class=\"{class}\">{text}</tspan>"),
            };
        }
        out.push_str("</text>\n");
    }
    out.push_str("</svg>\n");
    Ok(out)
}

/// The pieces of a line by the escapes in it. Only what the program uses is known.
fn spans(line: &str) -> Result<Vec<Span>> {
    let mut spans = Vec::new();
    let mut class = "";
    for (index, piece) in line.split("\u{1b}[").enumerate() {
        let text = if index == 0 {
            piece
        } else {
            let (code, text) = piece
                .split_once('m')
                .ok_or_else(|| format!("an escape without an end in {line:?}"))?;
            class = match code {
                "0" => "",
                "1" => "bold",
                "2" => "dim",
                "31" => "red",
                "32" => "green",
                "33" => "yellow",
                "36" => "cyan",
                code => return Err(format!("the picture has no style for the escape {code}")),
            };
            text
        };
        if !text.is_empty() {
            spans.push(Span {
                class,
                text: text.to_owned(),
            });
        }
    }
    Ok(spans)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{Span, spans, svg};

    #[test]
    fn escapes_become_styles() {
        let span = |class, text: &str| Span {
            class,
            text: text.to_owned(),
        };
        assert_eq!(
            spans("a \u{1b}[31m-b\u{1b}[0m c").expect("known escapes"),
            [span("", "a "), span("red", "-b"), span("", " c")]
        );
        assert!(spans("\u{1b}[7mx").is_err());
        assert!(spans("\u{1b}[7").is_err());
    }

    #[test]
    fn text_cannot_break_the_picture() {
        let svg = svg("\u{1b}[32m+a < b & c\u{1b}[0m\n").expect("known escapes");
        assert!(svg.contains(">+a &lt; b &amp; c<"), "{svg}");
        assert!(svg.contains("class=\"added\""), "{svg}");
    }
}
