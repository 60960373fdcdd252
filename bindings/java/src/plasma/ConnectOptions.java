package plasma;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.*;

/** Options of a connection; 0 takes the default. The flags are bits of the constants here. */
public record ConnectOptions(int flags, long capacity, long maxObjects, int mode, boolean evict) {
    /** Fail if there is no store. */
    public static final int EXISTING = Native.CONNECT_EXISTING;
    /** Fail if there is a store. */
    public static final int EXCLUSIVE = Native.CONNECT_EXCLUSIVE;
    /** Only read. */
    public static final int READ_ONLY = Native.CONNECT_READ_ONLY;
    /** A store that is created goes when its last client leaves. */
    public static final int EPHEMERAL = Native.CONNECT_EPHEMERAL;
    /** Reserve the whole capacity of a new store. */
    public static final int RESERVE = Native.CONNECT_RESERVE;

    /** All defaults beside the flags. */
    public static ConnectOptions flags(int flags) {
        return new ConnectOptions(flags, 0, 0, 0, false);
    }

    MemorySegment in(Arena arena) {
        MemorySegment options = arena.allocate(Native.ConnectOptions.SIZE, 8);
        options.set(JAVA_INT, 0, (int) Native.ConnectOptions.SIZE);
        options.set(JAVA_INT, Native.ConnectOptions.FLAGS, flags);
        options.set(JAVA_LONG, Native.ConnectOptions.CAPACITY, capacity);
        options.set(JAVA_LONG, Native.ConnectOptions.MAX_OBJECTS, maxObjects);
        options.set(JAVA_INT, Native.ConnectOptions.MODE, mode);
        options.set(JAVA_INT, Native.ConnectOptions.EVICTION, evict ? Native.EVICTION_LRU : 0);
        return options;
    }
}
