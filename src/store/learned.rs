//! What rules have learnt, kept in one small file of its own: `learned` in the data folder.
//!
//! Not in `state.db`: the states are large and replaced as a whole, and losing them costs learning time, not alarms. The
//! file is written beside and renamed over the old one, so it is always the old or the new whole. A damaged file is put
//! aside and everything learns anew.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::store::files;

const NAME: &str = "learned";
const MAGIC: &[u8; 8] = b"GHLEARN1";
/// 10,000 points of 1.5 kB and their devices, four times over; a larger file is damaged.
const BYTES_MAX: u64 = 64 << 20;

/// Writes all states, synced.
pub(crate) fn save<K: AsRef<str>>(dir: &Path, states: &[(K, Vec<u8>)]) -> io::Result<()> {
    let mut body = MAGIC.to_vec();
    for (key, state) in states {
        part(&mut body, key.as_ref().as_bytes())?;
        part(&mut body, state)?;
    }
    let crc = crc32c::crc32c(&body);
    body.extend_from_slice(&crc.to_le_bytes());
    let (path, beside) = (dir.join(NAME), dir.join(format!("{NAME}.new")));
    let mut file = File::create(&beside)?;
    file.write_all(&body)?;
    file.sync_all()?;
    std::fs::rename(&beside, &path)?;
    files::sync_folder_of(&path)
}

fn part(body: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    body.extend_from_slice(&length.to_le_bytes());
    body.extend_from_slice(bytes);
    Ok(())
}

/// Reads the states; none when nothing was kept. A damaged file is put aside under the number of this boot.
pub(crate) fn load(dir: &Path, boot: u64) -> (Vec<(String, Vec<u8>)>, Option<String>) {
    let path = dir.join(NAME);
    let Ok(file) = File::open(&path) else { return (Vec::new(), None) };
    let mut bytes = Vec::new();
    let read = file.take(BYTES_MAX + 1).read_to_end(&mut bytes);
    if let Some(states) = read.ok().and_then(|_| parse(&bytes)) {
        return (states, None);
    }
    tracing::warn!(file = NAME, "damaged; put aside, rules that learn begin anew");
    (Vec::new(), files::quarantine(dir, &path, boot).ok())
}

fn parse(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    let mut states = Vec::new();
    while !rest.is_empty() {
        let key = String::from_utf8(take(&mut rest)?.to_vec()).ok()?;
        states.push((key, take(&mut rest)?.to_vec()));
    }
    Some(states)
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (part, after) = (after.get(..length)?, after.get(length..)?);
    *rest = after;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_comes_back_and_a_damaged_file_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load(dir.path(), 1), (Vec::new(), None));
        let states = vec![("a.b".to_owned(), vec![1, 2, 3]), ("c.d".to_owned(), Vec::new())];
        save(dir.path(), &states).unwrap();
        assert_eq!(load(dir.path(), 2).0, states);
        let path = dir.path().join(NAME);
        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 7, 9, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (none, aside) = load(dir.path(), 3);
            assert!(none.is_empty() && aside.is_some(), "cut at {cut}");
        }
    }
}
