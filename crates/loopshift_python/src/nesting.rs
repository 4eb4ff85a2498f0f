//! How deeply a text is nested, measured without a tree.
//!
//! The parser grows its stack as it needs; what walks or drops the tree does not. So depth is bounded before anything else
//! looks at a tree. What is counted: blocks, brackets, and in each bracket the operators that put one expression into
//! another (`a + b + c` is as deep as it is long, `a and b and c` and `a < b < c` are not).

use ruff_python_ast::token::{Token, TokenKind};
use ruff_text_size::TextSize;

pub(crate) const LIMIT: usize = 1_000;

/// How deep the place is that the tokens so far lead to.
#[derive(Default)]
struct Depth {
    blocks: usize,
    /// The sum of all open brackets but the innermost, and of the operators in them.
    outside: usize,
    /// The expressions in the open brackets that go on after the bracket.
    open: Vec<Operators>,
    current: Operators,
}

/// Operators of one expression, each of which puts what it has on its left or right one level deeper.
#[derive(Default, Clone, Copy)]
struct Operators {
    /// Those that bind less than `and` and `or`.
    loose: usize,
    /// The others since the last `and` or `or`.
    tight: usize,
}

/// What a token does to the depth.
enum Step {
    /// A bracket, that may be a call or subscript of what stands before it.
    Open,
    /// A string with expressions in it, that stands beside another at most.
    OpenString,
    Close,
    /// The next expression stands beside the last one.
    Beside,
    BesideTight,
    Loose,
    Tight,
    Indent,
    Dedent,
    Nothing,
}

impl Depth {
    /// Counts one token, and returns the depth after it.
    fn step(&mut self, step: &Step) -> usize {
        match step {
            Step::Open | Step::OpenString => {
                self.current.tight += usize::from(matches!(step, Step::Open));
                self.outside += self.current.loose + self.current.tight + 1;
                self.open.push(std::mem::take(&mut self.current));
            }
            Step::Close => {
                if let Some(outer) = self.open.pop() {
                    self.outside -= outer.loose + outer.tight + 1;
                    self.current = outer;
                }
            }
            Step::Beside => self.current = Operators::default(),
            Step::BesideTight => self.current.tight = 0,
            Step::Loose => self.current.loose += 1,
            Step::Tight => self.current.tight += 1,
            Step::Indent => self.blocks += 1,
            Step::Dedent => self.blocks = self.blocks.saturating_sub(1),
            Step::Nothing => {}
        }
        self.blocks + self.outside + self.current.loose + self.current.tight
    }
}

fn step_of(kind: TokenKind) -> Step {
    match kind {
        TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => Step::Open,
        TokenKind::FStringStart | TokenKind::TStringStart => Step::OpenString,
        TokenKind::Rpar
        | TokenKind::Rsqb
        | TokenKind::Rbrace
        | TokenKind::FStringEnd
        | TokenKind::TStringEnd => Step::Close,
        TokenKind::Comma | TokenKind::Newline | TokenKind::Semi => Step::Beside,
        TokenKind::And | TokenKind::Or => Step::BesideTight,
        TokenKind::Lambda | TokenKind::Else => Step::Loose,
        TokenKind::Not
        | TokenKind::Await
        | TokenKind::Dot
        | TokenKind::Plus
        | TokenKind::Minus
        | TokenKind::Star
        | TokenKind::Slash
        | TokenKind::Percent
        | TokenKind::At
        | TokenKind::DoubleStar
        | TokenKind::DoubleSlash
        | TokenKind::LeftShift
        | TokenKind::RightShift
        | TokenKind::Amper
        | TokenKind::Vbar
        | TokenKind::CircumFlex
        | TokenKind::Tilde => Step::Tight,
        TokenKind::Indent => Step::Indent,
        TokenKind::Dedent => Step::Dedent,
        _ => Step::Nothing,
    }
}

/// Where the nesting of `tokens` exceeds the limit, which that of their text does not by [`too_deep_in_text`].
pub(crate) fn too_deep(tokens: &[Token]) -> Option<TextSize> {
    let hides = |token: &Token| {
        matches!(
            token.kind(),
            TokenKind::FStringStart | TokenKind::TStringStart
        )
    };
    if !tokens.iter().any(hides) {
        return None;
    }
    let mut depth = Depth::default();
    tokens
        .iter()
        .find(|token| depth.step(&step_of(token.kind())) > LIMIT)
        .map(ruff_text_size::Ranged::start)
}

