//! A store on disk that is made equal to an image before each execution, at a cost proportional to
//! the changes.
#![allow(unsafe_code)] // maps its own files, and locks them

use crate::image::{Image, ImageFile, LOCK0, NAMES, SERIAL0};
use crate::scratch;
use memmap2::{MmapMut, MmapOptions};
use plasma::layout::members::LOCKS;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

const PAGE: usize = 4096;

/// A working copy. Its files have a second name outside the store, so they survive every change of
/// the store's directory.
pub struct Copy {
    pub image: &'static Image,
    store: PathBuf,
    files: Vec<CopiedFile>,
}

struct CopiedFile {
    path: PathBuf,
    file: File,
    /// None for an empty file.
    hot: Option<MmapMut>,
    ino: u64,
}

impl Copy {
    pub fn new(image: &'static Image, number: usize) -> Copy {
        let parent = scratch::address(&format!("copy-{number}"));
        let _ = fs::remove_dir_all(&parent);
        fs::create_dir_all(parent.join("kept")).expect("writable");
        let keep = |(number, file): (usize, &ImageFile)| {
            let path = parent.join(format!("kept/{number}"));
            CopiedFile::make(path, file)
        };
        let files = image.files.iter().enumerate().map(keep).collect();
        let copy = Copy { image, store: parent.join("store"), files };
        copy.relink();
        copy
    }

    /// Returns its address.
    pub fn address(&self) -> &str {
        self.store.to_str().expect("text")
    }

    /// Makes it equal to its image.
    pub fn restore(&mut self) {
        for (kept, file) in self.files.iter_mut().zip(&self.image.files) {
            kept.restore(file);
        }
        self.relink();
    }

    fn relink(&self) {
        if !self.store.exists() {
            self.sweep();
        }
        for (name, mode) in &self.image.dirs {
            let path = self.store.join(name);
            if !path.is_dir() {
                fs::create_dir(&path).expect("writable");
                fs::set_permissions(&path, Permissions::from_mode(*mode)).expect("writable");
            }
        }
        self.empty(&self.store.join("readers"));
        for which in 0..LOCKS {
            let (name, path) =
                (format!("locks/{which}"), self.store.join(format!("locks/{which}")));
            let stays = NAMES.contains(&&*name) || path.is_file();
            if !stays {
                remove(&path);
                File::create(&path).expect("writable");
                fs::set_permissions(&path, self.mode(LOCK0)).expect("writable");
            }
        }
        if self.image.dirs.iter().any(|(name, _)| *name == "readers") {
            let path = self.store.join("beacon");
            if !path.is_file() {
                File::create(&path).expect("writable");
                fs::set_permissions(&path, self.mode(0)).expect("writable");
            }
        }
        for (name, kept) in NAMES.iter().zip(&self.files) {
            let path = self.store.join(name);
            let is_there = fs::symlink_metadata(&path).is_ok_and(|stat| stat.ino() == kept.ino);
            if !is_there {
                remove(&path);
                fs::hard_link(&kept.path, &path).expect("writable");
            }
        }
    }

    /// Removes the remains of a removal or a creation that was interrupted beside the store.
    fn sweep(&self) {
        let parent = self.store.parent().expect("it has one");
        for entry in fs::read_dir(parent).expect("readable").flatten() {
            if entry.file_name() != "kept" {
                remove(&entry.path());
            }
        }
    }

    fn empty(&self, dir: &Path) {
        let Ok(entries) = fs::read_dir(dir) else { return };
        entries.flatten().for_each(|entry| remove(&entry.path()));
    }

    /// Reads a range of an image's file; zeros past its end.
    pub fn read(&self, file: usize, at: u64, bytes: &mut [u8]) {
        bytes.fill(0);
        let mut done = 0;
        let file = &self.files[file].file;
        {
            while let Ok(more @ 1..) = file.read_at(&mut bytes[done..], at + done as u64) {
                done += more;
            }
        }
    }

