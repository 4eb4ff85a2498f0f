//! Bytes to text and back, by byte order mark and coding line (PEP 263).

use encoding_rs::{DecoderResult, Encoding};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// How a file is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceEncoding {
    /// UTF-8, the default.
    Utf8,
    /// ASCII, and nothing else.
    Ascii,
    /// ISO-8859-1: each byte is the character of that number.
    Latin1,
    /// Another one that extends ASCII.
    Other(&'static Encoding),
}

/// A decoded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// The text, without a byte order mark, with its line ends as they are.
    pub text: String,
    /// The encoding of the file.
    pub encoding: SourceEncoding,
    /// Whether the file begins with a byte order mark.
    pub bom: bool,
}

/// Why bytes are no text, or a text can't be written as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodingError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there, and what to do about it.
    pub message: String,
}

impl std::fmt::Display for EncodingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for EncodingError {}

impl EncodingError {
    fn at(before: &[u8], message: String) -> Self {
        let ends = before.iter().enumerate().filter(|&(at, byte)| match byte {
            b'\n' => true,
            b'\r' => before.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        EncodingError {
            line: ends.count() + 1,
            message,
        }
    }
}

/// Decodes a file as Python does.
///
/// # Errors
/// A NUL byte, a codec that is unknown or is none for source files, a byte order mark with another coding line than UTF-8,
/// bytes that the encoding does not have, and a text that would not become the same bytes again.
pub fn decode(bytes: &[u8]) -> Result<SourceText, EncodingError> {
    let (bom, body) = match bytes.strip_prefix(BOM) {
        Some(body) => (true, body),
        None => (false, bytes),
    };
    if let Some(at) = memchr::memchr(0, body) {
        let message = "a NUL byte: this is no Python source; exclude the file, or save it as UTF-8";
        return Err(EncodingError::at(&body[..at], message.to_owned()));
    }
    let declared = coding_line(body);
    let encoding = match &declared {
        None => SourceEncoding::Utf8,
        Some((line, name)) => find(name).ok_or_else(|| EncodingError {
            line: *line,
            message: format!(
                "unknown encoding `{name}`; correct the coding line, or save the file as UTF-8"
            ),
        })?,
    };
    if let (true, Some((line, name))) = (bom, &declared)
        && encoding != SourceEncoding::Utf8
    {
        return Err(EncodingError {
            line: *line,
            message: format!(
                "a UTF-8 byte order mark, but the encoding `{name}`; remove one of them"
            ),
        });
    }
    let name = declared.map_or_else(|| "UTF-8".to_owned(), |it| it.1);
    let malformed = |at: usize| {
        let byte = body.get(at).copied().unwrap_or_default();
        let message = format!(
            "byte 0x{byte:02x} is not {name}; declare the encoding in a coding line, or save the file in it"
        );
        EncodingError::at(&body[..at.min(body.len())], message)
    };
    let text = match encoding {
        SourceEncoding::Utf8 => match std::str::from_utf8(body) {
            Ok(text) => text.to_owned(),
            Err(error) => return Err(malformed(error.valid_up_to())),
        },
        SourceEncoding::Ascii => match body.iter().position(|it| !it.is_ascii()) {
            Some(at) => return Err(malformed(at)),
            None => body.iter().map(|&it| char::from(it)).collect(),
        },
        SourceEncoding::Latin1 => body.iter().map(|&it| char::from(it)).collect(),
        SourceEncoding::Other(encoding) => decode_other(encoding, body).map_err(malformed)?,
    };
    let decoded = SourceText {
        text,
        encoding,
        bom,
    };
    if encoding == SourceEncoding::Utf8 {
        return Ok(decoded);
    }
    // Some encodings have several byte sequences for one character.
    let again = decoded.encode(&decoded.text)?;
    if again != bytes {
        let at = again
            .iter()
            .zip(bytes)
            .take_while(|it| it.0 == it.1)
            .count();
        let message =
            format!("a character in {name} that has several forms; save the file as UTF-8");
        return Err(EncodingError::at(&bytes[..at], message));
    }
    Ok(decoded)
}

impl SourceText {
    /// The bytes of a new text, encoded as this one was.
    ///
    /// # Errors
    /// A character that the encoding does not have.
    pub fn encode(&self, text: &str) -> Result<Vec<u8>, EncodingError> {
        encode(self, text)
    }
}

/// The bytes of `text`, encoded as `like` was.
///
/// # Errors
/// A character that the encoding does not have.
pub fn encode(like: &SourceText, text: &str) -> Result<Vec<u8>, EncodingError> {
    let missing = |(at, character): (usize, char)| {
        let message =
            format!("the file's encoding does not have {character:?}; save it as UTF-8 first");
        EncodingError::at(&text.as_bytes()[..at], message)
    };
    let below = |limit: u32| match text.char_indices().find(|it| u32::from(it.1) >= limit) {
        Some(it) => Err(missing(it)),
        None => Ok(text.chars().map(|it| u32::from(it) as u8).collect()),
    };
    match like.encoding {
        SourceEncoding::Utf8 => {
            let bom = if like.bom { BOM } else { b"" };
            Ok([bom, text.as_bytes()].concat())
        }
        SourceEncoding::Ascii => below(0x80),
        SourceEncoding::Latin1 => below(0x100),
        SourceEncoding::Other(encoding) => {
            let (bytes, _, unmappable) = encoding.encode(text);
            if unmappable {
                let mut buffer = [0; 4];
                let lacks = |it: &(usize, char)| encoding.encode(it.1.encode_utf8(&mut buffer)).2;
                return Err(missing(text.char_indices().find(lacks).unwrap_or((0, '?'))));
            }
            Ok(bytes.into_owned())
        }
    }
}

/// Decodes, or tells the place of the first byte that has no meaning.
fn decode_other(encoding: &'static Encoding, body: &[u8]) -> Result<String, usize> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let capacity = decoder
        .max_utf8_buffer_length_without_replacement(body.len())
        .ok_or(0usize)?;
    let mut text = String::with_capacity(capacity);
    let (result, read) = decoder.decode_to_string_without_replacement(body, &mut text, true);
    match result {
        DecoderResult::InputEmpty => {}
        DecoderResult::Malformed(length, after) => {
            return Err(read.saturating_sub(usize::from(length) + usize::from(after)));
        }
        DecoderResult::OutputFull => return Err(read),
    }
    // The Web's tables fill the holes of the Windows code pages with control characters; Python's have holes there.
    let single_byte = encoding.is_single_byte() && encoding.name().starts_with("windows-");
    if single_byte
        && let Some(at) = text
            .chars()
            .position(|it| ('\u{80}'..'\u{a0}').contains(&it))
    {
        return Err(at);
    }
    Ok(text)
}

/// The line and the name of the encoding that one of the first two lines declares.
fn coding_line(body: &[u8]) -> Option<(usize, String)> {
    let mut rest = body;
    for number in 1..=2 {
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        if let Some(name) = declared_in(line) {
            return Some((number, name));
        }
        let content = line.trim_ascii_start();
        if !(content.is_empty() || content.starts_with(b"#")) {
            return None;
        }
        rest = &rest[end..];
        rest = rest
            .strip_prefix(b"\r\n")
            .or_else(|| rest.get(1..))
            .unwrap_or_default();
    }
    None
}

/// The name in `# … coding: name` or `# … coding=name`.
fn declared_in(line: &[u8]) -> Option<String> {
    let comment = line.trim_ascii_start().strip_prefix(b"#")?;
    let mut rest = comment;
    while let Some(at) = memchr::memmem::find(rest, b"coding") {
        rest = &rest[at + b"coding".len()..];
        let Some(value) = rest.strip_prefix(b":").or_else(|| rest.strip_prefix(b"=")) else {
            continue;
        };
        let name: String = (value.iter())
            .skip_while(|it| matches!(it, b' ' | b'\t'))
            .take_while(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'))
            .map(|&it| char::from(it))
            .collect();
        if !name.is_empty() {
            return Some(name);
        }
    }
    None
}

/// The encoding that Python knows by `name`.
fn find(name: &str) -> Option<SourceEncoding> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let is = |base: &str| name == base || name.starts_with(&format!("{base}-"));
    if is("utf-8") || matches!(&*name, "utf8" | "u8" | "utf" | "cp65001") {
        return Some(SourceEncoding::Utf8);
    }
    let latin1 = [
        "8859",
        "cp819",
        "iso8859",
        "iso8859-1",
        "l1",
        "latin",
        "latin1",
        "csisolatin1",
        "ibm819",
    ];
    if is("latin-1") || is("iso-8859-1") || is("iso-latin-1") || latin1.contains(&&*name) {
        return Some(SourceEncoding::Latin1);
    }
    if matches!(
        &*name,
        "ascii" | "us-ascii" | "646" | "ansi-x3.4-1968" | "iso646-us" | "us"
    ) {
        return Some(SourceEncoding::Ascii);
    }
    let label = match &*name {
        "cp932" | "ms932" | "mskanji" => "shift_jis".to_owned(),
        "cp936" | "ms936" => "gbk".to_owned(),
        "cp949" | "ms949" | "uhc" | "euckr" => "euc-kr".to_owned(),
        "cp950" | "ms950" => "big5".to_owned(),
        "mac-roman" | "macroman" => "macintosh".to_owned(),
        "mac-cyrillic" | "maccyrillic" => "x-mac-cyrillic".to_owned(),
        "eucjp" | "ujis" => "euc-jp".to_owned(),
        // The Web takes these for Windows code pages, which Python does not.
        "iso-8859-9" | "iso8859-9" | "latin5" | "l5" | "iso-8859-11" | "iso8859-11" | "thai"
        | "tis-620" => {
            return None;
        }
        _ => match name
            .strip_prefix("cp")
            .or_else(|| name.strip_prefix("windows-"))
        {
            Some(page) if page.len() == 4 && page.starts_with("125") => format!("windows-{page}"),
            _ => name.clone(),
        },
    };
    let hyphens = label.replace('_', "-");
    let underscores = label.replace('-', "_");
    let encoding = [label, hyphens, underscores]
        .iter()
        .find_map(|it| Encoding::for_label(it.as_bytes()))?;
    // Source files must extend ASCII; what is left of the Web's list are no codecs.
    let unfit = [
        "UTF-8",
        "UTF-16LE",
        "UTF-16BE",
        "replacement",
        "x-user-defined",
        "ISO-2022-JP",
    ];
    (!unfit.contains(&encoding.name())).then_some(SourceEncoding::Other(encoding))
}
