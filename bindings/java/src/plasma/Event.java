package plasma;

/** An event of a store. The type is one of the constants here; ignore others. */
public record Event(int type, long sequence, long timeUs, ObjectId id, long dataSize, long lostCount) {
    /** An object was sealed. */
    public static final int SEALED = Native.EVENT_SEALED;
    /** An object was deleted. */
    public static final int DELETED = Native.EVENT_DELETED;
    /** An object was evicted. */
    public static final int EVICTED = Native.EVENT_EVICTED;
    /** An unsealed object was discarded, or its creator died. */
    public static final int ABORTED = Native.EVENT_ABORTED;
    /** {@code lostCount} events were lost; list the objects again. */
    public static final int LOST = Native.EVENT_LOST;
    /** The creator of an object could not make it. */
    public static final int FAILED = Native.EVENT_FAILED;
}
