//! The calls that write and read objects.

use super::acts::{Act, Wrong};
use super::args::*;
use super::handles::{Sized, bytes, fill, text, written};
use super::model::{Model, Object, Writer, byte, content, expect, key_text};
use plasma::ffi::*;
use std::collections::BTreeMap;
use std::ffi::{CString, c_void};
use std::mem::MaybeUninit;
use std::ptr;

const NONE: plasma_buffer_t = plasma_buffer_t { data: ptr::null(), size: 0, reserved: [0; 6] };

impl Model<'_> {
    pub fn object_act(&mut self, act: Act) {
        match act {
            Act::Create { key, size, named, keys, wrong } => {
                self.create(key, size.into(), named.then_some(key), keys % 4, wrong);
            }
            Act::CreateHuge { key, size } => self.create(key, size, None, 0, Wrong(0)),
            Act::Put { key, size, named, wrong } => {
                self.put(key, size.into(), named.then_some(key), wrong);
            }
            Act::PutMany { key, count, wrong } => self.put_many(key, count % 4, wrong),
            Act::GetOrCreate { key, size, wrong } => self.get_or_create(key, size.into(), wrong),
            Act::Resize { writer, size, huge, wrong } => {
                let size = if huge { u64::from(size) << 44 } else { size.into() };
                self.resize(writer, size, wrong);
            }
            Act::SetMetadata { writer, key, size, wrong } => {
                self.set_metadata(writer, key, size, wrong);
            }
            Act::Seal { writer, get, wrong } => self.seal(writer, get, wrong),
            Act::Abort { writer, wrong } => self.abort(writer, wrong),
            Act::Get { key, by_name, waits, wrong } => self.get(key, by_name, waits, wrong),
            Act::GetMany { key, count, wrong } => self.get_many(key, count % 5, wrong),
            Act::Wait { key, count, ready, wrong } => self.wait(key, count % 5, ready, wrong),
            Act::Lookup { key, wrong } => self.lookup(key, wrong),
            Act::Contains { key, wrong } => self.contains(key, wrong),
            Act::ObjectInfo { key, wrong } => self.object_info(key, wrong),
            Act::Retain { buffer, wrong } => self.retain(buffer, wrong),
            Act::Release { buffer, wrong } => self.release(buffer, wrong),
            Act::ReleaseMany { from, count, wrong } => self.release_many(from, count % 4, wrong),
            Act::Read { buffer, wrong } => self.read(buffer, wrong),
            Act::BufferInfo { buffer, wrong } => self.buffer_info(buffer, wrong),
            Act::Delete { key, wrong } => self.delete(key, wrong),
            Act::DeleteMany { key, count, wrong } => self.delete_many(key, count % 5, wrong),
            Act::Pin { key, pin, wrong } => self.pin(key, pin, wrong),
            _ => {}
        }
    }

    fn object(&mut self, size: u64, name: Option<u8>, sealed: bool) -> Object {
        let name = name.map(|name| name % KEYS);
        Object { salt: self.next_salt(), size, sealed, name, metadata: BTreeMap::new() }
    }

    fn began_writing(&mut self, key: u8, buffer: plasma_mutable_buffer_t, object: Object) {
        assert_eq!(buffer.size, object.size);
        fill(&buffer, |at| byte(object.salt, at));
        self.objects.insert(key % KEYS, object);
        self.writers.push(Writer { buffer, key: key % KEYS });
    }

    fn create(&mut self, key: u8, size: u64, named: Option<u8>, keys: u8, wrong: Wrong) {
        let how = wrong.of(8);
        let mut options = create_options();
        let text = named.map(name);
        options.name = pointer(&text);
        options.flags = if size.is_multiple_of(3) { PLASMA_CREATE_ZEROED } else { 0 };
        let names: Vec<CString> = (0..keys).map(key_text).collect();
        let value = [keys; 40];
        let entries: Vec<_> = names
            .iter()
            .map(|key| plasma_metadata_t {
                key: key.as_ptr(),
                value: value.as_ptr().cast(),
                value_size: 40,
            })
            .collect();
        options.metadata = entries.as_ptr();
        options.metadata_count = entries.len() as u64;
        let bad = wrong_text(wrong.0);
        if how > Some(2) {
            break_create(&mut options, wrong.0, &bad);
        }
        let allowed = self.creating(key, size, named);
        let allowed = self.may_write(wrong, &allowed);
        let mut buffer = MaybeUninit::uninit();
        let id = Wrong::unless(how, 1, id(key));
        let to = Wrong::unless(how, 2, &mut buffer);
        let status = plasma_create(self.client(how, 0), id.as_ref(), size, &options, to);
        expect("create", status, allowed);
        if status == OK {
            let mut object = self.object(size, named, false);
            object.metadata = (0..keys).map(|key| (key, u16::from(keys) << 8 | 40)).collect();
            self.began_writing(key, written(&buffer), object);
        }
    }

    fn put(&mut self, key: u8, size: u64, named: Option<u8>, wrong: Wrong) {
        let how = wrong.of(6);
        let mut options = create_options();
        let text = named.map(name);
        options.name = pointer(&text);
        let object = self.object(size, named, true);
        let data = content(object.salt, size);
        let bad = wrong_text(wrong.0);
        if how == Some(5) {
            break_create(&mut options, wrong.0, &bad);
        }
        let (data, size) = match how {
            Some(2) => (ptr::null(), size.max(1)),
            Some(3) => (data.as_ptr(), u64::MAX - size),
            Some(4) => (ptr::null(), 1 << 62),
            _ => (data.as_ptr(), size),
        };
        let allowed = self.creating(key, size.min(1 << 40), named);
        let allowed = self.may_write(wrong, &allowed);
        let id = Wrong::unless(how, 1, id(key));
        let status = plasma_put(self.client(how, 0), id.as_ref(), data.cast(), size, &options);
        expect("put", status, allowed);
        if status == OK {
            self.objects.insert(key % KEYS, object);
        }
    }

    fn put_many(&mut self, key: u8, count: u8, wrong: Wrong) {
        let how = wrong.of(5);
        let keys: Vec<u8> = (0..count).map(|i| key.wrapping_add(i) % KEYS).collect();
        let ids: Vec<_> = keys.iter().map(|key| id(*key)).collect();
        let objects: Vec<_> = keys.iter().map(|_| self.object(100, None, true)).collect();
        let contents: Vec<_> = objects.iter().map(|it| content(it.salt, 100)).collect();
        let datas: Vec<*const c_void> = contents.iter().map(|it| it.as_ptr().cast()).collect();
        let sizes = vec![100; keys.len()];
        let mut statuses = vec![1; keys.len()];
        // NULL arrays have no elements, and no array has this many.
        let real = if count == 0 { 1 } else { keys.len() };
        let (ids, datas_at, count) = match how {
            Some(1) => (ptr::null(), datas.as_ptr(), real),
            Some(2) => (ids.as_ptr(), ptr::null(), real),
            Some(3) => (ids.as_ptr(), datas.as_ptr(), usize::MAX / 8),
            Some(4) => (ids.as_ptr(), datas.as_ptr(), usize::MAX),
            _ => (ids.as_ptr(), datas.as_ptr(), keys.len()),
        };
        // Without an argument to read there is no error either.
        if how == Some(1) && datas.is_empty() || how == Some(2) && datas.is_empty() {
            return;
        }
        let status = plasma_put_many(
            self.client(how, 0),
            ids,
            datas_at,
            sizes.as_ptr(),
            count,
            ptr::null(),
            statuses.as_mut_ptr(),
        );
        if how.is_some() {
            return expect("put_many", status, &[INVALID]);
        }
        let first = statuses.iter().copied().find(|it| *it != OK).unwrap_or(OK);
        expect("put_many", status, &[first]);
        for ((key, object), status) in keys.iter().zip(objects).zip(statuses) {
            let allowed = self.creating(*key, 100, None);
            expect("put_many", status, self.may_write(wrong, &allowed));
            if status == OK {
                self.objects.insert(*key, object);
            }
        }
    }

    fn get_or_create(&mut self, key: u8, size: u64, wrong: Wrong) {
        let how = wrong.of(7);
        let (mut buffer, mut writer) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        let mut created = MaybeUninit::uninit();
        let time = if how == Some(2) { wrong_timeout(wrong.0) } else { 0 };
        let mut options = create_options();
        if how == Some(3) {
            options.struct_size = wrong_size(wrong.0);
        }
        let there = self.objects.get(&(key % KEYS)).cloned();
        let allowed = match &there {
            Some(object) if object.sealed => vec![OK],
            Some(_) => vec![NOT_SEALED],
            None => self.creating(key, size, None),
        };
        let allowed = match (&there, wrong.is_none(), self.reads_only()) {
            (_, false, false) => vec![INVALID],
            (_, false, true) => vec![INVALID, READ_ONLY],
            // A reader gets an object that exists.
            (_, true, true) => [allowed, vec![READ_ONLY]].concat(),
            (_, true, false) => allowed,
        };
        let id = Wrong::unless(how, 1, id(key));
        let status = plasma_get_or_create(
            self.client(how, 0),
            id.as_ref(),
            size,
            &options,
            time,
            Wrong::unless(how, 4, &mut buffer),
            Wrong::unless(how, 5, &mut writer),
            Wrong::unless(how, 6, &mut created),
        );
        expect("get_or_create", status, &allowed);
        if status != OK {
            return;
        }
        assert_eq!(written(&created), i32::from(there.is_none()));
        match there {
            Some(object) => self.got(written(&buffer), object),
            None => {
                let object = self.object(size, None, false);
                self.began_writing(key, written(&writer), object);
            }
        }
    }

    fn resize(&mut self, at: u8, size: u64, wrong: Wrong) {
        if !wrong.is_none() || self.writers.is_empty() {
            return expect("resize", plasma_resize(None, size), &[INVALID]);
        }
        let at = usize::from(at) % self.writers.len();
        let Writer { buffer, key } = &mut self.writers[at];
        let before = *buffer;
        let status = plasma_resize(Some(buffer), size);
        expect("resize", status, &[OK, OUT_OF_MEMORY, TOO_LARGE]);
        let object = self.objects.get_mut(key).expect("it is being written");
        if status == OK {
            let kept = before.size.min(size);
            let data = bytes(buffer.data, kept);
            assert!(data.iter().enumerate().all(|(at, it)| *it == byte(object.salt, at)));
            object.size = size;
            assert_eq!(buffer.size, size);
            fill(buffer, |at| byte(object.salt, at));
        } else {
            assert_eq!((before.data, before.size), (buffer.data, buffer.size));
        }
    }

    fn set_metadata(&mut self, at: u8, key: u8, size: u16, wrong: Wrong) {
        let Some(len) = (!self.writers.is_empty()).then_some(self.writers.len()) else { return };
        let Writer { buffer, key: object } = &mut self.writers[usize::from(at) % len];
        let value = vec![key; size.into()];
        let text = Some(key_text(key));
        let bad = wrong_text(wrong.0);
        // A long key is valid.
        let bad = bad.filter(|it| it.as_bytes().len() != 256);
        let data: *const c_void = value.as_ptr().cast();
        let status = match wrong.of(4) {
            None => plasma_set_metadata(Some(buffer), pointer(&text), data, size.into()),
            Some(0) => plasma_set_metadata(None, pointer(&text), data, size.into()),
            Some(1) => plasma_set_metadata(Some(buffer), pointer(&bad), data, size.into()),
            Some(2) => plasma_set_metadata(Some(buffer), pointer(&text), ptr::null(), 1),
            Some(_) => plasma_set_metadata(Some(buffer), pointer(&text), data, u64::MAX),
        };
        let right: &[i32] = &[OK, LIMIT, OUT_OF_MEMORY, TOO_LARGE];
        expect("set_metadata", status, if wrong.is_none() { right } else { &[INVALID] });
        if status == OK {
            let object = self.objects.get_mut(object).expect("it is being written");
            // The byte and the size of the value; sizes are compared modulo 256.
            object.metadata.insert(key % 6, u16::from(key) << 8 | size & 0xff);
        }
    }

    fn seal(&mut self, at: u8, get: bool, wrong: Wrong) {
        let mut sealed = MaybeUninit::uninit();
        if !wrong.is_none() || self.writers.is_empty() {
            expect("seal", plasma_seal(None), &[INVALID]);
            return expect("seal", plasma_seal_and_get(None, Some(&mut sealed)), &[INVALID]);
        }
        let at = usize::from(at) % self.writers.len();
        let Writer { mut buffer, key } = self.writers.swap_remove(at);
        self.stale_writers.push(buffer);
        let status = match get {
            true => {
                expect("seal", plasma_seal_and_get(Some(&mut buffer), None), &[INVALID]);
                plasma_seal_and_get(Some(&mut buffer), Some(&mut sealed))
            }
            false => plasma_seal(Some(&mut buffer)),
        };
        expect("seal", status, &[OK]);
        assert!(buffer.data.is_null() && buffer.reserved == [0; 6]);
        expect("seal", plasma_seal(Some(&mut buffer)), &[INVALID]);
        let object = self.objects.get_mut(&key).expect("it was being written");
        object.sealed = true;
        if get {
            let object = object.clone();
            self.got(written(&sealed), object);
        }
    }

    fn abort(&mut self, at: u8, wrong: Wrong) {
        if !wrong.is_none() || self.writers.is_empty() {
            return expect("abort", plasma_abort(None), &[INVALID]);
        }
        let at = usize::from(at) % self.writers.len();
        let Writer { mut buffer, key } = self.writers.swap_remove(at);
        self.stale_writers.push(buffer);
        expect("abort", plasma_abort(Some(&mut buffer)), &[OK]);
        self.objects.remove(&key);
    }

    fn get(&mut self, key: u8, by_name: bool, waits: bool, wrong: Wrong) {
        let key = key % KEYS;
        let mut buffer = MaybeUninit::new(NONE);
        let how = wrong.of(4);
        let object = match by_name {
            true => self.named(key).map(|(_, object)| object),
            false => self.objects.get(&key),
        };
        let object = object.cloned();
        let mut allowed = self.getting(object.as_ref());
        let mut time = 0;
        if waits {
            time = if allowed == OK { [-1, i64::MAX, 5][usize::from(key) % 3] } else { 1 };
            allowed = if allowed == OK { OK } else { TIMEOUT };
        }
        if how == Some(3) {
            time = wrong_timeout(wrong.0);
        }
        let to = Wrong::unless(how, 2, &mut buffer);
        let status = if by_name {
            let text = if how == Some(1) { wrong_text(wrong.0) } else { Some(name(key)) };
            plasma_get_by_name(self.client(how, 0), pointer(&text), time, to)
        } else {
            let id = Wrong::unless(how, 1, id(key));
            plasma_get(self.client(how, 0), id.as_ref(), time, to)
        };
        // The alarm of libFuzzer may ring while the call waits.
        let allowed = if wrong.is_none() { allowed } else { INVALID };
        let alarm = if waits && wrong.is_none() { INTERRUPTED } else { allowed };
        expect("get", status, &[allowed, alarm]);
        if status == INTERRUPTED {
            return;
        }
        if let (OK, Some(object)) = (status, object) {
            self.got(written(&buffer), object);
        } else {
            assert_eq!(written(&buffer).reserved, [0; 6], "written on OK only");
        }
    }

    fn get_many(&mut self, key: u8, count: u8, wrong: Wrong) {
        let how = wrong.of(5);
        let keys: Vec<u8> = (0..count).map(|i| key.wrapping_add(i) % KEYS).collect();
        let ids: Vec<_> = keys.iter().map(|key| id(*key)).collect();
        let mut buffers = vec![NONE; keys.len()];
        let mut statuses = vec![1; keys.len()];
        let time = if how == Some(4) { wrong_timeout(wrong.0) } else { 0 };
        let (ids, count) = match how {
            Some(1) => (ptr::null(), keys.len().max(1)),
            Some(2) => (ids.as_ptr(), usize::MAX),
            Some(3) => (ids.as_ptr(), isize::MAX as usize / 20 + 1),
            _ => (ids.as_ptr(), keys.len()),
        };
        let status = plasma_get_many(
            self.client(how, 0),
            ids,
            count,
            time,
            buffers.as_mut_ptr(),
            statuses.as_mut_ptr(),
        );
        if how.is_some() {
            return expect("get_many", status, &[INVALID]);
        }
        expect("get_many", status, &[statuses.iter().copied().find(|it| *it != OK).unwrap_or(OK)]);
        for ((key, buffer), status) in keys.iter().zip(buffers).zip(statuses) {
            let object = self.objects.get(key).cloned();
            expect("get_many", status, &[self.getting(object.as_ref())]);
            match object {
                Some(object) if status == OK => self.got(buffer, object),
                _ => assert_eq!(buffer.reserved, [0; 6]),
            }
        }
    }

    fn wait(&mut self, key: u8, count: u8, enough: u8, wrong: Wrong) {
        let how = wrong.of(5);
        let keys: Vec<u8> = (0..count).map(|i| key.wrapping_add(i) % KEYS).collect();
        let ids: Vec<_> = keys.iter().map(|key| id(*key)).collect();
        let mut ready = vec![9; keys.len()];
        let mut sealed = MaybeUninit::new(usize::MAX);
        let enough = usize::from(enough) % (keys.len() + 1);
        let (enough, time) = match how {
            Some(1) => (keys.len() + 1, 0),
            Some(2) => (enough, wrong_timeout(wrong.0)),
            _ => (enough, 0),
        };
        let count = if how == Some(3) { usize::MAX / 16 } else { keys.len() };
        let to = Wrong::unless(how, 4, &mut sealed);
        let status = plasma_wait(
            self.client(how, 0),
            ids.as_ptr(),
            count,
            enough,
            time,
            ready.as_mut_ptr(),
            to,
        );
        if how.is_some() {
            return expect("wait", status, &[INVALID]);
        }
        let right: Vec<u8> = keys
            .iter()
            .map(|key| self.objects.get(key).is_some_and(|it| it.sealed).into())
            .collect();
        let found = right.iter().filter(|it| **it == 1).count();
        let wanted = if enough == 0 { keys.len() } else { enough };
        expect("wait", status, &[if found >= wanted { OK } else { TIMEOUT }]);
        assert_eq!((ready, written(&sealed)), (right, found));
    }

    fn lookup(&mut self, key: u8, wrong: Wrong) {
        let how = wrong.of(3);
        let text = if how == Some(1) { wrong_text(wrong.0) } else { Some(name(key)) };
        let mut found = MaybeUninit::uninit();
        let to = Wrong::unless(how, 2, &mut found);
        let status = plasma_lookup(self.client(how, 0), pointer(&text), to);
        let right = self.named(key % KEYS).map(|(key, _)| key);
        let allowed = if right.is_some() { OK } else { NOT_FOUND };
        expect("lookup", status, &[if wrong.is_none() { allowed } else { INVALID }]);
        if let (OK, Some(key)) = (status, right) {
            assert_eq!(written(&found).bytes, id(key).bytes);
        }
    }

    fn contains(&mut self, key: u8, wrong: Wrong) {
        let how = wrong.of(3);
        let mut state = MaybeUninit::uninit();
        let id = Wrong::unless(how, 1, id(key));
        let to = Wrong::unless(how, 2, &mut state);
        let status = plasma_contains(self.client(how, 0), id.as_ref(), to);
        expect("contains", status, &[if wrong.is_none() { OK } else { INVALID }]);
        if status == OK {
            let right = self.objects.get(&(key % KEYS)).map_or(0, |it| 1 + i32::from(it.sealed));
            assert_eq!(written(&state), right);
        }
    }

    fn object_info(&mut self, key: u8, wrong: Wrong) {
        let how = wrong.of(4);
        let id = Wrong::unless(how, 1, id(key));
        let mut info = Sized::<plasma_object_info_t>::right();
        if how == Some(3) {
            info = Sized::new(464, wrong_size(wrong.0));
        }
        let to = if how == Some(2) { ptr::null_mut() } else { info.pointer() };
        let status = plasma_object_info(self.client(how, 0), id.as_ref(), to);
        let object = self.objects.get(&(key % KEYS));
        let allowed = if object.is_some() { OK } else { NOT_FOUND };
        expect("object_info", status, &[if wrong.is_none() { allowed } else { INVALID }]);
        if let (OK, Some(object)) = (status, object) {
            let info = info.value();
            assert_eq!(info.data_size, object.size);
            let shown = text(info.name.as_ptr()).to_bytes();
            let right = object.name.map_or(Vec::new(), |key| name(key).into_bytes());
            assert_eq!(shown, right);
            assert!(text(info.creator_address.as_ptr()).to_bytes().contains(&b'/'));
        }
    }
}
