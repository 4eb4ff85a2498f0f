//! What a program printed, up to a bound: the beginning and the end of a flood.

use std::io::Read;

/// How much is kept of each end.
const KEPT: usize = 1 << 20;

/// What was printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The beginning.
    pub head: Vec<u8>,
    /// The end, as far as it is not in the beginning.
    pub tail: Vec<u8>,
    /// How many bytes between them were dropped.
    pub dropped: u64,
}

impl Output {
    /// Reads all of a stream.
    pub fn read(mut stream: impl Read) -> Self {
        let mut output = Output::default();
        let mut buffer = vec![0; 1 << 16];
        // A stream that breaks has ended.
        while let Ok(n @ 1..) = stream.read(&mut buffer) {
            output.add(&buffer[..n]);
        }
        output.trim();
        output
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = KEPT - self.head.len();
        let (head, tail) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        self.tail.extend_from_slice(tail);
        if self.tail.len() > 2 * KEPT {
            self.trim();
        }
    }

    fn trim(&mut self) {
        let extra = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..extra);
        self.dropped += extra as u64;
    }

    /// The text, with a line where something was dropped.
    pub fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if self.dropped > 0 {
            text.push_str("\n[much more was printed here]\n");
        }
        text.push_str(&String::from_utf8_lossy(&self.tail));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_keeps_both_ends() {
        let mut flood = b"first".to_vec();
        flood.resize(5 * KEPT, b'.');
        flood.extend_from_slice(b"last");
        let length = flood.len();
        let output = Output::read(flood.as_slice());
        assert!(output.head.starts_with(b"first"));
        assert!(output.tail.ends_with(b"last"));
        assert_eq!(output.dropped as usize, length - 2 * KEPT);
        let small = Output::read(&b"one\ntwo\n"[..]);
        assert_eq!((small.text().as_str(), small.dropped), ("one\ntwo\n", 0));
    }
}
