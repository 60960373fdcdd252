//! Every public call, as one row: its needs, its act, and the object afterwards.

use super::api::*;
use super::common::fill;
use super::fixture::{After, Before, Fix, NAME, Wait, target};
use plasma::ffi::*;
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// The things that a call uses, which determine how it can be disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Nothing shared.
    Local,
    /// A buffer, which outlives its client: no lock, no wait.
    Buffer,
    /// A client, and words of the store: not counted as in flight, because the call can neither
    /// wait nor enter the kernel.
    Hot,
    /// A client, counted as in flight, without the writer lock.
    Reads,
    /// A client and the writer lock.
    Locks,
    /// A writer, which outlives its client, without the writer lock.
    Writer,
    /// A writer, and the writer lock.
    WriterLocks,
    /// A subscription.
    News,
    /// A store by its address.
    Store,
    /// It ends a client or a subscription.
    Ends,
}

pub struct Call {
    pub name: &'static str,
    pub class: Class,
    pub before: Before,
    pub after: After,
    /// The thing that it waits for, if it can wait.
    pub waits: Option<Wait>,
    pub run: fn(&mut Fix) -> i32,
}

impl Call {
    pub fn named(name: &str) -> &'static Call {
        CALLS.iter().find(|call| call.name == name).unwrap()
    }

    /// Returns whether it takes the writer lock.
    pub fn locks(&self) -> bool {
        matches!(self.class, Class::Locks | Class::WriterLocks)
    }

    /// Returns whether it is counted as in flight on its client, so that a disconnect waits for it.
    pub fn is_counted(&self) -> bool {
        use Class::{Locks, News, Reads, WriterLocks};
        matches!(self.class, Reads | Locks | News | WriterLocks)
    }

    /// Returns whether a disconnect of its client ends it.
    pub fn is_of_client(&self) -> bool {
        matches!(self.class, Class::Hot | Class::Reads | Class::Locks | Class::News)
    }

    /// Returns whether it does several things in turn, and may end between them.
    pub fn is_batch(&self) -> bool {
        matches!(self.name, "plasma_put_many" | "plasma_delete_many")
    }
}

const fn row(
    name: &'static str,
    class: Class,
    before: Before,
    after: After,
    run: fn(&mut Fix) -> i32,
) -> Call {
    Call { name, class, before, after, waits: None, run }
}

const fn waits(call: Call, wait: Wait) -> Call {
    Call { waits: Some(wait), ..call }
}

fn yes(holds: bool) -> i32 {
    assert!(holds);
    OK
}

fn options(f: &Fix) -> plasma_create_options_t {
    let mut options = f.options;
    options.timeout_ms = f.timeout;
    options
}

/// Keeps the buffer of a call that succeeded.
fn take(status: i32, got: MaybeUninit<plasma_buffer_t>, f: &mut Fix) -> i32 {
    if status == OK {
        f.got.push(written(&got));
    }
    status
}

