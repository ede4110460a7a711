//! Secrets: looked up by name beside the configuration, never written in it, never printed.
//!
//! A credential is a file: `$CREDENTIALS_DIRECTORY/<name>` (the service manager's), else `credentials/<name>` beside the
//! site file, with mode 0600 or narrower and owned by us or root. A wider one is refused: others may have read it. In the
//! service manager's folder 0440 will do: it lets us in by an access list, and then the bits of the group show the list's mask.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Largest credential, in bytes; a chain of certificates fits.
const BYTES_MAX: u64 = 256 << 10;

/// A secret text. Debug shows nothing of it, and it has no Display.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one who sends it. Never log it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Takes `user:password` apart; `None` without a colon.
    #[must_use]
    pub fn user_password(&self) -> Option<(&str, &str)> {
        self.0.split_once(':')
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why a credential cannot be had. All of them need a person; none goes away by itself.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// In none of the folders.
    #[error("credential `{name}` is not there; put it into {} with mode 0600", expected.display())]
    Missing {
        /// Its name.
        name: String,
        /// Where it would be looked for last.
        expected: PathBuf,
    },
    /// Others can read or write it.
    #[error("{} has mode {mode:04o}: others could read it; run `chmod 600 {}` and change the secret", path.display(), path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It belongs to another user.
    #[error("{} belongs to user {owner}, not to us or root", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// It is no text of sensible size.
    #[error("{} is not a text of at most 256 KiB", path.display())]
    Content {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{} cannot be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The folders in which credentials are looked for.
#[derive(Debug, Clone)]
pub struct Credentials {
    folders: Vec<PathBuf>,
    /// Those of the service manager among the folders: the first so many.
    managed: usize,
}

impl Credentials {
    /// The service manager's folder, then `credentials/` beside the site file.
    #[must_use]
    pub fn beside(site_file: &Path) -> Self {
        let own = site_file.parent().unwrap_or(Path::new("")).join("credentials");
        let managed = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self { managed: managed.iter().count(), folders: managed.into_iter().chain([own]).collect() }
    }

    /// These folders, first wins.
    #[must_use]
    pub fn of(folders: Vec<PathBuf>) -> Self {
        Self { folders, managed: 0 }
    }

    /// Reads a credential; line ends at its end are cut.
    pub fn get(&self, name: &str) -> Result<Secret, CredentialError> {
        let path = self.check(name)?;
        let io = |source| CredentialError::Io { path: path.clone(), source };
        let mut text = String::new();
        let file = File::open(&path).map_err(io)?;
        match file.take(BYTES_MAX + 1).read_to_string(&mut text) {
            Ok(read) if read as u64 <= BYTES_MAX => Ok(Secret(text.trim_end_matches(['\n', '\r']).to_owned())),
            Ok(_) => Err(CredentialError::Content { path }),
            Err(why) if why.kind() == io::ErrorKind::InvalidData => Err(CredentialError::Content { path }),
            Err(why) => Err(io(why)),
        }
    }

    /// Where a credential is, if its file may be trusted; reads nothing of it.
    pub fn check(&self, name: &str) -> Result<PathBuf, CredentialError> {
        let mut expected = PathBuf::new();
        for (place, folder) in self.folders.iter().enumerate() {
            let too_wide = if place < self.managed { 0o137 } else { 0o177 };
            expected = folder.join(name);
            let meta = match fs::metadata(&expected) {
                Ok(meta) => meta,
                Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(CredentialError::Io { path: expected, source }),
            };
            return if !meta.is_file() {
                Err(CredentialError::Content { path: expected })
            } else if meta.mode() & too_wide != 0 {
                Err(CredentialError::Open { path: expected, mode: meta.mode() & 0o7777 })
            } else if meta.uid() != 0 && Some(meta.uid()) != own_uid() {
                Err(CredentialError::Foreign { path: expected, owner: meta.uid() })
            } else {
                Ok(expected)
            };
        }
        Err(CredentialError::Missing { name: name.to_owned(), expected })
    }
}

/// The user we run as: owner of our own entry in `/proc`.
fn own_uid() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|meta| meta.uid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_narrow_modes_are_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "s3cret\n").unwrap();
        let credentials = Credentials::of(vec![dir.path().join("absent"), dir.path().to_owned()]);
        for (mode, good) in
            [(0o600, true), (0o400, true), (0o640, false), (0o644, false), (0o700, false), (0o602, false)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let found = credentials.get("token");
            assert_eq!(found.is_ok(), good, "{mode:o}: {found:?}");
            match found {
                Ok(secret) => assert_eq!(secret.reveal(), "s3cret"),
                Err(why) => assert!(why.to_string().contains("chmod 600"), "{why}"),
            }
        }
        let managed = Credentials { folders: vec![dir.path().to_owned()], managed: 1 };
        for (mode, good) in [(0o400, true), (0o440, true), (0o460, false), (0o444, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(managed.get("token").is_ok(), good, "from the service manager with {mode:o}");
        }
        assert!(matches!(credentials.get("other"), Err(CredentialError::Missing { .. })));
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        assert!(matches!(credentials.get("folder"), Err(CredentialError::Content { .. })));
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::new("user:pass:word");
        assert!(!format!("{secret:?} {:?}", Some(&secret)).contains("pass"));
        assert_eq!(secret.user_password(), Some(("user", "pass:word")));
    }
}
