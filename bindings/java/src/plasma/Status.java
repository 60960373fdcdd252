// Generated from bindings/plasma.json by bindings/generate.py; `make header` writes it.
package plasma;

/** The result of a call. */
public enum Status {
    /** The call succeeded. */
    OK(0),
    /** An argument is not valid; the message names it. */
    INVALID_ARGUMENT(-1),
    /** There is no such object, name or key, or an index is out of range. */
    NOT_FOUND(-2),
    /** An object with this id exists. */
    EXISTS(-3),
    /** Another object has this name. */
    NAME_EXISTS(-4),
    /** The object is still being written. */
    NOT_SEALED(-5),
    /** Reserved: no call returns it. A mutable buffer ends when its object is sealed; a later call with it returns INVALID_ARGUMENT. */
    SEALED(-6),
    /** The timeout expired, in a wait or while the writer lock was busy. */
    TIMEOUT(-7),
    /** The creator died before it sealed the object. */
    ABORTED(-8),
    /** No room now in the store, file system, cgroup or process. */
    OUT_OF_MEMORY(-9),
    /** The object is larger than the whole store. */
    TOO_LARGE(-10),
    /** A limit other than bytes is reached: objects, clients, leases, metadata or files. The message names the limit and its value. */
    LIMIT(-11),
    /** The client was connected with PLASMA_CONNECT_READ_ONLY. */
    READ_ONLY(-12),
    /** The operating system denied access. */
    PERMISSION(-13),
    /** There is no store at the address. */
    STORE_NOT_FOUND(-14),
    /** There is a store at the address (PLASMA_CONNECT_EXCLUSIVE). */
    STORE_EXISTS(-15),
    /** There is something other than a store at the address. */
    NOT_A_STORE(-16),
    /** The store was created with other options than those given. */
    MISMATCH(-17),
    /** The store is of another version of Plasma or another word size. */
    VERSION(-18),
    /** The files of the store are corrupt. */
    CORRUPT(-19),
    /** The store was removed; buffers already held stay readable. */
    STORE_GONE(-20),
    /** The handle belongs to the parent process; connect again. */
    FORKED(-21),
    /** The client was disconnected. */
    DISCONNECTED(-22),
    /** plasma_interrupt() or a signal ended the wait. */
    INTERRUPTED(-23),
    /** This kernel, file system or store does not support the operation. */
    UNSUPPORTED(-24),
    /** A system call failed; see plasma_error_errno(). */
    SYSTEM(-25),
    /** A defect in Plasma; please report it with the message. */
    INTERNAL(-26),
    /** The creator of the object ended it with plasma_fail(), whose message is that of this failure. */
    FAILED(-27),
    /** A status that a newer library knows. */
    UNKNOWN(Integer.MIN_VALUE);

    /** The number in plasma.h. */
    public final int number;

    Status(int number) {
        this.number = number;
    }

    /** Returns the status with a number of plasma.h. */
    public static Status of(int number) {
        for (Status status : values()) {
            if (status.number == number) return status;
        }
        return UNKNOWN;
    }
}
