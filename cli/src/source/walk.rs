//! From paths to the files that hold mail, in order, one folder's names in memory at a time and level.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::Entry;
use super::names::{Names, Sort};

/// What the walk comes upon.
#[derive(Debug)]
pub(crate) enum Found {
    Entry(Entry),
    /// A path that cannot be looked at, and why.
    Unreadable(PathBuf, io::Error),
}

/// Walks over the arguments and the folders below them. Sockets, devices and pipes inside folders are passed over.
#[derive(Debug)]
pub(crate) struct Walk {
    paths: std::vec::IntoIter<PathBuf>,
    open: Vec<Folder>,
    /// Folders entered below the present argument: a link cannot lead in twice.
    entered: HashSet<FolderId>,
    listed: u64,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    names: Names,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Plain,
    /// Holds `cur`, `new`, `tmp` and folders; files here are a server's own.
    Maildir,
    /// `cur` or `new` of a Maildir.
    Messages,
}

impl Walk {
    /// A walk over these paths; `-` is stdin.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Walk {
            paths: paths.into_iter(),
            open: Vec::new(),
            entered: HashSet::new(),
            listed: 0,
        }
    }

    /// How many files are known so far, done or not.
    pub fn listed(&self) -> u64 {
        self.listed
    }

    fn argument(&mut self, path: PathBuf) -> Option<Found> {
        self.listed += 1;
        if path.as_os_str() == "-" {
            return Some(Found::Entry(Entry {
                path: None,
                in_maildir: false,
                named: true,
            }));
        }
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                self.entered.clear();
                let role = if is_maildir_folder(&path) {
                    Role::Messages
                } else {
                    Role::Plain
                };
                self.enter(path, &meta, role)
            }
            Ok(_) => {
                let in_maildir = path.parent().is_some_and(is_maildir_folder);
                Some(Found::Entry(Entry {
                    path: Some(path),
                    in_maildir,
                    named: true,
                }))
            }
            Err(e) => Some(Found::Unreadable(path, e)),
        }
    }

    /// Opens a folder; `Some` where that fails.
    fn enter(&mut self, path: PathBuf, meta: &Metadata, role: Role) -> Option<Found> {
        if !self.entered.insert(folder_id(&path, meta)) {
            return None;
        }
        match Names::list(&path) {
            Ok(names) => {
                let is_maildir = names.has_folder("cur") && names.has_folder("new");
                let role = if role == Role::Plain && is_maildir {
                    Role::Maildir
                } else {
                    role
                };
                self.listed += names.len() as u64;
                self.open.push(Folder { path, names, role });
                None
            }
            Err(e) => Some(Found::Unreadable(path, e)),
        }
    }

    /// What one name in the innermost folder is; `None` where it holds no mail itself.
    fn name(&mut self, path: PathBuf, sort: Sort, role: Role) -> Option<Found> {
        let entry = |path| {
            Some(Found::Entry(Entry {
                path: Some(path),
                in_maildir: role == Role::Messages,
                named: false,
            }))
        };
        match sort {
            Sort::Other => None,
            Sort::File if role == Role::Maildir => None,
            Sort::File => entry(path),
            Sort::Folder | Sort::Unclear => match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => {
                    let is = |name: &str| path.file_name().is_some_and(|n| n == name);
                    match role {
                        Role::Messages => None,
                        Role::Maildir if is("tmp") => None,
                        Role::Maildir if is("cur") || is("new") => {
                            self.enter(path, &meta, Role::Messages)
                        }
                        Role::Maildir | Role::Plain => self.enter(path, &meta, Role::Plain),
                    }
                }
                Ok(meta) if meta.is_file() && role != Role::Maildir => entry(path),
                Ok(_) => None,
                Err(e) => Some(Found::Unreadable(path, e)),
            },
        }
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            // A name that turned out to be none of a file to read.
            let mut passed = true;
            let found = match self.open.last_mut() {
                None => {
                    let path = self.paths.next()?;
                    self.argument(path)
                }
                Some(folder) => match folder.names.next() {
                    None => {
                        self.open.pop();
                        passed = false;
                        None
                    }
                    Some((name, sort)) => {
                        let (path, role) = (folder.path.join(name), folder.role);
                        self.name(path, sort, role)
                    }
                },
            };
            match found {
                Some(found) => return Some(found),
                None => self.listed -= u64::from(passed),
            }
        }
    }
}

/// Whether a folder that is named directly is `cur` or `new` of a Maildir.
fn is_maildir_folder(path: &Path) -> bool {
    let Some(name) = path.file_name() else {
        return false;
    };
    (name == "cur" || name == "new")
        && path
            .parent()
            .is_some_and(|p| p.join("cur").is_dir() && p.join("new").is_dir())
}

#[cfg(unix)]
type FolderId = (u64, u64);

#[cfg(unix)]
fn folder_id(_: &Path, meta: &Metadata) -> FolderId {
    use std::os::unix::fs::MetadataExt;
    (meta.dev(), meta.ino())
}

#[cfg(not(unix))]
type FolderId = PathBuf;

#[cfg(not(unix))]
fn folder_id(path: &Path, _: &Metadata) -> FolderId {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
