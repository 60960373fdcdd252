package plasma;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.*;
import java.util.ArrayList;
import java.util.List;

/**
 * A connection to a store. Any number of threads may use it. Times are in milliseconds: 0 does not
 * wait, -1 waits forever. A call that fails throws {@link PlasmaException}.
 */
public final class Client implements AutoCloseable {
    // A call keeps the arena of its arguments open, so a handle ends after the last call on it.
    private final Arena arena = Arena.ofShared();
    private final MemorySegment handle;

    private Client(MemorySegment pointer) {
        handle = pointer.reinterpret(arena, Native::plasma_disconnect);
    }

    /** Opens a store, or creates it. */
    public static Client connect(String address) {
        return connect(address, ConnectOptions.flags(0));
    }

    /** Opens a store, or creates it; null is the address in {@code $PLASMA_STORE}. */
    public static Client connect(String address, ConnectOptions options) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment client = call.allocate(ADDRESS);
            MemorySegment at = Library.text(call, address);
            Library.check(Native.plasma_connect(at, options.in(call), client));
            return new Client(client.get(ADDRESS, 0));
        }
    }

    /** Removes a store and all objects in it. */
    public static void remove(String address) {
        try (Arena call = Arena.ofConfined()) {
            Library.check(Native.plasma_store_remove(Library.text(call, address)));
        }
    }

    /** Returns the directory of the store. */
    public String address() {
        return Library.text(Native.plasma_client_address(handle));
    }

    /** Creates an object, copies bytes into it, and seals it. */
    public void put(ObjectId id, byte[] data, CreateOptions options) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment bytes = call.allocateFrom(JAVA_BYTE, data);
            put(id, bytes, options);
        }
    }

    /** Creates an object, copies native memory into it, and seals it. */
    public void put(ObjectId id, MemorySegment data, CreateOptions options) {
        try (Arena call = Arena.ofConfined()) {
            Library.check(
                    Native.plasma_put(handle, id.in(call), data, data.byteSize(), options.in(call)));
        }
    }

    /** Creates an object, to be written and then sealed. */
    public MutableBuffer create(ObjectId id, long size, CreateOptions options) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment wanted = id.in(call);
            MemorySegment how = options.in(call);
            return MutableBuffer.of(it -> Native.plasma_create(handle, wanted, size, how, it));
        }
    }

    /** Gets an object. */
    public Buffer get(ObjectId id, long timeoutMs) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment wanted = id.in(call);
            return Buffer.of(it -> Native.plasma_get(handle, wanted, timeoutMs, it));
        }
    }

    /** Gets an object by its name. */
    public Buffer get(String name, long timeoutMs) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment wanted = Library.text(call, name);
            return Buffer.of(it -> Native.plasma_get_by_name(handle, wanted, timeoutMs, it));
        }
    }

    /** Finds the id of the object with a name. */
    public ObjectId lookup(String name) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment id = call.allocate(Native.Id.SIZE);
            Library.check(Native.plasma_lookup(handle, Library.text(call, name), id));
            return ObjectId.read(id, 0);
        }
    }

    /** Returns whether there is a sealed object with this id. */
    public boolean contains(ObjectId id) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment state = call.allocate(JAVA_INT);
            Library.check(Native.plasma_contains(handle, id.in(call), state));
            return state.get(JAVA_INT, 0) == ObjectInfo.STATE_SEALED;
        }
    }

    /** Waits until numReady objects are sealed, 0 for all; returns which are, also if time is up. */
    public boolean[] await(List<ObjectId> ids, int numReady, long timeoutMs) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment ready = call.allocate(Math.max(1, ids.size()));
            MemorySegment count = call.allocate(JAVA_LONG);
            int status = Native.plasma_wait(
                    handle, ObjectId.all(call, ids), ids.size(), numReady, timeoutMs, ready, count);
            if (status != Status.TIMEOUT.number) Library.check(status);
            boolean[] all = new boolean[ids.size()];
            for (int at = 0; at < all.length; at++) all[at] = ready.get(JAVA_BYTE, at) != 0;
            return all;
        }
    }

    /** Deletes a sealed object; its memory is freed after the last buffer on it is closed. */
    public void delete(ObjectId id) {
        try (Arena call = Arena.ofConfined()) {
            Library.check(Native.plasma_delete(handle, id.in(call)));
        }
    }

    /** Returns facts about an object. */
    public ObjectInfo info(ObjectId id) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment wanted = id.in(call);
            return ObjectInfo.of(info -> Native.plasma_object_info(handle, wanted, info));
        }
    }

    /** Lists the objects of the store. */
    public List<ObjectInfo> list() {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment out = call.allocate(ADDRESS);
            Library.check(Native.plasma_list(handle, out));
            MemorySegment list = out.get(ADDRESS, 0).reinterpret(call, Native::plasma_list_free);
            List<ObjectInfo> all = new ArrayList<>();
            for (long at = 0; at < Native.plasma_list_count(list); at++) {
                long index = at;
                all.add(ObjectInfo.of(info -> Native.plasma_list_at(list, index, info)));
            }
            return all;
        }
    }

    /** Subscribes to the events of the store, from now on. */
    public Subscription subscribe() {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment out = call.allocate(ADDRESS);
            Library.check(Native.plasma_subscribe(handle, out));
            return new Subscription(this, out.get(ADDRESS, 0));
        }
    }

    /** Ends the wait of each call in flight with INTERRUPTED. */
    public void interrupt() {
        Library.check(Native.plasma_interrupt(handle));
    }

    /** Disconnects, after the calls in flight; those that wait end with INTERRUPTED. */
    @Override
    public void close() {
        Library.close(arena, this::interrupt);
    }
}
