//! Telling Python 2 from broken Python 3.

use ruff_python_ast::token::{Token, TokenKind};
use ruff_python_ast::{ModModule, PythonVersion};
use ruff_python_parser::{Parsed, UnsupportedSyntaxErrorKind};
use ruff_text_size::{Ranged, TextSize};

/// Where and by what a module that does not parse shows itself to be Python 2.
pub(crate) fn detect(source: &str, parsed: &Parsed<ModModule>) -> Option<(TextSize, &'static str)> {
    // Legal again from 3.14 on, with another meaning, so it is no error to the parser.
    let handler = parsed.unsupported_syntax_errors().iter().find(|it| {
        it.kind == UnsupportedSyntaxErrorKind::UnparenthesizedExceptionTypes
            && it.target_version < PythonVersion::PY314
    });
    if let Some(handler) = handler {
        return Some((handler.range.start(), "`except A, e:`"));
    }
    if parsed.errors().is_empty() {
        return None;
    }
    let tokens: Vec<&Token> = parsed
        .tokens()
        .iter()
        .filter(|it| !matches!(it.kind(), TokenKind::Comment | TokenKind::NonLogicalNewline))
        .collect();
    let mut starts_statement = true;
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens
            .get(at + 1)
            .map_or(TokenKind::EndOfFile, |it| it.kind());
        let touching = tokens
            .get(at + 1)
            .is_some_and(|it| it.start() == token.end());
        let text = &source[token.range()];
        let what = match token.kind() {
            TokenKind::Name if starts_statement && is_operand(next) => match text {
                "print" => "`print` without parentheses",
                "exec" => "`exec` without parentheses",
                _ => "",
            },
            TokenKind::Unknown if text.starts_with('`') => "backticks",
            TokenKind::Except => handler_of(&tokens[at + 1..]),
            TokenKind::Less if next == TokenKind::Greater && touching => "`<>`",
            TokenKind::Name
                if touching && next == TokenKind::String && text.eq_ignore_ascii_case("ur") =>
            {
                "the string prefix `ur`"
            }
            _ => "",
        };
        if !what.is_empty() {
            return Some((token.start(), what));
        }
        starts_statement = matches!(
            token.kind(),
            TokenKind::Newline
                | TokenKind::Indent
                | TokenKind::Dedent
                | TokenKind::Semi
                | TokenKind::Colon
        );
    }
    None
}

/// Whether a token can only be the start of an operand, so that a name before it is no Python 3 expression.
fn is_operand(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Name
            | TokenKind::String
            | TokenKind::FStringStart
            | TokenKind::Int
            | TokenKind::Float
            | TokenKind::Complex
            | TokenKind::None
            | TokenKind::True
            | TokenKind::False
            | TokenKind::Lbrace
    )
}

/// `except A, e:`, by the tokens after `except`.
fn handler_of(tokens: &[&Token]) -> &'static str {
    let mut depth = 0usize;
    for token in tokens {
        match token.kind() {
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => depth += 1,
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => {
                depth = depth.saturating_sub(1);
            }
            TokenKind::Comma if depth == 0 => return "`except A, e:`",
            TokenKind::Colon | TokenKind::Newline if depth == 0 => break,
            _ => {}
        }
    }
    ""
}
