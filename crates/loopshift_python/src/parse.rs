//! Parsing with the pinned parser, guarded against input that would exhaust the stack.

use ruff_python_ast::token::Tokens;
use ruff_python_ast::{ModModule, PythonVersion};
use ruff_python_parser::{
    Mode, ParseError, ParseOptions, Parsed, UnsupportedSyntaxError, parse_unchecked,
};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::nesting;
use crate::python2;
use crate::quoted::{self, Quoted};

/// A parsed module. Annotations in strings are code in its tree.
#[derive(Debug)]
pub struct ParsedModule(Kind);

/// Whether annotations stand in strings.
#[derive(Debug)]
enum Kind {
    /// None does.
    Plain(Parsed<ModModule>),
    /// Some do. The parser does not part with its tokens, so these are a copy.
    Quoting {
        module: ModModule,
        tokens: Tokens,
        unsupported: Vec<UnsupportedSyntaxError>,
        quoted: Vec<Quoted>,
    },
}

impl ParsedModule {
    fn new(source: &str, parsed: Parsed<ModModule>) -> Self {
        with_deep_stack(|| {
            let Some(read) = quoted::read(source, parsed.syntax()) else {
                return ParsedModule(Kind::Plain(parsed));
            };
            let tokens = parsed.tokens().clone();
            let unsupported = parsed.unsupported_syntax_errors().to_vec();
            let mut module = parsed.into_syntax();
            let quoted = read.put(&mut module);
            ParsedModule(Kind::Quoting {
                module,
                tokens,
                unsupported,
                quoted,
            })
        })
    }

    /// The tree.
    pub fn syntax(&self) -> &ModModule {
        match &self.0 {
            Kind::Plain(parsed) => parsed.syntax(),
            Kind::Quoting { module, .. } => module,
        }
    }

    /// The tokens, those of strings as they are written.
    pub fn tokens(&self) -> &Tokens {
        match &self.0 {
            Kind::Plain(parsed) => parsed.tokens(),
            Kind::Quoting { tokens, .. } => tokens,
        }
    }

    /// Syntax that the oldest Python does not have.
    pub fn unsupported_syntax_errors(&self) -> &[UnsupportedSyntaxError] {
        match &self.0 {
            Kind::Plain(parsed) => parsed.unsupported_syntax_errors(),
            Kind::Quoting { unsupported, .. } => unsupported,
        }
    }

    /// The code that stands in strings.
    fn quoted(&self) -> &[Quoted] {
        match &self.0 {
            Kind::Plain(_) => &[],
            Kind::Quoting { quoted, .. } => quoted,
        }
    }

    /// The range of an annotation as it is written: with the quotes, where all of it stands in a string.
    pub fn as_written(&self, annotation: TextRange) -> TextRange {
        let around = self
            .quoted()
            .iter()
            .filter(|it| it.code == annotation)
            .map(|it| it.string);
        around.max_by_key(|it| it.len()).unwrap_or(annotation)
    }

    /// Whether something stands in a string that is code.
    pub fn is_in_string(&self, range: TextRange) -> bool {
        let mut strings = self.quoted().iter();
        strings.any(|it| it.string.contains_range(range))
    }
}

/// Why a text is no module that can be worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The first error.
    pub kind: SyntaxErrorKind,
    /// Where it is.
    pub offset: TextSize,
    /// Its line, from 1.
    pub line: usize,
    /// Its column, from 1, in characters.
    pub column: usize,
    /// What is wrong, in words.
    pub message: String,
}

/// The kinds of [`SyntaxError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntaxErrorKind {
    /// The text is no Python.
    Syntax,
    /// The text is Python 2.
    Python2,
    /// Blocks or expressions are nested too deeply.
    TooDeep,
    /// The text is larger than what offsets can express (4 GiB).
    TooLarge,
}

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for SyntaxError {}

impl SyntaxError {
    fn new(source: &str, offset: TextSize, kind: SyntaxErrorKind, message: String) -> Self {
        let (line, column) = line_index(source).line_column(offset);
        SyntaxError {
            kind,
            offset,
            line,
            column,
            message,
        }
    }
}