/// Where the nesting of `source` exceeds the limit, by a first look at its bytes: false alarms of that look are settled
/// by the tokens. It may miss what is nested inside f-strings.
pub(crate) fn too_deep_in_text(source: &str) -> Option<TextSize> {
    let suspect = scan(source.as_bytes())?;
    let mut depth = Depth::default();
    let mut lexer = ruff_python_parser::lexer::lex(source, ruff_python_parser::Mode::Module);
    loop {
        let kind = lexer.next_token();
        if kind == TokenKind::EndOfFile {
            return None;
        }
        if depth.step(&step_of(kind)) > LIMIT {
            return Some(TextSize::new(suspect as u32));
        }
    }
}

/// Whether a byte may be part of a word.
const IN_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    table
};

/// Whether a byte changes nothing where no word is: blanks, digits, and what is not ASCII.
const IDLE: [bool; 256] = {
    let counts = b"()[]{},;.+-*/%@&|^~<>#\"'\\\n\r_";
    let mut table = [true; 256];
    let mut at = 0;
    while at < counts.len() {
        table[counts[at] as usize] = false;
        at += 1;
    }
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphabetic() {
            table[byte] = false;
        }
        byte += 1;
    }
    table
};

/// Where the nesting seems to exceed the limit, strings aside; no less deep than by the tokens.
fn scan(bytes: &[u8]) -> Option<usize> {
    let mut depth = Depth::default();
    let mut at = 0;
    loop {
        let idle = bytes.get(at..)?.iter().position(|it| !IDLE[*it as usize])?;
        at += idle;
        let start = at;
        let byte = bytes[start];
        at += 1;
        let step = match byte {
            b'(' | b'[' | b'{' => Step::Open,
            b')' | b']' | b'}' => Step::Close,
            b',' | b';' => Step::Beside,
            b'.' | b'+' | b'-' | b'*' | b'/' | b'%' | b'@' | b'&' | b'|' | b'^' | b'~' | b'<'
            | b'>' => Step::Tight,
            b'#' => {
                at = end_of_line(bytes, at);
                Step::Nothing
            }
            b'"' | b'\'' => {
                at = end_of_string(bytes, start);
                Step::Nothing
            }
            b'\\' => {
                at += 1;
                Step::Nothing
            }
            b'\n' | b'\r' if depth.open.is_empty() => {
                let indentation = bytes[at..]
                    .iter()
                    .take_while(|it| matches!(it, b' ' | b'\t'))
                    .count();
                depth.blocks = indentation;
                at += indentation;
                Step::Beside
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let rest = &bytes[start..];
                let word = rest.iter().take_while(|it| IN_WORD[**it as usize]);
                let word = &rest[..word.count()];
                at = start + word.len();
                // Most words are none of these, as their first letters show.
                if !matches!(byte, b'a' | b'e' | b'l' | b'n' | b'o') {
                    continue;
                }
                match word {
                    b"and" | b"or" => Step::BesideTight,
                    b"lambda" | b"else" => Step::Loose,
                    b"not" | b"await" => Step::Tight,
                    _ => Step::Nothing,
                }
            }
            _ => Step::Nothing,
        };
        if !matches!(step, Step::Nothing) && depth.step(&step) > LIMIT {
            return Some(start);
        }
    }
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    memchr::memchr2(b'\n', b'\r', &bytes[at..]).map_or(bytes.len(), |it| at + it)
}

/// The end of the string whose first quote is at `start`; of the line where it does not end.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let tripled = bytes[start..].starts_with(&[quote; 3]);
    let mut at = start + if tripled { 3 } else { 1 };
    while let Some(found) = memchr::memchr3(quote, b'\\', b'\n', &bytes[at.min(bytes.len())..]) {
        at += found;
        match bytes[at] {
            b'\\' => at += 2,
            b'\n' if tripled => at += 1,
            b'\n' => return at,
            _ if !tripled => return at + 1,
            _ if bytes[at..].starts_with(&[quote; 3]) => return at + 3,
            _ => at += 1,
        }
    }
    bytes.len()
}
