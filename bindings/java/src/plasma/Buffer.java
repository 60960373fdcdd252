package plasma;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.*;
import java.util.function.ToIntFunction;

/** A read-only view of one sealed object. It keeps the object until it is closed. */
public final class Buffer implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment struct;
    private final MemorySegment data;

    private Buffer(MemorySegment struct) {
        this.struct = struct;
        long size = struct.get(JAVA_LONG, Native.Buffer.SIZE_);
        data = struct.get(ADDRESS, Native.Buffer.DATA)
                .reinterpret(size, arena, ended -> Native.plasma_release(struct))
                .asReadOnly();
    }

    static Buffer of(ToIntFunction<MemorySegment> call) {
        MemorySegment struct = Arena.ofAuto().allocate(Native.Buffer.SIZE, 8);
        Library.check(call.applyAsInt(struct));
        return new Buffer(struct);
    }

    /**
     * Returns the object's bytes, in shared memory. After {@link #close} each access throws
     * IllegalStateException, also through slices and {@link MemorySegment#asByteBuffer}.
     */
    public MemorySegment data() {
        return data;
    }

    /** Returns the value of a metadata key, as {@link #data} does. */
    public synchronized MemorySegment metadata(String key) {
        requireOpen();
        try (Arena call = Arena.ofConfined()) {
            MemorySegment value = call.allocate(ADDRESS);
            MemorySegment size = call.allocate(JAVA_LONG);
            Library.check(Native.plasma_get_metadata(struct, Library.text(call, key), value, size));
            return value.get(ADDRESS, 0).reinterpret(size.get(JAVA_LONG, 0), arena, null).asReadOnly();
        }
    }

    /** Returns facts about the object. */
    public synchronized ObjectInfo info() {
        requireOpen();
        return ObjectInfo.of(info -> Native.plasma_buffer_info(struct, info));
    }

    /** Releases the object. Views can no longer be used. */
    @Override
    public synchronized void close() {
        if (arena.scope().isAlive()) arena.close();
    }

    private void requireOpen() {
        if (!arena.scope().isAlive()) throw new IllegalStateException("the buffer is closed");
    }
}
