//! Keeps a refresh token in its file: readable by its owner only, replaced in one step, by one process at a time.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use crate::mailbox::signin::secret::{Secret, SecretSource};

/// The file of one refresh token.
#[derive(Clone, Debug)]
pub(crate) struct TokenFile(PathBuf);

impl TokenFile {
    /// A file that need not be there yet.
    pub fn new(path: &Path) -> Self {
        TokenFile(path.to_owned())
    }

    /// Waits until no other process is about to replace the token, and holds others off until the file is closed.
    ///
    /// Where no lock file can be made, nobody else can replace the token either, and there is nothing to wait for.
    pub fn lock(&self) -> Option<File> {
        let mut name = self.0.as_os_str().to_owned();
        name.push(".lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(PathBuf::from(name)).ok();
        file.filter(|f| f.lock().is_ok())
    }

    /// The token.
    ///
    /// # Errors
    /// Where there is none; the error says how to get one.
    pub fn read(&self) -> anyhow::Result<Secret> {
        SecretSource::File(self.0.clone())
            .read()
            .context("no refresh token; `undeliverable mailbox login` gets one")
    }

    /// Says so where others than the owner can read the token.
    pub fn exposed(&self) -> Option<String> {
        SecretSource::File(self.0.clone()).exposed()
    }

    /// Finds out whether a token can be put here, before a person signs in for nothing.
    ///
    /// # Errors
    /// Where it cannot.
    pub fn check(&self) -> anyhow::Result<()> {
        let (_, folder) = self.target();
        NamedTempFile::new_in(&folder)
            .with_context(|| format!("refresh token file {}", self.0.display()))
            .map(drop)
    }

    /// Puts a token in the place of the one that is there. After a crash there is the old one or the new one, whole.
    ///
    /// # Errors
    /// Where the file cannot be written; the old one is as it was then.
    pub fn replace(&self, token: &Secret) -> anyhow::Result<()> {
        let shown = || format!("refresh token file {}", self.0.display());
        let (target, folder) = self.target();
        // Made for its owner alone.
        let mut file = NamedTempFile::new_in(&folder).with_context(shown)?;
        hand_over(file.as_file(), &target, &folder).with_context(shown)?;
        file.write_all(token.expose().as_bytes())
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.as_file().sync_all())
            .with_context(shown)?;
        file.persist(&target).with_context(shown)?;
        // The name is in the folder: without this a power cut may bring the old one back.
        File::open(folder)
            .and_then(|f| f.sync_all())
            .with_context(shown)
    }

    /// The file that is replaced, and its folder. A link stays one: what it points to is replaced.
    fn target(&self) -> (PathBuf, PathBuf) {
        let target = fs::canonicalize(&self.0).unwrap_or_else(|_| self.0.clone());
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        (target, folder)
    }
}

/// Who signs in with sudo must not take the file from the service that reads it: it stays with whom it belonged to, and a new
/// one goes to the owner of its folder.
#[cfg(unix)]
fn hand_over(file: &File, target: &Path, folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let owner = fs::metadata(target).or_else(|_| fs::metadata(folder))?;
    let ours = file.metadata()?;
    if owner.uid() == ours.uid() {
        return Ok(());
    }
    match fchown(file, Some(owner.uid()), Some(owner.gid())) {
        // A user's file in a folder of root, such as /tmp.
        Err(_) if !target.exists() => Ok(()),
        done => done,
    }
}

#[cfg(not(unix))]
fn hand_over(_: &File, _: &Path, _: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_owner_alone_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::new(&folder.path().join("token"));
        let error = format!("{:#}", file.read().unwrap_err());
        assert!(error.contains("mailbox login"), "{error}");
        file.replace(&Secret::new("one")).unwrap();
        assert_eq!(file.read().unwrap().expose(), "one");
        assert_eq!(file.exposed(), None);
        let mode = fs::metadata(&file.0).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        // Also where it was open before.
        fs::set_permissions(&file.0, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(file.exposed().is_some());
        file.replace(&Secret::new("two")).unwrap();
        assert_eq!(file.exposed(), None);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "one\n").unwrap();
        symlink(&real, &link).unwrap();
        TokenFile::new(&link).replace(&Secret::new("two")).unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "two\n");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn root_takes_nobody_s_file() {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::new(&folder.path().join("token"));
        let owner = || fs::metadata(&file.0).unwrap().uid();
        file.replace(&Secret::new("one")).unwrap();
        let mine = owner();
        // Only root can give files away; for others there is nothing to see here.
        if chown(folder.path(), Some(65534), None).is_err() {
            return;
        }
        file.replace(&Secret::new("two")).unwrap();
        assert_eq!(owner(), mine, "a file that is there keeps its owner");
        fs::remove_file(&file.0).unwrap();
        file.replace(&Secret::new("three")).unwrap();
        assert_eq!(
            owner(),
            65534,
            "a new one belongs to whom the folder belongs to"
        );
    }

    #[test]
    fn a_folder_that_is_not_there() {
        let file = TokenFile::new(Path::new("/no/such/folder/token"));
        // Nothing to wait for.
        drop(file.lock());
        let error = format!("{:#}", file.replace(&Secret::new("one")).unwrap_err());
        assert!(error.contains("/no/such/folder/token"), "{error}");
    }

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::new(&folder.path().join("token"));
        file.replace(&Secret::new("0")).unwrap();
        thread::scope(|s| {
            for _ in 0..8 {
                s.spawn(|| {
                    for _ in 0..5 {
                        let _lock = file.lock();
                        let n: u32 = file.read().unwrap().expose().parse().unwrap();
                        thread::sleep(Duration::from_millis(1));
                        file.replace(&Secret::new((n + 1).to_string())).unwrap();
                    }
                });
            }
        });
        assert_eq!(file.read().unwrap().expose(), "40");
    }
}
