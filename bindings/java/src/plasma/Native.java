// Generated from bindings/plasma.json by bindings/generate.py; `make header` writes it.
package plasma;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.*;
import java.lang.invoke.MethodHandle;

/** The functions of plasma.h, as they are there. */
final class Native {
    /** The major version of this header. */
    static final int VERSION_MAJOR = 0;
    /** The minor version of this header. */
    static final int VERSION_MINOR = 1;
    /** The patch version of this header. */
    static final int VERSION_PATCH = 0;
    /** The version of this header as 0xMMmmpp; see plasma_version(). */
    static final int VERSION_NUM = 256;
    /** Size of an id in bytes. */
    static final int ID_SIZE = 20;
    /** Size of the text of plasma_id_to_hex() in bytes: 40 digits and a NUL. */
    static final int ID_HEX_SIZE = 41;
    /** plasma_connect: fail with STORE_NOT_FOUND if there is no store. */
    static final int CONNECT_EXISTING = 1;
    /** plasma_connect: fail with STORE_EXISTS if there is a store. */
    static final int CONNECT_EXCLUSIVE = 2;
    /** plasma_connect: only read. Implies PLASMA_CONNECT_EXISTING. A store whose remover was killed counts as none. */
    static final int CONNECT_READ_ONLY = 4;
    /** plasma_connect: a store created by this call is removed when its last client leaves. If the last client is killed or READ_ONLY, the store stays until the next client connects or `plasma reap --all` runs. */
    static final int CONNECT_EPHEMERAL = 8;
    /** plasma_connect: reserve the whole capacity of a new store at once. */
    static final int CONNECT_RESERVE = 16;
    /** Eviction: a full store refuses new objects and loses none. The default. */
    static final int EVICTION_NONE = 0;
    /** Eviction: a full store evicts the least recently released objects. */
    static final int EVICTION_LRU = 1;
    /** Longest name of an object in bytes, without its NUL. */
    static final int NAME_MAX = 255;
    /** plasma_create: fill the memory with zeros first. */
    static final int CREATE_ZEROED = 65536;
    /** plasma_create: pin the object against eviction from the start. */
    static final int CREATE_PINNED = 131072;
    /** plasma_object_info_t.flags: the object is pinned against eviction. */
    static final int OBJECT_PINNED = 1;
    /** plasma_object_info_t.flags: the object has a name. */
    static final int OBJECT_NAMED = 2;
    /** There is no such object. */
    static final int STATE_ABSENT = 0;
    /** Its creator has not sealed it yet. */
    static final int STATE_WRITING = 1;
    /** It can be read. */
    static final int STATE_SEALED = 2;
    /** Deleted or evicted, but still held. Only lists and plasma_buffer_info() report it. */
    static final int STATE_DELETED = 3;
    /** Its creator failed: a get receives the message of plasma_fail(). */
    static final int STATE_FAILED = 4;
    /** An object was sealed. */
    static final int EVENT_SEALED = 1;
    /** An object was deleted. */
    static final int EVENT_DELETED = 2;
    /** An object was evicted. */
    static final int EVENT_EVICTED = 3;
    /** An unsealed object was aborted by its creator, or the creator died. */
    static final int EVENT_ABORTED = 4;
    /** lost_count events were lost; list the objects again. */
    static final int EVENT_LOST = 5;
    /** The creator of an object ended it with plasma_fail(). */
    static final int EVENT_FAILED = 6;

    /** The id of an object: 20 bytes of your choice, unique within a store. */
    static final class Id {
        static final long SIZE = 20;
        static final long BYTES = 0;
    }

    /** Options of plasma_connect(). Initialize with PLASMA_CONNECT_OPTIONS_INIT. Grows. */
    static final class ConnectOptions {
        static final long SIZE = 64;
        static final long STRUCT_SIZE = 0;
        static final long FLAGS = 4;
        static final long CAPACITY = 8;
        static final long MAX_OBJECTS = 16;
        static final long MODE = 24;
        static final long EVICTION = 28;
        static final long HUGE_PAGES = 32;
        static final long RESERVED = 36;
        static final long LOCK_TIMEOUT_MS = 40;
        static final long READER_QUOTA = 48;
        static final long MAX_READERS = 56;
    }

