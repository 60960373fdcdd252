package plasma;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.*;
import java.util.function.ToIntFunction;

/** Facts about an object. The state is one of {@code STATE_*}. */
public record ObjectInfo(
        ObjectId id, int state, String name, long dataSize, long metadataSize, long createTimeUs,
        long constructDurationUs, int creatorPid, String creatorAddress, int leaseCount) {
    /** It is being written. */
    public static final int STATE_WRITING = Native.STATE_WRITING;
    /** It can be read. */
    public static final int STATE_SEALED = Native.STATE_SEALED;
    /** It is deleted, and still held. */
    public static final int STATE_DELETED = Native.STATE_DELETED;
    /** Its creator could not make it. */
    public static final int STATE_FAILED = Native.STATE_FAILED;

    static ObjectInfo of(ToIntFunction<MemorySegment> call) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment info = arena.allocate(Native.ObjectInfo.SIZE, 8);
            info.set(JAVA_INT, 0, (int) Native.ObjectInfo.SIZE);
            Library.check(call.applyAsInt(info));
            return new ObjectInfo(
                    ObjectId.read(info, Native.ObjectInfo.ID),
                    info.get(JAVA_INT, Native.ObjectInfo.STATE),
                    Library.text(info, Native.ObjectInfo.NAME),
                    info.get(JAVA_LONG, Native.ObjectInfo.DATA_SIZE),
                    info.get(JAVA_LONG, Native.ObjectInfo.METADATA_SIZE),
                    info.get(JAVA_LONG, Native.ObjectInfo.CREATE_TIME_US),
                    info.get(JAVA_LONG, Native.ObjectInfo.CONSTRUCT_DURATION_US),
                    info.get(JAVA_INT, Native.ObjectInfo.CREATOR_PID),
                    Library.text(info, Native.ObjectInfo.CREATOR_ADDRESS),
                    info.get(JAVA_INT, Native.ObjectInfo.LEASE_COUNT));
        }
    }
}