pub const CALLS: &[Call] = &[
    // Without a store.
    row("plasma_version", Class::Local, Before::Nothing, After::Same, |_| {
        yes(plasma_version() != 0)
    }),
    row("plasma_version_string", Class::Local, Before::Nothing, After::Same, |_| {
        yes(text(plasma_version_string()).to_bytes().len() >= 5)
    }),
    row("plasma_status_name", Class::Local, Before::Nothing, After::Same, |_| {
        yes(text(plasma_status_name(0)) == c"PLASMA_OK")
    }),
    row("plasma_error_message", Class::Local, Before::Nothing, After::Same, |_| {
        yes(text(plasma_error_message()) == c"no error")
    }),
    row("plasma_error_errno", Class::Local, Before::Nothing, After::Same, |_| {
        yes(plasma_error_errno() == 0)
    }),
    row("plasma_id_random", Class::Local, Before::Nothing, After::Same, |_| {
        plasma_id_random(Some(&mut MaybeUninit::uninit()))
    }),
    row("plasma_id_from_bytes", Class::Local, Before::Nothing, After::Same, |f| {
        plasma_id_from_bytes(void(&f.data), 20, Some(&mut MaybeUninit::uninit()))
    }),
    row("plasma_id_from_hex", Class::Local, Before::Nothing, After::Same, |_| {
        let hex = c"00112233445566778899aabbccddeeff00112233";
        plasma_id_from_hex(hex.as_ptr(), Some(&mut MaybeUninit::uninit()))
    }),
    row("plasma_id_to_hex", Class::Local, Before::Nothing, After::Same, |f| {
        plasma_id_to_hex(Some(&f.id), [0; PLASMA_ID_HEX_SIZE].as_mut_ptr())
    }),
    row("plasma_list_count", Class::Local, Before::Lists, After::Same, |f| {
        yes(plasma_list_count(handle(f.list)) >= 4)
    }),
    row("plasma_list_at", Class::Local, Before::Lists, After::Same, |f| {
        plasma_list_at(handle(f.list), 0, growing().as_mut_ptr())
    }),
    row("plasma_list_free", Class::Local, Before::Lists, After::Same, |f| {
        plasma_list_free(std::mem::replace(&mut f.list, std::ptr::null_mut()));
        OK
    }),
    row("plasma_client_list_count", Class::Local, Before::Lists, After::Same, |f| {
        yes(plasma_client_list_count(handle(f.clients)) >= 2)
    }),
    row("plasma_client_list_at", Class::Local, Before::Lists, After::Same, |f| {
        plasma_client_list_at(handle(f.clients), 0, growing().as_mut_ptr())
    }),
    row("plasma_client_list_free", Class::Local, Before::Lists, After::Same, |f| {
        plasma_client_list_free(std::mem::replace(&mut f.clients, std::ptr::null_mut()));
        OK
    }),
    row("plasma_client_address", Class::Hot, Before::Nothing, After::Same, |f| {
        yes(text(plasma_client_address(f.client.get())) == &*f.address)
    }),
    // Buffers.
    row("plasma_retain", Class::Buffer, Before::Held, After::Same, |f| {
        let mut copy = MaybeUninit::uninit();
        let status = plasma_retain(Some(&f.held), Some(&mut copy));
        take(status, copy, f)
    }),
    row("plasma_release", Class::Buffer, Before::Held, After::Same, |f| {
        plasma_release(Some(&mut f.held))
    }),
    row("plasma_release_many", Class::Buffer, Before::Held, After::Same, |f| {
        plasma_release_many(&raw mut f.held, 1)
    }),
    row("plasma_get_metadata", Class::Buffer, Before::Held, After::Same, |f| {
        let (mut value, mut size) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        let key = c"format".as_ptr();
        plasma_get_metadata(Some(&f.held), key, Some(&mut value), Some(&mut size))
    }),
    row("plasma_metadata_count", Class::Buffer, Before::Held, After::Same, |f| {
        plasma_metadata_count(Some(&f.held), Some(&mut MaybeUninit::uninit()))
    }),
    row("plasma_metadata_at", Class::Buffer, Before::Held, After::Same, |f| {
        let (mut key, mut value) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        let mut size = MaybeUninit::uninit();
        let out = (Some(&mut key), Some(&mut value), Some(&mut size));
        plasma_metadata_at(Some(&f.held), 0, out.0, out.1, out.2)
    }),
    row("plasma_buffer_info", Class::Buffer, Before::Held, After::Same, |f| {
        plasma_buffer_info(Some(&f.held), growing().as_mut_ptr())
    }),
    // Reading.
    waits(
        row("plasma_get", Class::Hot, Before::Sealed, After::Same, |f| {
            let mut got = MaybeUninit::uninit();
            let status = plasma_get(f.client.get(), Some(&f.id), f.timeout, Some(&mut got));
            take(status, got, f)
        }),
        Wait::Seal,
    ),
    waits(
        row("plasma_get_by_name", Class::Hot, Before::Sealed, After::Same, |f| {
            let mut got = MaybeUninit::uninit();
            let name = c_string(NAME);
            let client = f.client.get();
            let status = plasma_get_by_name(client, name.as_ptr(), f.timeout, Some(&mut got));
            take(status, got, f)
        }),
        Wait::Seal,
    ),
    waits(
        row("plasma_get_many", Class::Reads, Before::Sealed, After::Same, |f| {
            let mut got = [NO_BUFFER; 2];
            let ids = [f.id, f.id];
            let mut statuses = [1; 2];
            let (buffers, out) = (got.as_mut_ptr(), statuses.as_mut_ptr());
            let status = plasma_get_many(f.client.get(), ids.as_ptr(), 2, f.timeout, buffers, out);
            assert_eq!(statuses, [status; 2]);
            f.got.extend(got.into_iter().filter(|got| !got.data.is_null()));
            status
        }),
        Wait::Seal,
    ),
    waits(
        row("plasma_wait", Class::Reads, Before::Sealed, After::Same, |f| {
            let mut ready = [0];
            let mut count = MaybeUninit::uninit();
            let (client, ready) = (f.client.get(), ready.as_mut_ptr());
            plasma_wait(client, &raw const f.id, 1, 1, f.timeout, ready, Some(&mut count))
        }),
        Wait::Seal,
    ),
    row("plasma_lookup", Class::Reads, Before::Sealed, After::Same, |f| {
        let name = c_string(NAME);
        plasma_lookup(f.client.get(), name.as_ptr(), Some(&mut MaybeUninit::uninit()))
    }),
    row("plasma_contains", Class::Hot, Before::Sealed, After::Same, |f| {
        plasma_contains(f.client.get(), Some(&f.id), Some(&mut MaybeUninit::uninit()))
    }),
    row("plasma_object_info", Class::Reads, Before::Sealed, After::Same, |f| {
        plasma_object_info(f.client.get(), Some(&f.id), growing().as_mut_ptr())
    }),
    row("plasma_stats", Class::Reads, Before::Sealed, After::Same, |f| {
        plasma_stats(f.client.get(), growing().as_mut_ptr())
    }),
    row("plasma_list", Class::Reads, Before::Sealed, After::Same, |f| {
        let mut list = MaybeUninit::uninit();
        let status = plasma_list(f.client.get(), Some(&mut list));
        if status == OK {
            f.list = written(&list);
        }
        status
    }),
    row("plasma_list_matching", Class::Reads, Before::Sealed, After::Same, |f| {
        let mut list = MaybeUninit::uninit();
        let status = plasma_list_matching(f.client.get(), c"t*".as_ptr(), Some(&mut list));
        if status == OK {
            f.list = written(&list);
        }
        status
    }),
    row("plasma_list_clients", Class::Reads, Before::Sealed, After::Same, |f| {
        let mut list = MaybeUninit::uninit();
        let status = plasma_list_clients(f.client.get(), Some(&mut list));
        if status == OK {
            f.clients = written(&list);
        }
        status
    }),
    row("plasma_list_holders", Class::Reads, Before::Held, After::Same, |f| {
        let mut list = MaybeUninit::uninit();
        let status = plasma_list_holders(f.client.get(), Some(&f.id), Some(&mut list));
        if status == OK {
            f.clients = written(&list);
        }
        status
    }),
    row("plasma_interrupt", Class::Hot, Before::Nothing, After::Same, |f| {
        plasma_interrupt(f.client.get())
    }),
    row("plasma_subscribe", Class::Reads, Before::Nothing, After::Same, |f| {
        let mut news = MaybeUninit::uninit();
        let status = plasma_subscribe(f.client.get(), Some(&mut news));
        if status == OK {
            f.news = written(&news);
        }
        status
    }),
    row("plasma_subscribe_matching", Class::Reads, Before::Nothing, After::Same, |f| {
        let mut news = MaybeUninit::uninit();
        let pattern = c"t*".as_ptr();
        let status = plasma_subscribe_matching(f.client.get(), pattern, Some(&mut news));
        if status == OK {
            f.news = written(&news);
        }
        status
    }),
    waits(
        row("plasma_next_event", Class::News, Before::News, After::Same, |f| {
            plasma_next_event(handle(f.news), f.timeout, growing().as_mut_ptr())
        }),
        Wait::Event,
    ),
    row("plasma_event_fd", Class::News, Before::News, After::Same, |f| {
        plasma_event_fd(handle(f.news), Some(&mut MaybeUninit::uninit()))
    }),
    // Writing.
    waits(
        row("plasma_create", Class::Locks, Before::Nothing, After::Writing, |f| {
            let mut writer = MaybeUninit::uninit();
            let (client, size, options) = (f.client.get(), f.data.len() as u64, options(f));
            let status = plasma_create(client, Some(&f.id), size, &options, Some(&mut writer));
            if status == OK {
                f.writer = written(&writer);
            }
            status
        }),
        Wait::Room,
    ),
    waits(
        row("plasma_put", Class::Locks, Before::Nothing, After::Sealed, |f| {
            let (client, size, options) = (f.client.get(), f.data.len() as u64, options(f));
            plasma_put(client, Some(&f.id), void(&f.data), size, &options)
        }),
        Wait::Room,
    ),
    waits(
        row("plasma_put_parts", Class::Locks, Before::Nothing, After::Sealed, |f| {
            let (parts, sizes) = ([void(&f.data); 1], [f.data.len() as u64]);
            let (client, id, options) = (f.client.get(), Some(&f.id), options(f));
            plasma_put_parts(client, id, parts.as_ptr(), sizes.as_ptr(), 1, &options)
        }),
        Wait::Room,
    ),
    waits(
        row("plasma_get_or_create", Class::Locks, Before::Nothing, After::Writing, |f| {
            let (mut got, mut writer) = (MaybeUninit::uninit(), MaybeUninit::uninit());
            let mut created = MaybeUninit::uninit();
            let (client, size, options) = (f.client.get(), f.data.len() as u64, options(f));
            let out = (Some(&mut got), Some(&mut writer), Some(&mut created));
            let id = Some(&f.id);
            let status =
                plasma_get_or_create(client, id, size, &options, f.timeout, out.0, out.1, out.2);
            if status == OK && written(&created) == 1 {
                f.writer = written(&writer);
            } else if status == OK {
                f.got.push(written(&got));
            }
            status
        }),
        Wait::Seal,
    ),
    waits(
        row("plasma_get_or_create_by_name", Class::Reads, Before::Sealed, After::Same, |f| {
            let (mut got, mut writer) = (MaybeUninit::uninit(), MaybeUninit::uninit());
            let mut created = MaybeUninit::uninit();
            let (client, name, time) = (f.client.get(), c_string(NAME), f.timeout);
            let (size, none) = (f.data.len() as u64, std::ptr::null());
            let out = (Some(&mut got), Some(&mut writer), Some(&mut created));
            let name = name.as_ptr();
            let status =
                plasma_get_or_create_by_name(client, name, size, none, time, out.0, out.1, out.2);
            if status == OK && written(&created) == 0 {
                f.got.push(written(&got));
            }
            status
        }),
        Wait::Seal,
    ),
    waits(
        row("plasma_put_many", Class::Locks, Before::Nothing, After::Batch, |f| {
            let datas: [*const c_void; 4] = [void(&f.data); 4];
            let (sizes, options) = ([200; 4], options(f));
            let (client, ids) = (f.client.get(), f.ids.as_ptr());
            let statuses = f.statuses.as_mut_ptr();
            plasma_put_many(client, ids, datas.as_ptr(), sizes.as_ptr(), 4, &options, statuses)
        }),
        Wait::Room,
    ),
    row("plasma_delete", Class::Locks, Before::Sealed, After::Absent, |f| {
        plasma_delete(f.client.get(), Some(&f.id))
    }),
    row("plasma_delete_by_name", Class::Locks, Before::Sealed, After::Absent, |f| {
        let name = c_string(NAME);
        plasma_delete_by_name(f.client.get(), name.as_ptr())
    }),
    row("plasma_delete_many", Class::Locks, Before::Many, After::Batch, |f| {
        plasma_delete_many(f.client.get(), f.ids.as_ptr(), 4, f.statuses.as_mut_ptr())
    }),
    row("plasma_pin", Class::Locks, Before::Sealed, After::Same, |f| {
        plasma_pin(f.client.get(), Some(&f.id))
    }),
    row("plasma_unpin", Class::Locks, Before::Pinned, After::Same, |f| {
        plasma_unpin(f.client.get(), Some(&f.id))
    }),
    row("plasma_evict", Class::Locks, Before::Sealed, After::Absent, |f| {
        plasma_evict(f.client.get(), 1, Some(&mut MaybeUninit::uninit()))
    }),
    row("plasma_reap", Class::Locks, Before::Sealed, After::Same, |f| {
        plasma_reap(f.client.get(), Some(&mut MaybeUninit::uninit()))
    }),
    row("plasma_trim", Class::Locks, Before::Sealed, After::Same, |f| {
        plasma_trim(f.client.get(), 0, Some(&mut MaybeUninit::uninit()))
    }),
    row("plasma_check", Class::Locks, Before::Sealed, After::Same, |f| {
        plasma_check(f.client.get(), growing().as_mut_ptr())
    }),
    // Writers.
    row("plasma_resize", Class::WriterLocks, Before::Writer, After::Same, |f| {
        let status = plasma_resize(Some(&mut f.writer), 9000);
        fill(&target(), bytes_mut(&f.writer));
        status
    }),
    row("plasma_set_metadata", Class::WriterLocks, Before::Writer, After::Same, |f| {
        plasma_set_metadata(Some(&mut f.writer), c"key".as_ptr(), void(&f.data), 10)
    }),
    row("plasma_seal", Class::Writer, Before::Writer, After::Sealed, |f| {
        plasma_seal(Some(&mut f.writer))
    }),
    row("plasma_seal_and_get", Class::Writer, Before::Writer, After::Sealed, |f| {
        let mut got = MaybeUninit::uninit();
        let status = plasma_seal_and_get(Some(&mut f.writer), Some(&mut got));
        take(status, got, f)
    }),
    row("plasma_abort", Class::WriterLocks, Before::Writer, After::Absent, |f| {
        plasma_abort(Some(&mut f.writer))
    }),
    row("plasma_fail", Class::WriterLocks, Before::Writer, After::Failed, |f| {
        plasma_fail(Some(&mut f.writer), c"why".as_ptr())
    }),
    // Stores and handles.
    row("plasma_connect", Class::Store, Before::Sealed, After::Same, |f| {
        let mut client = MaybeUninit::uninit();
        let status = plasma_connect(f.address.as_ptr(), &existing(), Some(&mut client));
        if status == OK {
            f.made = Some(Handle(written(&client)));
        }
        status
    }),
    row("plasma_store_remove", Class::Store, Before::Sealed, After::Removed, |f| {
        plasma_store_remove(f.address.as_ptr())
    }),
    row("plasma_disconnect", Class::Ends, Before::Sealed, After::Same, |f| {
        plasma_disconnect(f.client.0);
        f.ended = true;
        OK
    }),
    row("plasma_unsubscribe", Class::Ends, Before::News, After::Same, |f| {
        plasma_unsubscribe(std::mem::replace(&mut f.news, std::ptr::null_mut()));
        OK
    }),
];