    /** A read-only view of one sealed object, with a lease that keeps the object. */
    static final class Buffer {
        static final long SIZE = 64;
        static final long DATA = 0;
        static final long SIZE_ = 8;
        static final long RESERVED = 16;
    }

    /** The creator's writable view of one object until it is sealed. */
    static final class MutableBuffer {
        static final long SIZE = 64;
        static final long DATA = 0;
        static final long SIZE_ = 8;
        static final long RESERVED = 16;
    }

    /** One entry of an object's metadata, a dictionary from text to bytes. */
    static final class Metadata {
        static final long SIZE = 24;
        static final long KEY = 0;
        static final long VALUE = 8;
        static final long VALUE_SIZE = 16;
    }

    /** Options of plasma_create(). Initialize with PLASMA_CREATE_OPTIONS_INIT. Grows. */
    static final class CreateOptions {
        static final long SIZE = 40;
        static final long STRUCT_SIZE = 0;
        static final long FLAGS = 4;
        static final long NAME = 8;
        static final long METADATA = 16;
        static final long METADATA_COUNT = 24;
        static final long TIMEOUT_MS = 32;
    }

    /** Facts about an object. Initialize with PLASMA_OBJECT_INFO_INIT. Grows. */
    static final class ObjectInfo {
        static final long SIZE = 464;
        static final long STRUCT_SIZE = 0;
        static final long ID = 4;
        static final long STATE = 24;
        static final long FLAGS = 28;
        static final long DATA_SIZE = 32;
        static final long METADATA_SIZE = 40;
        static final long CREATE_TIME_US = 48;
        static final long CONSTRUCT_DURATION_US = 56;
        static final long CREATOR_PID = 64;
        static final long LEASE_COUNT = 68;
        static final long LAST_USE_US = 72;
        static final long NAME = 80;
        static final long CREATOR_ADDRESS = 336;
    }

    /** Facts about a client. Initialize with PLASMA_CLIENT_INFO_INIT. Grows. */
    static final class ClientInfo {
        static final long SIZE = 80;
        static final long STRUCT_SIZE = 0;
        static final long SLOT = 4;
        static final long PID = 8;
        static final long UID = 12;
        static final long PID_NAMESPACE = 16;
        static final long COMM = 24;
        static final long READ_ONLY = 40;
        static final long ALIVE = 41;
        static final long STOPPED = 42;
        static final long PADDING = 43;
        static final long CONNECT_TIME_US = 48;
        static final long LEASE_COUNT = 56;
        static final long LEASED_BYTES = 64;
        static final long WRITING_BYTES = 72;
    }

    /** Statistics and options of a store. Initialize with PLASMA_STATS_INIT. Grows. */
    static final class Stats {
        static final long SIZE = 200;
        static final long STRUCT_SIZE = 0;
        static final long PADDING = 4;
        static final long CAPACITY = 8;
        static final long USED = 16;
        static final long RESERVED = 24;
        static final long LARGEST_FREE = 32;
        static final long MAX_OBJECTS = 40;
        static final long OBJECTS_WRITING = 48;
        static final long OBJECTS_SEALED = 56;
        static final long OBJECTS_DELETED = 64;
        static final long PINNED = 72;
        static final long LEASES = 80;
        static final long CLIENTS = 88;
        static final long EVICTIONS = 96;
        static final long EVICTED_BYTES = 104;
        static final long RECOVERIES = 112;
        static final long REAPED_CLIENTS = 120;
        static final long LOCK_STEALS = 128;
        static final long FILE_SYSTEM = 136;
        static final long DELETED_BYTES = 168;
        static final long FLAGS = 176;
        static final long MODE = 180;
        static final long EVICTION = 184;
        static final long HUGE_PAGES = 188;
        static final long OBJECTS_FAILED = 192;
    }

    /** An event of a store. Initialize with PLASMA_EVENT_INIT. Grows. */
    static final class Event {
        static final long SIZE = 72;
        static final long STRUCT_SIZE = 0;
        static final long TYPE = 4;
        static final long SEQUENCE = 8;
        static final long TIME_US = 16;
        static final long ID = 24;
        static final long PADDING = 44;
        static final long DATA_SIZE = 48;
        static final long LOST_COUNT = 56;
        static final long METADATA_SIZE = 64;
    }

