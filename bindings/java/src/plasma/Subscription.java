package plasma;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.*;

/** A reader of the events of a store. */
public final class Subscription implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment handle;
    private final Client client;

    Subscription(Client client, MemorySegment pointer) {
        this.client = client;
        handle = pointer.reinterpret(arena, Native::plasma_unsubscribe);
    }

    /** Takes the next event; waits up to timeoutMs for it, or forever if that is -1. */
    public Event next(long timeoutMs) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment event = call.allocate(Native.Event.SIZE, 8);
            event.set(JAVA_INT, 0, (int) Native.Event.SIZE);
            Library.check(Native.plasma_next_event(handle, timeoutMs, event));
            return new Event(
                    event.get(JAVA_INT, Native.Event.TYPE),
                    event.get(JAVA_LONG, Native.Event.SEQUENCE),
                    event.get(JAVA_LONG, Native.Event.TIME_US),
                    ObjectId.read(event, Native.Event.ID),
                    event.get(JAVA_LONG, Native.Event.DATA_SIZE),
                    event.get(JAVA_LONG, Native.Event.LOST_COUNT));
        }
    }

    /** Ends the subscription; waits of other threads on its client end with INTERRUPTED. */
    @Override
    public void close() {
        Library.close(arena, client::interrupt);
    }
}
