//! The names in one folder, sorted, in little memory: the bytes of a name and ten more each.

use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType};
use std::io;
use std::path::Path;

/// What a name stands for, as far as the folder itself says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    File,
    Folder,
    /// A symbolic link, or a file system that does not say.
    Unclear,
    /// A socket, a device, a pipe.
    Other,
}

/// The names of one folder in the order of their bytes.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// For each name its sort as one byte, its bytes, NUL.
    bytes: Vec<u8>,
    /// Where each name starts, sorted.
    starts: Vec<usize>,
    next: usize,
}

impl Names {
    /// Lists a folder.
    pub fn list(folder: &Path) -> io::Result<Self> {
        let mut names = Names::default();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            names.push(
                &entry.file_name(),
                entry.file_type().map_or(Sort::Unclear, sort_of),
            );
        }
        let Names { bytes, starts, .. } = &mut names;
        starts.sort_unstable_by(|a, b| name_at(bytes, *a).cmp(name_at(bytes, *b)));
        Ok(names)
    }

    fn push(&mut self, name: &OsStr, sort: Sort) {
        self.starts.push(self.bytes.len());
        self.bytes.push(sort as u8);
        self.bytes.extend_from_slice(name.as_encoded_bytes());
        self.bytes.push(0);
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is a folder, or what may be one, of this name.
    pub fn has_folder(&self, name: &str) -> bool {
        self.starts
            .binary_search_by(|at| name_at(&self.bytes, *at).cmp(name.as_bytes()))
            .is_ok_and(|i| {
                matches!(
                    sort_at(&self.bytes, self.starts[i]),
                    Sort::Folder | Sort::Unclear
                )
            })
    }
}

impl Iterator for Names {
    type Item = (OsString, Sort);

    fn next(&mut self) -> Option<Self::Item> {
        let at = *self.starts.get(self.next)?;
        self.next += 1;
        Some((
            os_string(name_at(&self.bytes, at)),
            sort_at(&self.bytes, at),
        ))
    }
}

fn name_at(bytes: &[u8], start: usize) -> &[u8] {
    let name = &bytes[start + 1..];
    &name[..memchr::memchr(0, name).unwrap_or(name.len())]
}

fn sort_at(bytes: &[u8], start: usize) -> Sort {
    let tag = bytes[start];
    [Sort::File, Sort::Folder, Sort::Other]
        .into_iter()
        .find(|s| *s as u8 == tag)
        .unwrap_or(Sort::Unclear)
}

fn sort_of(t: FileType) -> Sort {
    if t.is_file() {
        Sort::File
    } else if t.is_dir() {
        Sort::Folder
    } else if t.is_symlink() {
        Sort::Unclear
    } else {
        Sort::Other
    }
}

#[cfg(unix)]
fn os_string(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(bytes).to_owned()
}

#[cfg(not(unix))]
fn os_string(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_by_bytes() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a", "B", "é", "a.b", "aa"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::create_dir(dir.path().join("cur")).unwrap();
        let names = Names::list(dir.path()).unwrap();
        assert!(names.has_folder("cur") && !names.has_folder("a") && !names.has_folder("new"));
        let names: Vec<_> = names.map(|(n, s)| (n.into_string().unwrap(), s)).collect();
        let expected = ["B", "a", "a.b", "aa", "b", "cur", "é"].map(|n| {
            (
                n.to_owned(),
                if n == "cur" { Sort::Folder } else { Sort::File },
            )
        });
        assert_eq!(names, expected);
    }
}
