//! Memory control groups: how much room they leave this process.
//!
//! Shared memory is charged to the group of the process that touches it first, and exceeding the
//! limit is not an error: the kernel kills. So the room is checked before memory is reserved.

use super::kernel_file::read_text;
use crate::sync::once::Once;

/// The tightest limit among this process's group and the groups that contain it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupRoom {
    /// Bytes that may still be used; cached file pages count as free.
    pub bytes: u64,
    /// The limit.
    pub limit: u64,
    /// The directory of the group that has this limit.
    pub path: String,
}

/// Returns the room that is left; `None` when there is no limit, or none that is visible.
pub fn room() -> Option<CgroupRoom> {
    // The mount points are cached, because reading all mounts takes longer than everything else
    // here.
    static MOUNTS: Once<String> = Once::new();
    let look = || read_text("/proc/self/mountinfo").map(|mounts| Box::new(cgroups_of(mounts)));
    let mounts = MOUNTS.get_or_try_make(look);
    let groups = read_text("/proc/self/cgroup").ok()?;
    room_in(&groups, mounts.ok()?, |path| read_text(path).ok())
}

/// Returns the mounts of control groups among all mounts.
fn cgroups_of(mounts: String) -> String {
    let lines = mounts.lines().filter(|line| line.contains(" - cgroup"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The names that the two versions have for the same things.
struct Version {
    limit: &'static str,
    used: &'static str,
    cached: &'static str,
}

const V1: Version = Version {
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    cached: "total_inactive_file",
};
const V2: Version =
    Version { limit: "memory.max", used: "memory.current", cached: "inactive_file" };

/// Version 1 writes "unlimited" as the largest number of pages.
const UNLIMITED: u64 = 1 << 60;

fn room_in(
    groups: &str,
    mounts: &str,
    read: impl Fn(&str) -> Option<String>,
) -> Option<CgroupRoom> {
    let mut least: Option<CgroupRoom> = None;
    for (version, group) in memory_groups(groups) {
        let Some((root, top)) = mounts.lines().find_map(|line| mount(line, version)) else {
            continue;
        };
        // A group outside the mounted part is visible only as the mount itself, if it is visible.
        let below = group
            .strip_prefix(root.trim_end_matches('/'))
            .filter(|below| below.starts_with('/') && !below.starts_with("/.."))
            .map_or("", |below| below.trim_end_matches('/'));
        let mut path = format!("{}{below}", top.trim_end_matches('/'));
        loop {
            if let Some(room) = room_of(&path, version, &read)
                && least.as_ref().is_none_or(|least| room.bytes < least.bytes)
            {
                least = Some(room);
            }
            if path.len() <= top.len() {
                break;
            }
            path.truncate(path.rfind('/').unwrap_or(0));
        }
    }
    least
}

/// Returns the groups in a /proc/self/cgroup that can limit memory.
fn memory_groups(groups: &str) -> impl Iterator<Item = (&'static Version, &str)> {
    groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next()?, parts.next()?);
        if controllers.split(',').any(|controller| controller == "memory") {
            Some((&V1, group))
        } else {
            controllers.is_empty().then_some((&V2, group))
        }
    })
}

/// Returns root and mount point if a line of mountinfo mounts the hierarchy of `version`.
fn mount(line: &str, version: &Version) -> Option<(String, String)> {
    let (place, kind) = line.split_once(" - ")?;
    let mut kind = kind.split(' ');
    let (name, options) = (kind.next()?, kind.nth(1)?);
    let wanted = match version.limit == V2.limit {
        true => name == "cgroup2",
        false => name == "cgroup" && options.split(',').any(|option| option == "memory"),
    };
    let mut place = place.split(' ').skip(3);
    wanted.then_some((unescape(place.next()?), unescape(place.next()?)))
}

/// Decodes the octal escapes that mountinfo uses for blanks and backslashes.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

fn room_of(
    path: &str,
    version: &Version,
    read: impl Fn(&str) -> Option<String>,
) -> Option<CgroupRoom> {
    let number = |file: &str| read(&format!("{path}/{file}"))?.trim().parse::<u64>().ok();
    // "max" is not a number.
    let limit = number(version.limit).filter(|&limit| limit < UNLIMITED)?;
    let used = number(version.used)?;
    let stat = read(&format!("{path}/memory.stat")).unwrap_or_default();
    let cached = stat
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find_map(|(key, value)| (key == version.cached).then(|| value.parse().ok())?)
        .unwrap_or(0);
    let bytes = limit.saturating_sub(used.saturating_sub(cached));
    Some(CgroupRoom { bytes, limit, path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(groups: &str, mounts: &str, files: &[(&str, &str)]) -> Option<(u64, u64, String)> {
        let read = |path: &str| {
            files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
        };
        room_in(groups, mounts, read).map(|room| (room.bytes, room.limit, room.path))
    }

    const MOUNT_2: &str = "30 23 0:26 / /cg rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn the_tightest_of_all_groups_counts() {
        let files = [
            ("/cg/a/b/memory.max", "max\n"),
            ("/cg/a/b/memory.current", "10\n"),
            ("/cg/a/memory.max", "1000\n"),
            ("/cg/a/memory.current", "400\n"),
            ("/cg/a/memory.stat", "anon 7\ninactive_file 100\nactive_file 5\n"),
        ];
        let a = Some((700, 1000, "/cg/a".to_owned()));
        assert_eq!(look("0::/a/b\n", MOUNT_2, &files), a);
        let tighter = [&files[..], &[("/cg/memory.max", "300"), ("/cg/memory.current", "301")]];
        let top = Some((0, 300, "/cg".to_owned()));
        assert_eq!(look("0::/a/b\n", MOUNT_2, &tighter.concat()), top);
        assert_eq!(look("0::/\n", MOUNT_2, &files), None);
    }

    #[test]
    fn a_container_sees_its_group_as_the_mount() {
        let mount = "35 31 0:32 /docker/x /cg/my\\040memory rw - cgroup cgroup rw,memory\n";
        let groups = "4:cpu,memory:/docker/x\n3:cpuset:/y\n0::/\n";
        let files = [
            ("/cg/my memory/memory.limit_in_bytes", "500"),
            ("/cg/my memory/memory.usage_in_bytes", "450"),
            ("/cg/my memory/memory.stat", "inactive_file 1\ntotal_inactive_file 20\n"),
        ];
        let expected = Some((70, 500, "/cg/my memory".to_owned()));
        assert_eq!(look(groups, mount, &files), expected);
        assert_eq!(look("4:memory:/../z\n", mount, &files), expected);
        assert_eq!(look("4:memory:/docker/xy\n", mount, &files), expected);
        let unlimited = [(files[0].0, "9223372036854771712"), files[1]];
        assert_eq!(look(groups, mount, &unlimited), None);
    }

    #[test]
    fn a_corrupt_file_is_no_limit() {
        assert_eq!(look("", "", &[]), None);
        assert_eq!(look("0::/a\nx\n1:memory", "a b - cgroup2\n- -", &[]), None);
        if let Some(room) = room() {
            assert!(room.bytes <= room.limit);
        }
    }
}
