//! Buffers that are held, structs that are stale, and the calls about the store itself.

use super::acts::Wrong;
use super::args::*;
use super::handles::{self, CAPACITY, MAX_OBJECTS, News, Sized, bytes, text, written};
use super::model::{ENDED, Held, Model, byte, expect, key_text};
use plasma::ffi::*;
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::ptr;

impl Model<'_> {
    pub fn retain(&mut self, at: u8, wrong: Wrong) {
        let mut copy = MaybeUninit::uninit();
        if !wrong.is_none() || self.held.is_empty() {
            return expect("retain", plasma_retain(None, Some(&mut copy)), &[INVALID]);
        }
        let at = usize::from(at) % self.held.len();
        let Held { buffer, object } = &self.held[at];
        expect("retain", plasma_retain(Some(buffer), None), &[INVALID]);
        expect("retain", plasma_retain(Some(buffer), Some(&mut copy)), &[OK]);
        let (copy, object) = (written(&copy), object.clone());
        self.got(copy, object);
    }

    pub fn release(&mut self, at: u8, wrong: Wrong) {
        if !wrong.is_none() || self.held.is_empty() {
            return expect("release", plasma_release(None), &[INVALID]);
        }
        let at = usize::from(at) % self.held.len();
        let Held { mut buffer, object } = self.held.swap_remove(at);
        // Held until now, whatever happened to the object.
        let data = bytes(buffer.data, buffer.size);
        assert!(data.iter().enumerate().all(|(at, it)| *it == byte(object.salt, at)));
        self.stale.push(buffer);
        expect("release", plasma_release(Some(&mut buffer)), &[OK]);
        assert!(buffer.data.is_null() && buffer.reserved == [0; 6]);
        expect("release", plasma_release(Some(&mut buffer)), &[OK]);
    }

    pub fn release_many(&mut self, from: u8, count: u8, wrong: Wrong) {
        let mut buffers = Vec::new();
        for _ in 0..count {
            if !self.held.is_empty() {
                let at = usize::from(from) % self.held.len();
                let held = self.held.swap_remove(at);
                self.stale.push(held.buffer);
                buffers.push(held.buffer);
            }
        }
        let old = if wrong.is_none() { None } else { self.stale.first() };
        // Each is tried, even after one failed; a stale one does not change.
        let mut allowed = OK;
        if let Some(old) = old
            && !buffers.iter().any(|it| it.reserved == old.reserved)
        {
            buffers.insert(0, *old);
            allowed = INVALID;
        }
        expect("release", plasma_release_many(buffers.as_mut_ptr(), buffers.len()), &[allowed]);
        let left = buffers.iter().filter(|it| it.reserved != [0; 6]).count();
        assert_eq!(left, usize::from(allowed == INVALID));
        expect("release", plasma_release_many(ptr::null_mut(), 3), &[INVALID]);
        expect("release", plasma_release_many(ptr::null_mut(), 0), &[OK]);
    }

    pub fn read(&mut self, at: u8, wrong: Wrong) {
        let (mut count, mut value) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        let mut size = MaybeUninit::uninit();
        if self.held.is_empty() {
            return expect("count", plasma_metadata_count(None, Some(&mut count)), &[INVALID]);
        }
        let at = usize::from(at) % self.held.len();
        let Held { buffer, object } = &self.held[at];
        let data = bytes(buffer.data, buffer.size);
        assert!(data.iter().enumerate().all(|(at, it)| *it == byte(object.salt, at)));
        expect("count", plasma_metadata_count(Some(buffer), Some(&mut count)), &[OK]);
        assert_eq!(written(&count), object.metadata.len() as u64);
        for (key, value_byte) in &object.metadata {
            let key = key_text(*key);
            let (value, size) = (Some(&mut value), Some(&mut size));
            expect("metadata", plasma_get_metadata(Some(buffer), key.as_ptr(), value, size), &[OK]);
            self::value(*value_byte, &self.held[at], &key);
        }
        let how = wrong.of(4);
        let index = if how == Some(0) { u64::MAX } else { written(&count) };
        let mut key = MaybeUninit::uninit();
        let found = plasma_metadata_at(
            Some(buffer),
            index,
            Wrong::unless(how, 1, &mut key),
            Wrong::unless(how, 2, &mut value),
            Wrong::unless(how, 3, &mut size),
        );
        expect("metadata_at", found, &[if how > Some(0) { INVALID } else { NOT_FOUND }]);
        for index in 0..written(&count) {
            let (key, value) = (Some(&mut key), Some(&mut value));
            let found = plasma_metadata_at(Some(buffer), index, key, value, Some(&mut size));
            expect("metadata_at", found, &[OK]);
        }
        let bad = wrong_text(wrong.0);
        let known = bad.as_ref().is_some_and(|it| it.as_bytes().len() == 256);
        let (value, size) = (Some(&mut value), Some(&mut size));
        let found = plasma_get_metadata(Some(buffer), pointer(&bad), value, size);
        expect("metadata", found, &[if known { NOT_FOUND } else { INVALID }]);
    }

    pub fn buffer_info(&mut self, at: u8, wrong: Wrong) {
        let how = wrong.of(2);
        let mut info = Sized::<plasma_object_info_t>::right();
        if self.held.is_empty() {
            return expect("buffer_info", plasma_buffer_info(None, info.pointer()), &[INVALID]);
        }
        let Held { buffer, object } = &self.held[usize::from(at) % self.held.len()];
        if how == Some(0) {
            info = Sized::new(464, wrong_size(wrong.0));
        }
        let to = if how == Some(1) { ptr::null_mut() } else { info.pointer() };
        let status = plasma_buffer_info(Some(buffer), to);
        expect("buffer_info", status, &[if wrong.is_none() { OK } else { INVALID }]);
        if status == OK {
            assert_eq!(info.value().data_size, object.size);
            assert!(info.value().lease_count > 0);
        }
        // A shorter struct gets the fields that fit, and no byte past its end.
        let short = 8 + u32::from(at) % 456;
        let mut info = Sized::<plasma_object_info_t>::new(short, short);
        expect("buffer_info", plasma_buffer_info(Some(buffer), info.pointer()), &[OK]);
    }

    pub fn delete(&mut self, key: u8, wrong: Wrong) {
        let how = wrong.of(2);
        let id = Wrong::unless(how, 1, id(key));
        let allowed = self.getting(self.objects.get(&(key % KEYS)));
        let status = plasma_delete(self.client(how, 0), id.as_ref());
        expect("delete", status, self.may_write(wrong, &[allowed]));
        if status == OK {
            self.objects.remove(&(key % KEYS));
        }
    }

    pub fn delete_many(&mut self, key: u8, count: u8, wrong: Wrong) {
        let how = wrong.of(3);
        let keys: Vec<u8> = (0..count).map(|i| key.wrapping_add(i) % KEYS).collect();
        let ids: Vec<_> = keys.iter().map(|key| id(*key)).collect();
        let mut statuses = vec![1; keys.len()];
        let (ids, count) = match how {
            Some(1) => (ptr::null(), keys.len().max(1)),
            Some(2) => (ids.as_ptr(), usize::MAX - usize::from(key)),
            _ => (ids.as_ptr(), keys.len()),
        };
        let status = plasma_delete_many(self.client(how, 0), ids, count, statuses.as_mut_ptr());
        if how.is_some() {
            return expect("delete_many", status, &[INVALID]);
        }
        let first = statuses.iter().copied().find(|it| *it != OK).unwrap_or(OK);
        expect("delete_many", status, &[first]);
        for (key, status) in keys.iter().zip(statuses) {
            let allowed = self.getting(self.objects.get(key));
            expect("delete_many", status, self.may_write(wrong, &[allowed]));
            if status == OK {
                self.objects.remove(key);
            }
        }
    }

    pub fn pin(&mut self, key: u8, pin: bool, wrong: Wrong) {
        let how = wrong.of(2);
        let call = if pin { plasma_pin } else { plasma_unpin };
        let id = Wrong::unless(how, 1, id(key));
        let status = call(self.client(how, 0), id.as_ref());
        let there = self.objects.contains_key(&(key % KEYS));
        let allowed = if there { OK } else { NOT_FOUND };
        expect("pin", status, self.may_write(wrong, &[allowed]));
    }

    pub fn manage(&mut self, what: u8, number: u64, wrong: Wrong) {
        let how = wrong.of(2);
        let mut result = MaybeUninit::uninit();
        let (client, to) = (self.client(how, 0), Wrong::unless(how, 1, &mut result));
        let (status, allowed) = match what % 3 {
            0 => (plasma_evict(client, number, to), UNSUPPORTED),
            1 => (plasma_reap(client, to), OK),
            _ => (plasma_trim(client, number, to), OK),
        };
        expect("manage", status, self.may_write(wrong, &[allowed]));
    }

    pub fn stats(&mut self, wrong: Wrong) {
        let how = wrong.of(3);
        let mut stats = Sized::<plasma_stats_t>::right();
        if how == Some(2) {
            stats = Sized::new(168, wrong_size(wrong.0));
        }
        let to = if how == Some(1) { ptr::null_mut() } else { stats.pointer() };
        let status = plasma_stats(self.client(how, 0), to);
        expect("stats", status, &[if wrong.is_none() { OK } else { INVALID }]);
        if status == OK {
            let stats = stats.value();
            let sealed = self.objects.values().filter(|it| it.sealed).count() as u64;
            assert_eq!((stats.capacity, stats.max_objects), (CAPACITY, MAX_OBJECTS));
            assert_eq!(stats.objects_sealed, sealed);
            assert_eq!(stats.objects_writing, self.writers.len() as u64);
        }
    }

    pub fn check(&mut self, wrong: Wrong) {
        let how = wrong.of(3);
        let mut report = Sized::<plasma_check_report_t>::right();
        if how == Some(2) {
            report = Sized::new(320, wrong_size(wrong.0));
        }
        let to = if how == Some(1) { ptr::null_mut() } else { report.pointer() };
        let status = plasma_check(self.client(how, 0), to);
        expect("check", status, self.may_write(wrong, &[OK]));
        if status == OK {
            let report = report.value();
            let words = text(report.first_problem.as_ptr());
            assert_eq!(report.problem_count, 0, "{words:?}");
        }
    }

    pub fn list(&mut self, wrong: Wrong, at: u8) {
        let how = wrong.of(3);
        let mut list = MaybeUninit::uninit();
        let to = Wrong::unless(how, 1, &mut list);
        let status = plasma_list(self.client(how, 0), to);
        let wrong_call = how.is_some_and(|how| how < 2);
        expect("list", status, &[if wrong_call { INVALID } else { OK }]);
        if status != OK {
            return;
        }
        let visible = self.objects.len() as u64;
        handles::with_list(written(&list), |list| {
            let count = plasma_list_count(Some(list));
            // Deleted objects that are held are listed too.
            assert!((visible..=MAX_OBJECTS).contains(&count));
            let mut info = Sized::<plasma_object_info_t>::right();
            if how == Some(2) {
                info = Sized::new(464, wrong_size(wrong.0));
                expect("list_at", plasma_list_at(Some(list), 0, info.pointer()), &[INVALID]);
                return;
            }
            for index in [u64::from(at), count, u64::MAX] {
                let status = plasma_list_at(Some(list), index, info.pointer());
                expect("list_at", status, &[if index < count { OK } else { NOT_FOUND }]);
            }
        });
    }

    /// Returns whether a buffer is held of the object with this id, or of a deleted one that had
    /// it.
    fn holds(&self, id: &plasma_id_t) -> bool {
        self.held.iter().any(|held| {
            let mut info = Sized::<plasma_object_info_t>::right();
            expect("buffer_info", plasma_buffer_info(Some(&held.buffer), info.pointer()), &[OK]);
            info.value().id.bytes == id.bytes
        })
    }

    pub fn list_clients(&mut self, key: u8, holders: bool, at: u8, wrong: Wrong) {
        let how = wrong.of(3);
        let mut list = MaybeUninit::uninit();
        let client = self.client(how, 0);
        let to = Wrong::unless(how, 1, &mut list);
        let there = self.objects.contains_key(&(key % KEYS)) || self.holds(&id(key));
        let (status, right) = match holders {
            true => {
                let id = Wrong::unless(how, 2, id(key));
                let status = plasma_list_holders(client, id.as_ref(), to);
                (status, if there { OK } else { NOT_FOUND })
            }
            false if how == Some(2) => return,
            false => (plasma_list_clients(client, to), OK),
        };
        expect("list_clients", status, &[if wrong.is_none() { right } else { INVALID }]);
        if status != OK {
            return;
        }
        handles::with_clients(written(&list), |list| {
            let count = plasma_client_list_count(Some(list));
            // A closed client counts until its last buffer is released, so there are more clients
            // than handles.
            assert!(count <= crate::capi::CALLS as u64);
            let mut info = Sized::<plasma_client_info_t>::right();
            for index in [u64::from(at % 4), count, u64::MAX] {
                let status = plasma_client_list_at(Some(list), index, info.pointer());
                expect("client_list_at", status, &[if index < count { OK } else { NOT_FOUND }]);
            }
        });
    }

    pub fn subscribe(&mut self, wrong: Wrong) {
        if !wrong.is_none() {
            expect("subscribe", plasma_subscribe(self.client(None, 0), None), &[INVALID]);
            assert_eq!(News::subscribe(None).err(), Some(INVALID));
            return;
        }
        self.news = None;
        match News::subscribe(self.client(None, 0)) {
            Ok(news) => self.news = Some((news, self.active)),
            Err(status) => expect("subscribe", status, &[OK]),
        }
    }

    pub fn next_event(&mut self, count: u8, wrong: Wrong) {
        let mut event = Sized::<plasma_event_t>::right();
        let Some((news, owner)) = &self.news else {
            return expect("next_event", plasma_next_event(None, 0, event.pointer()), &[INVALID]);
        };
        let how = wrong.of(3);
        if how == Some(2) {
            event = Sized::new(size_of::<plasma_event_t>() as u32, wrong_size(wrong.0));
        }
        let time = if how == Some(0) { wrong_timeout(wrong.0) } else { 0 };
        let to = if how == Some(1) { ptr::null_mut() } else { event.pointer() };
        for _ in 0..=count % 8 {
            let status = plasma_next_event(Some(news.get()), time, to);
            if how.is_some() {
                return expect("next_event", status, &[INVALID, DISCONNECTED]);
            }
            let may: &[i32] =
                if *owner == ENDED { &[OK, TIMEOUT, DISCONNECTED] } else { &[OK, TIMEOUT] };
            expect("next_event", status, may);
            if status == OK {
                let event = event.value();
                assert!((1..=4).contains(&event.r#type), "{}", event.r#type);
            }
        }
    }

    /// A struct of a buffer that ended, as it was or garbled such that it cannot name another
    /// buffer.
    pub fn stale(&mut self, which: u8, call: u8, garble: u8) {
        if self.stale.is_empty() {
            return;
        }
        let mut buffer = self.stale[usize::from(which) % self.stale.len()];
        self::garble(&mut buffer.reserved, garble);
        let before = buffer.reserved;
        let mut copy = MaybeUninit::uninit();
        let mut count = MaybeUninit::uninit();
        let mut info = Sized::<plasma_object_info_t>::right();
        let status = match call % 5 {
            0 => plasma_release(Some(&mut buffer)),
            1 => plasma_retain(Some(&buffer), Some(&mut copy)),
            2 => plasma_metadata_count(Some(&buffer), Some(&mut count)),
            3 => plasma_buffer_info(Some(&buffer), info.pointer()),
            _ => plasma_release_many(&mut buffer, 1),
        };
        expect("a stale buffer", status, &[INVALID]);
        assert_eq!(before, buffer.reserved);
    }

    pub fn stale_writer(&mut self, which: u8, call: u8, garble: u8) {
        if self.stale_writers.is_empty() {
            return;
        }
        let mut buffer = self.stale_writers[usize::from(which) % self.stale_writers.len()];
        self::garble(&mut buffer.reserved, garble);
        let before = buffer.reserved;
        let mut sealed = MaybeUninit::uninit();
        let status = match call % 5 {
            0 => plasma_seal(Some(&mut buffer)),
            1 => plasma_abort(Some(&mut buffer)),
            2 => plasma_resize(Some(&mut buffer), 10),
            3 => plasma_set_metadata(Some(&mut buffer), c"k".as_ptr(), ptr::null(), 0),
            _ => plasma_seal_and_get(Some(&mut buffer), Some(&mut sealed)),
        };
        expect("a stale writer", status, &[INVALID]);
        assert_eq!(before, buffer.reserved);
    }

    pub fn ids(&mut self, some: [u8; 6], size: u8, wrong: Wrong) {
        let mut made = MaybeUninit::uninit();
        let bytes: Vec<u8> = some.iter().copied().cycle().take(size.into()).collect();
        let status = plasma_id_from_bytes(bytes.as_ptr().cast(), bytes.len(), Some(&mut made));
        expect("id_from_bytes", status, &[if size <= 20 { OK } else { INVALID }]);
        let null = plasma_id_from_bytes(ptr::null(), size.into(), Some(&mut made));
        expect("id_from_bytes", null, &[if size == 0 { OK } else { INVALID }]);
        let text = CString::new(bytes.iter().map(|it| it | 1).collect::<Vec<u8>>());
        let status = plasma_id_from_hex(text.expect("no NUL").as_ptr(), Some(&mut made));
        expect("id_from_hex", status, &[OK, INVALID]);
        expect("id_random", plasma_id_random(Some(&mut made)), &[OK]);
        let made = written(&made);
        let mut hex = [0x7f; 41];
        expect("id_to_hex", plasma_id_to_hex(Some(&made), hex.as_mut_ptr()), &[OK]);
        let mut again = MaybeUninit::uninit();
        expect("id_from_hex", plasma_id_from_hex(hex.as_ptr(), Some(&mut again)), &[OK]);
        assert_eq!(written(&again).bytes, made.bytes);
        let status = match wrong.of(3) {
            None | Some(0) => plasma_id_from_hex(ptr::null(), Some(&mut again)),
            Some(1) => plasma_id_to_hex(None, hex.as_mut_ptr()),
            Some(_) => plasma_id_to_hex(Some(&made), ptr::null_mut()),
        };
        expect("ids", status, &[INVALID]);
    }
}

/// Checks that the value of a key is as it was set: its byte, and its size modulo 256.
fn value(expected: u16, held: &Held, key: &CString) {
    let (mut value, mut size) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    let found =
        plasma_get_metadata(Some(&held.buffer), key.as_ptr(), Some(&mut value), Some(&mut size));
    expect("metadata", found, &[OK]);
    let value = bytes(written(&value).cast(), written(&size));
    assert_eq!(value.len() as u8, expected as u8);
    assert!(value.iter().all(|it| *it == (expected >> 8) as u8));
}

/// Flips a bit that no live struct shares with a stale one: of the tag, or high in the serial.
fn garble(words: &mut [u64; 6], how: u8) {
    match how % 4 {
        0 => words[5] ^= 1 << (how / 4),
        1 => words[0] ^= 1 << (56 + how / 4 % 8),
        _ => {}
    }
}
