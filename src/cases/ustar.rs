//! Writes a `ustar` archive (POSIX.1-1988): plain files with fixed rights and a time, read by every `tar`. Pure.
//!
//! Limits: names up to 100 bytes, files up to 8 GiB; ours are far below.

/// Bytes of a block.
const BLOCK: usize = 512;

/// An archive in the making.
#[derive(Debug, Default)]
pub struct Ustar(Vec<u8>);

impl Ustar {
    /// Adds a file. `time_s` is seconds since 1970.
    pub fn add(&mut self, name: &str, bytes: &[u8], time_s: u64) {
        let mut head = [0u8; BLOCK];
        let mut put = |at: usize, text: &[u8]| {
            for (slot, byte) in head.iter_mut().skip(at).zip(text) {
                *slot = *byte;
            }
        };
        put(0, name.as_bytes().get(..100).unwrap_or(name.as_bytes()));
        put(100, b"0000444\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", bytes.len()).as_bytes());
        put(136, format!("{time_s:011o}\0").as_bytes());
        // The sum is taken with blanks in its own place.
        put(148, b"        ");
        put(156, b"0");
        put(257, b"ustar\x0000");
        put(265, b"gatehouse");
        put(297, b"gatehouse");
        let sum: u32 = head.iter().map(|b| u32::from(*b)).sum();
        for (slot, byte) in head.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").as_bytes()) {
            *slot = *byte;
        }
        self.0.extend_from_slice(&head);
        self.0.extend_from_slice(bytes);
        self.pad();
    }

    fn pad(&mut self) {
        let over = self.0.len() % BLOCK;
        if over > 0 {
            self.0.resize(self.0.len() + BLOCK - over, 0);
        }
    }

    /// The whole archive.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 2 * BLOCK, 0);
        self.0
    }
}