    /** The result of plasma_check(). Experimental: may change between minor versions. Initialize with PLASMA_CHECK_REPORT_INIT. Grows. */
    static final class CheckReport {
        static final long SIZE = 320;
        static final long STRUCT_SIZE = 0;
        static final long PADDING = 4;
        static final long RECORDS = 8;
        static final long OBJECTS = 16;
        static final long EXTENTS = 24;
        static final long FREE_BLOCKS = 32;
        static final long CLIENTS = 40;
        static final long LEASES = 48;
        static final long PROBLEM_COUNT = 56;
        static final long FIRST_PROBLEM = 64;
    }

    private static final SymbolLookup LIBRARY = Library.find("libplasma.so.0.1");

    private static MethodHandle find(String name, FunctionDescriptor type) {
        return Linker.nativeLinker()
            .downcallHandle(LIBRARY.find(name).orElseThrow(), type);
    }

    private static final MethodHandle PLASMA_VERSION =
        find("plasma_version", FunctionDescriptor.of(JAVA_INT));

    /** Get the version of the loaded library as 0xMMmmpp. */
    static int plasma_version() {
        try {
            return (int) PLASMA_VERSION.invokeExact();
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_VERSION_STRING =
        find("plasma_version_string", FunctionDescriptor.of(ADDRESS));

    /** Get the version of the loaded library as "major.minor.patch". */
    static MemorySegment plasma_version_string() {
        try {
            return (MemorySegment) PLASMA_VERSION_STRING.invokeExact();
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_STATUS_NAME =
        find("plasma_status_name", FunctionDescriptor.of(ADDRESS, JAVA_INT));

    /** Get the name of a status, such as "PLASMA_ERR_NOT_FOUND". */
    static MemorySegment plasma_status_name(int status) {
        try {
            return (MemorySegment) PLASMA_STATUS_NAME.invokeExact(status);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_ERROR_MESSAGE =
        find("plasma_error_message", FunctionDescriptor.of(ADDRESS));

    /** Get the message of the last failed call of this thread. */
    static MemorySegment plasma_error_message() {
        try {
            return (MemorySegment) PLASMA_ERROR_MESSAGE.invokeExact();
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_ERROR_ERRNO =
        find("plasma_error_errno", FunctionDescriptor.of(JAVA_INT));

    /** Get the errno of the last failed call of this thread. */
    static int plasma_error_errno() {
        try {
            return (int) PLASMA_ERROR_ERRNO.invokeExact();
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_ID_RANDOM =
        find("plasma_id_random", FunctionDescriptor.of(JAVA_INT, ADDRESS));

    /** Make a random id: 160 bits from the kernel. */
    static int plasma_id_random(MemorySegment id) {
        try {
            return (int) PLASMA_ID_RANDOM.invokeExact(id);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_ID_FROM_BYTES =
        find("plasma_id_from_bytes", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));

    /** Make an id from up to 20 bytes, padded with zeros. */
    static int plasma_id_from_bytes(MemorySegment bytes, long n, MemorySegment id) {
        try {
            return (int) PLASMA_ID_FROM_BYTES.invokeExact(bytes, n, id);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_ID_FROM_HEX =
        find("plasma_id_from_hex", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Make an id from 40 hexadecimal digits of either case. */
    static int plasma_id_from_hex(MemorySegment hex, MemorySegment id) {
        try {
            return (int) PLASMA_ID_FROM_HEX.invokeExact(hex, id);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_ID_TO_HEX =
        find("plasma_id_to_hex", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Write an id as 40 lower-case hexadecimal digits and a NUL. */
    static int plasma_id_to_hex(MemorySegment id, MemorySegment hex) {
        try {
            return (int) PLASMA_ID_TO_HEX.invokeExact(id, hex);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_CONNECT =
        find("plasma_connect", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));

    /** Open a store, or create it if it does not exist. */
    static int plasma_connect(MemorySegment address, MemorySegment options, MemorySegment client) {
        try {
            return (int) PLASMA_CONNECT.invokeExact(address, options, client);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_DISCONNECT =
        find("plasma_disconnect", FunctionDescriptor.ofVoid(ADDRESS));

    /** Disconnect from a store. Never fails. */
    static void plasma_disconnect(MemorySegment client) {
        try {
            PLASMA_DISCONNECT.invokeExact(client);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_CLIENT_ADDRESS =
        find("plasma_client_address", FunctionDescriptor.of(ADDRESS, ADDRESS));

    /** Get the address of a client's store: the absolute path of its directory. */
    static MemorySegment plasma_client_address(MemorySegment client) {
        try {
            return (MemorySegment) PLASMA_CLIENT_ADDRESS.invokeExact(client);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_INTERRUPT =
        find("plasma_interrupt", FunctionDescriptor.of(JAVA_INT, ADDRESS));

    /** End the wait of every call in flight on a client with INTERRUPTED. */
    static int plasma_interrupt(MemorySegment client) {
        try {
            return (int) PLASMA_INTERRUPT.invokeExact(client);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_STORE_REMOVE =
        find("plasma_store_remove", FunctionDescriptor.of(JAVA_INT, ADDRESS));

    /** Remove a store and all objects in it. */
    static int plasma_store_remove(MemorySegment address) {
        try {
            return (int) PLASMA_STORE_REMOVE.invokeExact(address);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_RETAIN =
        find("plasma_retain", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Take a second lease on the object of a buffer. */
    static int plasma_retain(MemorySegment buffer, MemorySegment copy) {
        try {
            return (int) PLASMA_RETAIN.invokeExact(buffer, copy);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_RELEASE =
        find("plasma_release", FunctionDescriptor.of(JAVA_INT, ADDRESS));

    /** Release a buffer and its lease. */
    static int plasma_release(MemorySegment buffer) {
        try {
            return (int) PLASMA_RELEASE.invokeExact(buffer);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_RELEASE_MANY =
        find("plasma_release_many", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));

    /** Release many buffers. */
    static int plasma_release_many(MemorySegment buffers, long count) {
        try {
            return (int) PLASMA_RELEASE_MANY.invokeExact(buffers, count);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_CREATE =
        find("plasma_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS));

    /** Create an object, to be written and then sealed. */
    static int plasma_create(MemorySegment client, MemorySegment id, long size, MemorySegment options, MemorySegment buffer) {
        try {
            return (int) PLASMA_CREATE.invokeExact(client, id, size, options, buffer);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_RESIZE =
        find("plasma_resize", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));

    /** Change the size of an object that is not sealed yet. */
    static int plasma_resize(MemorySegment buffer, long newSize) {
        try {
            return (int) PLASMA_RESIZE.invokeExact(buffer, newSize);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_SET_METADATA =
        find("plasma_set_metadata", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG));

    /** Set or replace one metadata entry of an object that is not sealed yet. */
    static int plasma_set_metadata(MemorySegment buffer, MemorySegment key, MemorySegment value, long valueSize) {
        try {
            return (int) PLASMA_SET_METADATA.invokeExact(buffer, key, value, valueSize);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_SEAL =
        find("plasma_seal", FunctionDescriptor.of(JAVA_INT, ADDRESS));

    /** Publish an object: from now on it never changes, and any client can get it. */
    static int plasma_seal(MemorySegment buffer) {
        try {
            return (int) PLASMA_SEAL.invokeExact(buffer);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_SEAL_AND_GET =
        find("plasma_seal_and_get", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Publish an object and get it, so that it cannot be evicted or deleted before. */
    static int plasma_seal_and_get(MemorySegment buffer, MemorySegment sealed) {
        try {
            return (int) PLASMA_SEAL_AND_GET.invokeExact(buffer, sealed);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_ABORT =
        find("plasma_abort", FunctionDescriptor.of(JAVA_INT, ADDRESS));

    /** Discard an object before it is sealed. */
    static int plasma_abort(MemorySegment buffer) {
        try {
            return (int) PLASMA_ABORT.invokeExact(buffer);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_FAIL =
        find("plasma_fail", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** End an object that cannot be made: calls that wait for it, and later gets, fail with a message, until it is deleted. */
    static int plasma_fail(MemorySegment buffer, MemorySegment message) {
        try {
            return (int) PLASMA_FAIL.invokeExact(buffer, message);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_PUT =
        find("plasma_put", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));

    /** Create an object, copy bytes into it, and seal it. */
    static int plasma_put(MemorySegment client, MemorySegment id, MemorySegment data, long size, MemorySegment options) {
        try {
            return (int) PLASMA_PUT.invokeExact(client, id, data, size, options);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_PUT_PARTS =
        find("plasma_put_parts", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));

    /** Create an object of parts, one after the other, as by plasma_put(). */
    static int plasma_put_parts(MemorySegment client, MemorySegment id, MemorySegment parts, MemorySegment sizes, long count, MemorySegment options) {
        try {
            return (int) PLASMA_PUT_PARTS.invokeExact(client, id, parts, sizes, count, options);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_GET_OR_CREATE =
        find("plasma_get_or_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS));

    /** Get an object, or create it if it does not exist. */
    static int plasma_get_or_create(MemorySegment client, MemorySegment id, long size, MemorySegment options, long timeoutMs, MemorySegment buffer, MemorySegment mutableBuffer, MemorySegment created) {
        try {
            return (int) PLASMA_GET_OR_CREATE.invokeExact(client, id, size, options, timeoutMs, buffer, mutableBuffer, created);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_GET_OR_CREATE_BY_NAME =
        find("plasma_get_or_create_by_name", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS));

    /** Get the object with a name, or create it if it does not exist. */
    static int plasma_get_or_create_by_name(MemorySegment client, MemorySegment name, long size, MemorySegment options, long timeoutMs, MemorySegment buffer, MemorySegment mutableBuffer, MemorySegment created) {
        try {
            return (int) PLASMA_GET_OR_CREATE_BY_NAME.invokeExact(client, name, size, options, timeoutMs, buffer, mutableBuffer, created);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_PUT_MANY =
        find("plasma_put_many", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS));

    /** Create, fill and seal many objects, each as by plasma_put(). */
    static int plasma_put_many(MemorySegment client, MemorySegment ids, MemorySegment datas, MemorySegment sizes, long count, MemorySegment options, MemorySegment statuses) {
        try {
            return (int) PLASMA_PUT_MANY.invokeExact(client, ids, datas, sizes, count, options, statuses);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_DELETE_MANY =
        find("plasma_delete_many", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));

    /** Delete many objects, each as by plasma_delete(). */
    static int plasma_delete_many(MemorySegment client, MemorySegment ids, long count, MemorySegment statuses) {
        try {
            return (int) PLASMA_DELETE_MANY.invokeExact(client, ids, count, statuses);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_GET =
        find("plasma_get", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));

    /** Get a read-only view of an object, and wait until it is sealed. */
    static int plasma_get(MemorySegment client, MemorySegment id, long timeoutMs, MemorySegment buffer) {
        try {
            return (int) PLASMA_GET.invokeExact(client, id, timeoutMs, buffer);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_GET_BY_NAME =
        find("plasma_get_by_name", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));

    /** Get a read-only view of an object by its name, as by plasma_get(). */
    static int plasma_get_by_name(MemorySegment client, MemorySegment name, long timeoutMs, MemorySegment buffer) {
        try {
            return (int) PLASMA_GET_BY_NAME.invokeExact(client, name, timeoutMs, buffer);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_LOOKUP =
        find("plasma_lookup", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));

    /** Find the id of the object with a name, sealed or not. */
    static int plasma_lookup(MemorySegment client, MemorySegment name, MemorySegment id) {
        try {
            return (int) PLASMA_LOOKUP.invokeExact(client, name, id);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_GET_MANY =
        find("plasma_get_many", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS));

    /** Get many objects with one deadline. */
    static int plasma_get_many(MemorySegment client, MemorySegment ids, long count, long timeoutMs, MemorySegment buffers, MemorySegment statuses) {
        try {
            return (int) PLASMA_GET_MANY.invokeExact(client, ids, count, timeoutMs, buffers, statuses);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_WAIT =
        find("plasma_wait", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS));

    /** Wait until some of many objects are sealed, without getting them. A failed object counts as sealed. */
    static int plasma_wait(MemorySegment client, MemorySegment ids, long count, long numReady, long timeoutMs, MemorySegment ready, MemorySegment readyCount) {
        try {
            return (int) PLASMA_WAIT.invokeExact(client, ids, count, numReady, timeoutMs, ready, readyCount);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_GET_METADATA =
        find("plasma_get_metadata", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS));

    /** Find the value of a metadata key. */
    static int plasma_get_metadata(MemorySegment buffer, MemorySegment key, MemorySegment value, MemorySegment valueSize) {
        try {
            return (int) PLASMA_GET_METADATA.invokeExact(buffer, key, value, valueSize);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_METADATA_COUNT =
        find("plasma_metadata_count", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Get the number of metadata entries of an object. */
    static int plasma_metadata_count(MemorySegment buffer, MemorySegment count) {
        try {
            return (int) PLASMA_METADATA_COUNT.invokeExact(buffer, count);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_METADATA_AT =
        find("plasma_metadata_at", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS));

    /** Get the metadata entry at an index; the order is unspecified. */
    static int plasma_metadata_at(MemorySegment buffer, long index, MemorySegment key, MemorySegment value, MemorySegment valueSize) {
        try {
            return (int) PLASMA_METADATA_AT.invokeExact(buffer, index, key, value, valueSize);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_BUFFER_INFO =
        find("plasma_buffer_info", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Get facts about the object of a buffer. */
    static int plasma_buffer_info(MemorySegment buffer, MemorySegment info) {
        try {
            return (int) PLASMA_BUFFER_INFO.invokeExact(buffer, info);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_CONTAINS =
        find("plasma_contains", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));

    /** Get the state of an object. */
    static int plasma_contains(MemorySegment client, MemorySegment id, MemorySegment state) {
        try {
            return (int) PLASMA_CONTAINS.invokeExact(client, id, state);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_OBJECT_INFO =
        find("plasma_object_info", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));

    /** Get facts about an object, sealed or not. */
    static int plasma_object_info(MemorySegment client, MemorySegment id, MemorySegment info) {
        try {
            return (int) PLASMA_OBJECT_INFO.invokeExact(client, id, info);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_STATS =
        find("plasma_stats", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Get the statistics and options of a store. */
    static int plasma_stats(MemorySegment client, MemorySegment stats) {
        try {
            return (int) PLASMA_STATS.invokeExact(client, stats);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_DELETE =
        find("plasma_delete", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Delete a sealed object. */
    static int plasma_delete(MemorySegment client, MemorySegment id) {
        try {
            return (int) PLASMA_DELETE.invokeExact(client, id);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_DELETE_BY_NAME =
        find("plasma_delete_by_name", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Delete the sealed object with a name, as plasma_delete() does. */
    static int plasma_delete_by_name(MemorySegment client, MemorySegment name) {
        try {
            return (int) PLASMA_DELETE_BY_NAME.invokeExact(client, name);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_PIN =
        find("plasma_pin", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Keep an object from being evicted, until plasma_unpin() or plasma_delete(). */
    static int plasma_pin(MemorySegment client, MemorySegment id) {
        try {
            return (int) PLASMA_PIN.invokeExact(client, id);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_UNPIN =
        find("plasma_unpin", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Let an object be evicted again. */
    static int plasma_unpin(MemorySegment client, MemorySegment id) {
        try {
            return (int) PLASMA_UNPIN.invokeExact(client, id);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_EVICT =
        find("plasma_evict", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));

    /** Evict objects that are not held and not pinned, least recently released first. */
    static int plasma_evict(MemorySegment client, long bytes, MemorySegment evicted) {
        try {
            return (int) PLASMA_EVICT.invokeExact(client, bytes, evicted);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_REAP =
        find("plasma_reap", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Clean up after dead clients now, and free deleted objects that are not held. */
    static int plasma_reap(MemorySegment client, MemorySegment reaped) {
        try {
            return (int) PLASMA_REAP.invokeExact(client, reaped);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_TRIM =
        find("plasma_trim", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));

    /** Give whole free chunks of memory back to the system. */
    static int plasma_trim(MemorySegment client, long keepBytes, MemorySegment returned) {
        try {
            return (int) PLASMA_TRIM.invokeExact(client, keepBytes, returned);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_LIST =
        find("plasma_list", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** List the objects of a store, also unsealed ones, and deleted ones still held. */
    static int plasma_list(MemorySegment client, MemorySegment list) {
        try {
            return (int) PLASMA_LIST.invokeExact(client, list);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_LIST_MATCHING =
        find("plasma_list_matching", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));

    /** List the objects whose names match a pattern, also unsealed ones. */
    static int plasma_list_matching(MemorySegment client, MemorySegment pattern, MemorySegment list) {
        try {
            return (int) PLASMA_LIST_MATCHING.invokeExact(client, pattern, list);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_LIST_COUNT =
        find("plasma_list_count", FunctionDescriptor.of(JAVA_LONG, ADDRESS));

    /** Get the number of objects in a list. */
    static long plasma_list_count(MemorySegment list) {
        try {
            return (long) PLASMA_LIST_COUNT.invokeExact(list);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_LIST_AT =
        find("plasma_list_at", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));

    /** Get the object at an index of a list. */
    static int plasma_list_at(MemorySegment list, long index, MemorySegment info) {
        try {
            return (int) PLASMA_LIST_AT.invokeExact(list, index, info);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_LIST_FREE =
        find("plasma_list_free", FunctionDescriptor.ofVoid(ADDRESS));

    /** Free a list of objects. */
    static void plasma_list_free(MemorySegment list) {
        try {
            PLASMA_LIST_FREE.invokeExact(list);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_LIST_CLIENTS =
        find("plasma_list_clients", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** List the clients of a store, this one included. */
    static int plasma_list_clients(MemorySegment client, MemorySegment list) {
        try {
            return (int) PLASMA_LIST_CLIENTS.invokeExact(client, list);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_LIST_HOLDERS =
        find("plasma_list_holders", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));

    /** List the clients that hold an object, by a buffer or by writing it. */
    static int plasma_list_holders(MemorySegment client, MemorySegment id, MemorySegment list) {
        try {
            return (int) PLASMA_LIST_HOLDERS.invokeExact(client, id, list);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_CLIENT_LIST_COUNT =
        find("plasma_client_list_count", FunctionDescriptor.of(JAVA_LONG, ADDRESS));

    /** Get the number of clients in a list. */
    static long plasma_client_list_count(MemorySegment list) {
        try {
            return (long) PLASMA_CLIENT_LIST_COUNT.invokeExact(list);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_CLIENT_LIST_AT =
        find("plasma_client_list_at", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));

    /** Get the client at an index of a list. */
    static int plasma_client_list_at(MemorySegment list, long index, MemorySegment info) {
        try {
            return (int) PLASMA_CLIENT_LIST_AT.invokeExact(list, index, info);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_CLIENT_LIST_FREE =
        find("plasma_client_list_free", FunctionDescriptor.ofVoid(ADDRESS));

    /** Free a list of clients. */
    static void plasma_client_list_free(MemorySegment list) {
        try {
            PLASMA_CLIENT_LIST_FREE.invokeExact(list);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_SUBSCRIBE =
        find("plasma_subscribe", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Subscribe to the events of a store, from now on. */
    static int plasma_subscribe(MemorySegment client, MemorySegment subscription) {
        try {
            return (int) PLASMA_SUBSCRIBE.invokeExact(client, subscription);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_SUBSCRIBE_MATCHING =
        find("plasma_subscribe_matching", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));

    /** Subscribe to the events of objects whose names match a pattern. */
    static int plasma_subscribe_matching(MemorySegment client, MemorySegment pattern, MemorySegment subscription) {
        try {
            return (int) PLASMA_SUBSCRIBE_MATCHING.invokeExact(client, pattern, subscription);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_NEXT_EVENT =
        find("plasma_next_event", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));

    /** Take the next event, and wait until there is one. */
    static int plasma_next_event(MemorySegment subscription, long timeoutMs, MemorySegment event) {
        try {
            return (int) PLASMA_NEXT_EVENT.invokeExact(subscription, timeoutMs, event);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_EVENT_FD =
        find("plasma_event_fd", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Get a file descriptor, for poll and epoll, that is readable while events wait. */
    static int plasma_event_fd(MemorySegment subscription, MemorySegment fd) {
        try {
            return (int) PLASMA_EVENT_FD.invokeExact(subscription, fd);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_UNSUBSCRIBE =
        find("plasma_unsubscribe", FunctionDescriptor.ofVoid(ADDRESS));

    /** End a subscription. */
    static void plasma_unsubscribe(MemorySegment subscription) {
        try {
            PLASMA_UNSUBSCRIBE.invokeExact(subscription);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private static final MethodHandle PLASMA_CHECK =
        find("plasma_check", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** Check all structures of a store against each other. */
    static int plasma_check(MemorySegment client, MemorySegment report) {
        try {
            return (int) PLASMA_CHECK.invokeExact(client, report);
        } catch (Throwable thrown) {
            throw Library.unexpected(thrown);
        }
    }

    private Native() {}
}
