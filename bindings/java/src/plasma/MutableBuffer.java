package plasma;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.*;
import java.util.function.ToIntFunction;

/** The writable view of one object until it is sealed. To close it before discards the object. */
public final class MutableBuffer implements AutoCloseable {
    private final MemorySegment struct;
    private Arena arena;
    private MemorySegment data;

    private MutableBuffer(MemorySegment struct) {
        this.struct = struct;
    }

    static MutableBuffer of(ToIntFunction<MemorySegment> call) {
        MemorySegment struct = Arena.ofAuto().allocate(Native.MutableBuffer.SIZE, 8);
        Library.check(call.applyAsInt(struct));
        return new MutableBuffer(struct);
    }

    /** Returns the object's bytes, until it is sealed, resized or discarded. */
    public synchronized MemorySegment data() {
        if (!isOpen()) throw new IllegalStateException("the object is sealed or discarded");
        if (arena == null) {
            arena = Arena.ofShared();
            long size = struct.get(JAVA_LONG, Native.MutableBuffer.SIZE_);
            data = struct.get(ADDRESS, Native.MutableBuffer.DATA).reinterpret(size, arena, null);
        }
        return data;
    }

    /** Changes the size of the object; views of the old size end. */
    public synchronized void resize(long size) {
        endViews();
        Library.check(Native.plasma_resize(struct, size));
    }

    /** Sets or replaces one metadata entry. */
    public synchronized void setMetadata(String key, byte[] value) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment bytes = call.allocateFrom(JAVA_BYTE, value);
            Library.check(
                    Native.plasma_set_metadata(struct, Library.text(call, key), bytes, value.length));
        }
    }

    /** Publishes the object. */
    public synchronized void seal() {
        endViews();
        Library.check(Native.plasma_seal(struct));
    }

    /** Publishes the object and gets it. */
    public synchronized Buffer sealAndGet() {
        endViews();
        return Buffer.of(sealed -> Native.plasma_seal_and_get(struct, sealed));
    }

    /** Ends an object that cannot be made: gets of it fail with the message. */
    public synchronized void fail(String message) {
        endViews();
        try (Arena call = Arena.ofConfined()) {
            Library.check(Native.plasma_fail(struct, Library.text(call, message)));
        }
    }

    /** Discards the object, unless it is sealed. */
    @Override
    public synchronized void close() {
        if (!isOpen()) return;
        endViews();
        Library.check(Native.plasma_abort(struct));
    }

    /** The library zeroes a struct whose buffer has ended. */
    private boolean isOpen() {
        return struct.get(ADDRESS, Native.MutableBuffer.DATA).address() != 0;
    }

    private void endViews() {
        if (arena != null) arena.close();
        arena = null;
        data = null;
    }
}
