//! Digests and the key with which evidence is sealed: SHA-256 and Ed25519, both checkable with public tools.
//!
//! The key is made at first use, `evidence.key` in the data folder (PKCS#8, 0600), and never leaves the box; its public half
//! goes into every bundle and should be noted elsewhere once, so that a bundle with another key is noticed.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};

/// File of the key in the data folder.
pub const KEY_FILE: &str = "evidence.key";
/// `SubjectPublicKeyInfo` of an Ed25519 key (RFC 8410) up to the key's 32 bytes.
const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// SHA-256 in lower-case hex, as `sha256sum` writes it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made; mend rights or disk.
    #[error("the evidence key {KEY_FILE} cannot be used: {0}")]
    File(#[from] io::Error),
    /// The file is not a key; put the right one back, or move it away to have a new one made.
    #[error(
        "{KEY_FILE} does not hold an Ed25519 key; restore it from a backup, or move it away and tell everybody who noted the old public key"
    )]
    Damaged,
    /// No randomness.
    #[error("the system gives no random numbers")]
    Random,
}

/// The key of this box.
#[derive(Debug)]
pub struct SealKey(Ed25519KeyPair);

impl SealKey {
    /// Reads the key, or makes one: written beside, synced, and put in place, so that a power cut leaves none or a whole one.
    pub fn open(dir: &Path) -> Result<Self, KeyError> {
        let path = dir.join(KEY_FILE);
        match fs::read(&path) {
            Ok(bytes) => return Self::parse(&bytes),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            Err(_) => {}
        }
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::Random)?;
        let beside = dir.join(format!("{KEY_FILE}.new"));
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(made.as_ref())?;
        file.sync_all()?;
        // Two at once (a command beside the gateway): the first wins, the other reads it.
        match fs::hard_link(&beside, &path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => fs::remove_file(&beside)?,
        }
        fs::File::open(dir)?.sync_all()?;
        Self::parse(&fs::read(&path)?)
    }

    fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_pkcs8(bytes).map(Self).map_err(|_| KeyError::Damaged)
    }

    /// The 64 bytes that `openssl pkeyutl -verify -rawin` wants.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.0.sign(bytes).as_ref().to_vec()
    }

    /// The public half as PEM.
    #[must_use]
    pub fn public_pem(&self) -> String {
        let der = [&SPKI_HEAD[..], self.0.public_key().as_ref()].concat();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(&der))
    }
}

/// Base 64 with padding, on one line: the key's 44 bytes make 60 characters.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, at| word << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for place in 0..4 {
            let sextet = (word >> (18 - 6 * place) & 63) as usize;
            let shown = place <= group.len();
            text.push(if shown { ALPHABET.get(sextet).copied().unwrap_or(b'=') as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digest_and_base64() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        for (plain, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }

    #[test]
    fn a_key_is_made_once_private_and_read_back() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let first = SealKey::open(dir.path()).unwrap().public_pem();
        assert_eq!(SealKey::open(dir.path()).unwrap().public_pem(), first);
        let mode = fs::metadata(dir.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(dir.path().join(KEY_FILE), b"nonsense").unwrap();
        assert!(matches!(SealKey::open(dir.path()), Err(KeyError::Damaged)));
    }
}
