//! Bytes to text: UTF-8 with or without a byte order mark, and a clear word about everything else. Pure.
//!
//! A NUL byte or a wrong encoding means another program wrote the file; nothing in it is worth parsing.

use crate::model::text::Text;
use crate::text::diagnostic::say;

/// Largest file that is read. A site of 10,000 devices has about 2 MiB.
pub const BYTES_MAX: u64 = 16 << 20;

/// Why bytes are not text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeFault {
    /// What is wrong.
    pub message: Text,
    /// What to do.
    pub help: Text,
    /// The text up to the fault, to show the place; it ends where the fault begins.
    pub before: String,
}

/// The text of a file, without its byte order mark.
pub fn text(bytes: &[u8]) -> Result<&str, DecodeFault> {
    let save_as_utf8 = || say("save the file again as UTF-8", "请将文件另存为 UTF-8");
    let fault = |message: Text, help: Text, upto: &[u8]| DecodeFault {
        message,
        help,
        before: String::from_utf8_lossy(upto).into_owned(),
    };
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(fault(
            say("this file is UTF-16, not UTF-8", "此文件为 UTF-16 编码，不是 UTF-8"),
            save_as_utf8(),
            &[],
        ));
    }
    let body = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    if let Some(at) = body.iter().position(|b| *b == 0) {
        let zeros = body.iter().take(64).filter(|b| **b == 0).count();
        let (message, help) = if zeros > 16 && at < 2 {
            (say("this file looks like UTF-16, not UTF-8", "此文件疑似 UTF-16 编码，不是 UTF-8"), save_as_utf8())
        } else {
            (
                say(
                    "there is a NUL byte here: this is not a text file, or it was damaged",
                    "此处有 NUL 字节：不是文本文件，或文件已损坏",
                ),
                say("restore the file from a copy", "请用备份恢复该文件"),
            )
        };
        return Err(fault(message, help, body.get(..at).unwrap_or(&[])));
    }
    std::str::from_utf8(body).map_err(|why| {
        let upto = body.get(..why.valid_up_to()).unwrap_or(&[]);
        fault(
            say("here is a byte that is not UTF-8 (is the file GBK?)", "此处不是 UTF-8 编码（文件是否为 GBK？）"),
            save_as_utf8(),
            upto,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_is_wrong() {
        assert_eq!(text(b"a = 1").unwrap(), "a = 1");
        assert_eq!(text(b"\xEF\xBB\xBFa = 1").unwrap(), "a = 1");
        let check = |bytes: &[u8], word: &str, before: &str| {
            let fault = text(bytes).unwrap_err();
            assert!(fault.message.en.contains(word), "{bytes:?}: {}", fault.message.en);
            assert_eq!(fault.before, before);
        };
        check(b"\xFF\xFEa\0", "UTF-16", "");
        check(&"a = 12345678901234567890".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(), "UTF-16", "a");
        check(b"a = \"\0\"", "NUL", "a = \"");
        check(b"a\n\xC4\xE3", "UTF-8", "a\n");
    }
}
