//! Decoding of UTF-8, with or without a byte order mark.

/// A decoded file.
#[derive(Clone, Debug)]
pub struct SourceText {
    /// The text, without a byte order mark.
    pub text: String,
    /// Whether the file begins with a byte order mark.
    pub bom: bool,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Decodes a file.
///
/// # Errors
/// Where it is not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<SourceText, String> {
    let (bom, body) = match bytes.strip_prefix(BOM) {
        Some(body) => (true, body),
        None => (false, bytes),
    };
    match std::str::from_utf8(body) {
        Ok(text) => Ok(SourceText {
            text: text.to_owned(),
            bom,
        }),
        Err(error) => Err(format!("byte {} is not UTF-8", error.valid_up_to())),
    }
}

impl SourceText {
    /// The bytes of a new text, encoded as this one was.
    ///
    /// # Errors
    /// Never: UTF-8 has every character.
    pub fn encode(&self, text: &str) -> Result<Vec<u8>, String> {
        let bom = if self.bom { BOM } else { b"" };
        Ok([bom, text.as_bytes()].concat())
    }
}
