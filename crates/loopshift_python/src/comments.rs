//! Comments, from the tokens.

use crate::parse::ParsedModule;
use ruff_python_ast::token::TokenKind;
use ruff_text_size::{Ranged, TextRange};

/// The ranges of all comments, from `#` to the end of the line, in order.
pub fn comment_ranges(parsed: &ParsedModule) -> Vec<TextRange> {
    parsed
        .tokens()
        .iter()
        .filter(|token| token.kind() == TokenKind::Comment)
        .map(Ranged::range)
        .collect()
}

/// The texts of all comments, in order, without trailing white space.
pub fn comment_texts<'a>(source: &'a str, parsed: &ParsedModule) -> Vec<&'a str> {
    comment_ranges(parsed)
        .into_iter()
        .map(|range| source[range].trim_end())
        .collect()
}