    pub fn write(&self, file: usize, at: u64, bytes: &[u8]) {
        self.files[file].file.write_all_at(bytes, at).expect("writable");
    }

    pub fn set_len(&self, file: usize, size: u64) {
        self.files[file].file.set_len(size).expect("writable");
    }

    /// Replaces one of its files by something else.
    pub fn replace(&self, file: usize, with: Stranger) {
        let path = self.store.join(NAMES[file]);
        remove(&path);
        let made = match with {
            Stranger::Nothing => Ok(()),
            Stranger::Empty => {
                File::create(&path).and_then(|it| it.set_permissions(self.mode(file)))
            }
            Stranger::Directory => fs::create_dir(&path),
            Stranger::Link => std::os::unix::fs::symlink(&self.files[file].path, &path),
            Stranger::Other(other) => fs::hard_link(&self.files[other].path, &path),
        };
        // A call may have removed the store since, and the store said that a removal had begun.
        assert!(made.is_ok() || !self.store.exists(), "{made:?}");
    }

    fn mode(&self, file: usize) -> Permissions {
        Permissions::from_mode(self.image.files[file].mode)
    }

    /// Makes one of the dead clients alive, or dead again.
    pub fn set_alive(&self, slot: usize, alive: bool) {
        let kind = if alive { libc::F_WRLCK } else { libc::F_UNLCK };
        // SAFETY: a struct of integers, of which zero is a value.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = kind as libc::c_short;
        lock.l_start = (SERIAL0 as usize + slot) as libc::off_t;
        lock.l_len = 1;
        let fd = self.files[LOCK0 + slot].file.as_raw_fd();
        // SAFETY: an open descriptor and a lock of this function's own.
        let failed = unsafe { libc::fcntl(fd, libc::F_OFD_SETLK, &lock) };
        assert_eq!(failed, 0, "{}", io::Error::last_os_error());
    }
}

/// The replacement of a file of the store.
#[derive(arbitrary::Arbitrary, Clone, Copy, Debug)]
pub enum Stranger {
    Nothing,
    Empty,
    Directory,
    Link,
    #[arbitrary(skip)]
    Other(usize),
}

impl CopiedFile {
    fn make(path: PathBuf, from: &ImageFile) -> CopiedFile {
        let file =
            File::options().read(true).write(true).create_new(true).open(&path).expect("writable");
        file.set_len(from.size).expect("writable");
        file.set_permissions(Permissions::from_mode(from.mode)).expect("writable");
        file.write_all_at(&from.hot, 0).expect("writable");
        reserve(&file, from);
        let ino = file.metadata().expect("readable").ino();
        let map = |_: &Vec<u8>| {
            // SAFETY: the file is this process's; it is not cut while the map is looked at,
            // `restore` sets its size before.
            unsafe { MmapOptions::new().len(from.hot.len()).map_mut(&file) }
        };
        let hot = Some(&from.hot).filter(|hot| !hot.is_empty()).map(map);
        let hot = hot.map(|hot| hot.expect("memory"));
        CopiedFile { path, file, hot, ino }
    }

    fn restore(&mut self, from: &ImageFile) {
        if self.file.metadata().expect("readable").len() != from.size {
            self.file.set_len(from.size).expect("writable");
            reserve(&self.file, from);
        }
        let Some(hot) = &mut self.hot else { return };
        let pages = hot.chunks_mut(PAGE).zip(from.hot.chunks(PAGE));
        for (now, was) in pages.filter(|(now, was)| *now != *was) {
            now.copy_from_slice(was);
        }
    }
}

/// Backs with memory what an unused store has backed.
fn reserve(file: &File, from: &ImageFile) {
    if from.reserved == 0 {
        return;
    }
    // SAFETY: an open descriptor.
    let failed = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, from.reserved as libc::off_t) };
    assert_eq!(failed, 0, "{}", io::Error::last_os_error());
}

fn remove(path: &Path) {
    let removed = match fs::symlink_metadata(path) {
        Ok(stat) if stat.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    removed.expect("writable");
}
