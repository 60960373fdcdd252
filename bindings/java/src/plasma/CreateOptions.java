package plasma;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.*;
import java.util.Map;

/** Options of a new object: a name or null, metadata, flags, and how long to wait for space. */
public record CreateOptions(String name, Map<String, byte[]> metadata, int flags, long timeoutMs) {
    /** Fill the memory with zeros first. */
    public static final int ZEROED = Native.CREATE_ZEROED;
    /** Pin the object against eviction. */
    public static final int PINNED = Native.CREATE_PINNED;
    /** No name, no metadata, no flags, no wait. */
    public static final CreateOptions NONE = named(null);

    /** A name, and the defaults beside it. */
    public static CreateOptions named(String name) {
        return new CreateOptions(name, Map.of(), 0, 0);
    }

    MemorySegment in(Arena arena) {
        MemorySegment entries = arena.allocate(Math.max(1, metadata.size()) * Native.Metadata.SIZE, 8);
        long at = 0;
        for (Map.Entry<String, byte[]> entry : metadata.entrySet()) {
            MemorySegment value = arena.allocateFrom(JAVA_BYTE, entry.getValue());
            entries.set(ADDRESS, at + Native.Metadata.KEY, Library.text(arena, entry.getKey()));
            entries.set(ADDRESS, at + Native.Metadata.VALUE, value);
            entries.set(JAVA_LONG, at + Native.Metadata.VALUE_SIZE, value.byteSize());
            at += Native.Metadata.SIZE;
        }
        MemorySegment options = arena.allocate(Native.CreateOptions.SIZE, 8);
        options.set(JAVA_INT, 0, (int) Native.CreateOptions.SIZE);
        options.set(JAVA_INT, Native.CreateOptions.FLAGS, flags);
        options.set(ADDRESS, Native.CreateOptions.NAME, Library.text(arena, name));
        options.set(ADDRESS, Native.CreateOptions.METADATA, entries);
        options.set(JAVA_LONG, Native.CreateOptions.METADATA_COUNT, metadata.size());
        options.set(JAVA_LONG, Native.CreateOptions.TIMEOUT_MS, timeoutMs);
        return options;
    }
}
