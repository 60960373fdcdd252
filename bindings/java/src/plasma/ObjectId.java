package plasma;

import java.lang.foreign.*;
import java.util.Arrays;
import java.util.HexFormat;

/** The id of an object: 20 bytes. */
public final class ObjectId {
    private final byte[] bytes;

    private ObjectId(byte[] bytes) {
        this.bytes = bytes;
    }

    /** Makes a random id. */
    public static ObjectId random() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment id = arena.allocate(Native.Id.SIZE);
            Library.check(Native.plasma_id_random(id));
            return read(id, 0);
        }
    }

    /** Makes an id from up to 20 bytes, padded with zeros. */
    public static ObjectId of(byte[] bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment id = arena.allocate(Native.Id.SIZE);
            MemorySegment from = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
            Library.check(Native.plasma_id_from_bytes(from, bytes.length, id));
            return read(id, 0);
        }
    }

    /** Makes an id from 40 hexadecimal digits. */
    public static ObjectId ofHex(String hex) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment id = arena.allocate(Native.Id.SIZE);
            Library.check(Native.plasma_id_from_hex(arena.allocateFrom(hex), id));
            return read(id, 0);
        }
    }

    static ObjectId read(MemorySegment from, long offset) {
        return new ObjectId(from.asSlice(offset, Native.Id.SIZE).toArray(ValueLayout.JAVA_BYTE));
    }

    MemorySegment in(Arena arena) {
        return arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
    }

    static MemorySegment all(Arena arena, java.util.List<ObjectId> ids) {
        MemorySegment all = arena.allocate(Math.max(1, ids.size()) * Native.Id.SIZE);
        for (int at = 0; at < ids.size(); at++) {
            byte[] bytes = ids.get(at).bytes;
            MemorySegment.copy(bytes, 0, all, ValueLayout.JAVA_BYTE, at * Native.Id.SIZE, bytes.length);
        }
        return all;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ObjectId id && Arrays.equals(bytes, id.bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes);
    }

    /** Returns 40 hexadecimal digits. */
    @Override
    public String toString() {
        return HexFormat.of().formatHex(bytes);
    }
}