/// Parses a module. Syntax that is newer than `version` is no error; ask the result for it.
///
/// # Errors
/// The first syntax error, or what makes the text unfit for work: Python 2, and nesting beyond [`MAX_NESTING`].
pub fn parse_module(source: &str, version: PythonVersion) -> Result<ParsedModule, SyntaxError> {
    use SyntaxErrorKind::{Python2, Syntax, TooDeep, TooLarge};
    if u32::try_from(source.len()).is_err() {
        let message = "the file is larger than 4 GiB".to_owned();
        return Err(SyntaxError::new("", TextSize::default(), TooLarge, message));
    }
    let too_deep = |offset: TextSize| {
        let message = format!("blocks or expressions are nested more than {MAX_NESTING} deep");
        SyntaxError::new(source, offset, TooDeep, message)
    };
    // The parser takes memory for each level, so what is far too deep must not reach it.
    if let Some(offset) = nesting::too_deep_in_text(source) {
        return Err(too_deep(offset));
    }
    let parsed = parse_recovering(source, version);
    if let Some(offset) = nesting::too_deep(parsed.tokens()) {
        // Dropping the tree recurses.
        with_deep_stack(|| drop(parsed));
        return Err(too_deep(offset));
    }
    if let Some((offset, what)) = python2::detect(source, &parsed) {
        let message = format!("this is Python 2 ({what}); loopshift reads Python 3 only");
        return Err(SyntaxError::new(source, offset, Python2, message));
    }
    match parsed.errors() {
        [] => Ok(ParsedModule::new(source, parsed)),
        [first, ..] => {
            let ParseError { error, location } = first;
            Err(SyntaxError::new(
                source,
                location.start(),
                Syntax,
                error.to_string(),
            ))
        }
    }
}

/// A module without statements, to stand in for one that can't be parsed.
pub fn empty_module() -> ParsedModule {
    ParsedModule::new("", parse_recovering("", PythonVersion::latest()))
}

/// Parses whatever there is, recovering from errors, without the guards of [`parse_module`].
pub(crate) fn parse_recovering(source: &str, version: PythonVersion) -> Parsed<ModModule> {
    let options = ParseOptions::from(Mode::Module).with_target_version(version);
    parse_unchecked(source, options)
        .try_into_module()
        .expect("a module was asked for")
}

/// The deepest nesting that is accepted: blocks, brackets and operators in each other, counted together.
pub const MAX_NESTING: usize = nesting::LIMIT;

/// Runs `f` where the stack has room for the deepest tree that [`parse_module`] accepts. Everything that walks a whole tree
/// recursively should run in it, on threads of any size.
pub fn with_deep_stack<R>(f: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(STACK, 2 * STACK, f)
}

const STACK: usize = 16 * 1024 * 1024;

/// Lines and columns of a text.
pub struct LineIndex<'a> {
    source: &'a str,
    starts: Vec<TextSize>,
}

/// The lines of `source`; `\n`, `\r\n` and `\r` end one.
pub fn line_index(source: &str) -> LineIndex<'_> {
    LineIndex {
        source,
        starts: line_starts(source),
    }
}

/// Where the lines of `source` start, the first at 0.
pub fn line_starts(source: &str) -> Vec<TextSize> {
    crate::layout::line_starts(source)
}

impl LineIndex<'_> {
    /// How many lines there are; the empty one after the last line end counts.
    pub fn line_count(&self) -> usize {
        self.starts.len()
    }

    /// The line of an offset, from 1.
    pub fn line(&self, offset: TextSize) -> usize {
        self.starts.partition_point(|&it| it <= offset)
    }

    /// The line and the column, in characters, of an offset, both from 1. An offset beyond the end counts as the end, one
    /// inside a character as its start.
    pub fn line_column(&self, offset: TextSize) -> (usize, usize) {
        let line = self.line(offset);
        let start = self.starts[line - 1].to_usize();
        let offset = self.source.floor_char_boundary(offset.to_usize());
        let before = self.source.get(start..offset).unwrap_or("");
        (line, before.chars().count() + 1)
    }

    /// The range of a line, from 1, without its line end.
    pub fn line_range(&self, line: usize) -> Option<TextRange> {
        let start = *self.starts.get(line.checked_sub(1)?)?;
        let end = self
            .starts
            .get(line)
            .copied()
            .unwrap_or(TextSize::of(self.source));
        let text = self.source[TextRange::new(start, end)].trim_end_matches(['\n', '\r']);
        Some(TextRange::at(start, TextSize::of(text)))
    }

    /// The offset of a line and a column, both from 1, columns in characters; none where there is no such place. The column
    /// after the last character is one.
    pub fn offset(&self, line: usize, column: usize) -> Option<TextSize> {
        let range = self.line_range(line)?;
        let text = &self.source[range];
        let ends = text.char_indices().map(|it| it.0).chain([text.len()]);
        let at = ends.into_iter().nth(column.checked_sub(1)?)?;
        Some(range.start() + TextSize::new(at as u32))
    }
}

/// The range of an error, for those who want to mark it.
impl Ranged for SyntaxError {
    fn range(&self) -> TextRange {
        TextRange::empty(self.offset)
    }
}
