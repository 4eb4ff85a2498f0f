//! Bytes to text and back.
#![allow(missing_docs)]

use loopshift_python::decode::{SourceEncoding, decode, encode};
use proptest::prelude::*;

#[test]
fn encodings_are_found_and_kept() {
    let cases: &[(&[u8], &str)] = &[
        (b"", ""),
        (b"x = 1\r\ny\r", "x = 1\r\ny\r"),
        (b"\xef\xbb\xbfx\n", "x\n"),
        (b"\xef\xbb\xbf# coding: utf-8\nx\n", "# coding: utf-8\nx\n"),
        ("é".as_bytes(), "é"),
        (
            b"# -*- coding: latin-1 -*-\n'\xe9\x80\xff'\n",
            "# -*- coding: latin-1 -*-\n'é\u{80}ÿ'\n",
        ),
        (
            b"#!/usr/bin/python\n# vim: set fileencoding=iso-8859-15 :\n'\xa4'\n",
            "#!/usr/bin/python\n# vim: set fileencoding=iso-8859-15 :\n'€'\n",
        ),
        (b"\n# coding=cp1252\n'\x80'", "\n# coding=cp1252\n'€'"),
        (
            b"\n\n# coding: latin-1\n\xc3\xa9",
            "\n\n# coding: latin-1\né",
        ),
        (
            b"x = 1\n# coding: latin-1\n\xc3\xa9",
            "x = 1\n# coding: latin-1\né",
        ),
        (b"# coding: euc_jp\n'\xa4\xa2'", "# coding: euc_jp\n'あ'"),
        (b"# coding: koi8-r\r\n'\xc1'", "# coding: koi8-r\r\n'а'"),
        (b"\x0c# encoding: UTF8\n", "\x0c# encoding: UTF8\n"),
        (b"# coding: Latin_1\n\xe9", "# coding: Latin_1\né"),
    ];
    for (bytes, text) in cases {
        let decoded = decode(bytes).unwrap_or_else(|error| panic!("{error} in {text:?}"));
        assert_eq!(&decoded.text, text);
        assert_eq!(&encode(&decoded, &decoded.text).unwrap(), bytes);
    }
}

#[test]
fn what_can_not_be_read_is_said() {
    let cases: &[(&[u8], usize, &str)] = &[
        (b"x\ny\n\xe9", 3, "byte 0xe9 is not UTF-8"),
        (b"x\r\ny\0", 2, "NUL"),
        (b"\n# coding: klingon\n", 2, "unknown encoding `klingon`"),
        (b"# coding: utf-16\n", 1, "unknown encoding `utf-16`"),
        (b"# coding: ascii\n\xe9", 2, "byte 0xe9 is not ascii"),
        (b"# coding: cp1252\r\r\x81", 3, "byte 0x81 is not cp1252"),
        (b"# coding: euc-jp\n\xa4", 2, "is not euc-jp"),
        (b"\xef\xbb\xbf# coding: latin-1\n", 1, "byte order mark"),
    ];
    for (bytes, line, message) in cases {
        let error = decode(bytes).expect_err(message);
        assert_eq!(error.line, *line, "{error}");
        assert!(error.message.contains(message), "{error}");
    }
}

#[test]
fn what_can_not_be_written_is_said() {
    let latin = decode(b"# coding: latin-1\n").unwrap();
    assert_eq!(latin.encoding, SourceEncoding::Latin1);
    assert_eq!(encode(&latin, "é").unwrap(), b"\xe9");
    let error = encode(&latin, "x\n€").unwrap_err();
    assert_eq!(error.line, 2);
    assert!(error.message.contains('€'), "{error}");
    let cyrillic = decode(b"# coding: koi8-r\n").unwrap();
    assert!(encode(&cyrillic, "é").unwrap_err().message.contains('é'));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_kept_or_refused(head in 0usize..6, tail in proptest::collection::vec(any::<u8>(), 0..60)) {
        let heads: [&[u8]; 6] = [
            b"", b"# coding: latin-1\n", b"# coding: cp1251\n", b"# coding: gb18030\n", b"# coding: shift_jis\n", b"\xef\xbb\xbf",
        ];
        let bytes = [heads[head], &tail].concat();
        if let Ok(decoded) = decode(&bytes) {
            prop_assert_eq!(decoded.encode(&decoded.text).unwrap(), bytes);
        }
    }

    #[test]
    fn latin_1_is_exact(tail in proptest::collection::vec(1u8.., 0..60)) {
        let bytes = [b"# coding: latin-1\n", &tail[..]].concat();
        let decoded = decode(&bytes).unwrap();
        let expected: String = bytes.iter().map(|&it| char::from(it)).collect();
        prop_assert_eq!(decoded.text, expected);
    }
}
