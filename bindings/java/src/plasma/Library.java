package plasma;

import java.lang.foreign.*;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.locks.LockSupport;

/** What all calls of the library share. */
final class Library {
    /** Finds the library: the file {@code $PLASMA_LIBRARY}, else by its name where ld.so looks. */
    static SymbolLookup find(String soname) {
        String file = System.getenv("PLASMA_LIBRARY");
        return SymbolLookup.libraryLookup(file == null ? soname : file, Arena.global());
    }

    /** Throws the failure of the last call of this thread. */
    static void check(int status) {
        if (status == 0) return;
        throw new PlasmaException(Status.of(status), text(Native.plasma_error_message()));
    }

    /** A method handle throws only what its check of the arguments throws. */
    static RuntimeException unexpected(Throwable thrown) {
        if (thrown instanceof RuntimeException exception) return exception;
        if (thrown instanceof Error error) throw error;
        return new IllegalStateException(thrown);
    }

    /** Copies text that the library owns. */
    static String text(MemorySegment pointer) {
        return pointer.reinterpret(Long.MAX_VALUE).getString(0);
    }

    /** Copies text into memory for a call; NULL for null. C would end it at a NUL inside. */
    static MemorySegment text(Arena arena, String text) {
        if (text != null && text.indexOf(0) >= 0) {
            throw new IllegalArgumentException("text with a NUL");
        }
        return text == null ? MemorySegment.NULL : arena.allocateFrom(text);
    }

    /** Reads text of a struct, which ends with a NUL. */
    static String text(MemorySegment struct, long offset) {
        return struct.getString(offset, StandardCharsets.UTF_8);
    }

    /** Closes the arena of a handle; while calls use the handle, it ends their waits. */
    static void close(Arena arena, Runnable interrupt) {
        while (arena.scope().isAlive()) {
            try {
                arena.close();
            } catch (IllegalStateException inUse) {
                try {
                    interrupt.run();
                } catch (IllegalStateException closed) {
                    // Another thread was faster.
                }
                LockSupport.parkNanos(100_000);
            }
        }
    }

    private Library() {}
}
