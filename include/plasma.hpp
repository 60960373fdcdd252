/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Plasma for C++17: the C API of plasma.h with owners in place of handles.
 *
 * This header adds no behaviour: each method makes one call of plasma.h, which
 * its comment names, and what is said there holds here: read its caveats first.
 * What it adds is ownership. A ClientContext disconnects, a Buffer is released,
 * and a MutableBuffer that was not sealed is aborted, when its scope ends.
 *
 * Example
 * -------
 *
 *     // c++ -std=c++17 hello.cpp -lplasma
 *     #include <plasma.hpp>
 *     #include <cstdio>
 *     #include <cstring>
 *
 *     static plasma::Status Hello()
 *     {
 *         plasma::ClientContext client;
 *         plasma::MutableBuffer writable;
 *         plasma::Buffer sealed;
 *         plasma::ObjectID id;
 *
 *         if (auto status = client.Connect("hello"); !status.ok())
 *             return status;
 *         if (auto status = plasma::ObjectID::Random(id); !status.ok())
 *             return status;
 *         if (auto status = client.BuildObject(id, 6, writable); !status.ok())
 *             return status;
 *         std::memcpy(writable.mutable_data(), "hello", 6);
 *         if (auto status = writable.Seal(); !status.ok())
 *             return status;
 *         if (auto status = client.GetObject(id, sealed); !status.ok())
 *             return status;
 *         std::printf("%s\n", sealed.view().data());
 *         return plasma::ClientContext::RemoveStore("hello");
 *     }
 *
 *     int main()
 *     {
 *         if (Hello().ok())
 *             return 0;
 *         std::fprintf(stderr, "%s\n", plasma::Status::message());
 *         return 1;
 *     }
 *
 * With exceptions each of these calls is one line:
 *
 *     plasma::ThrowOnError(client.BuildObject(id, 6, writable));
 *
 * Conventions
 * -----------
 *
 * Results. A call that can fail returns a Status, which the compiler wants
 * looked at. Nothing here throws but ThrowOnError(), and what std::string and
 * std::vector throw when memory is out where they are used: for text given as
 * std::string_view and for the vectors of the calls with many objects. It
 * compiles with -fno-exceptions and -fno-rtti.
 *
 * Outputs are references, and come after what is given. They are written on
 * PLASMA_OK only, and what they owned before is then given back; in vectors it
 * is given back first.
 *
 * Ownership. The classes that own something are moved, not copied. A moved-from
 * one is empty, as a new one is. c() lends the handle of plasma.h for calls of
 * the C API, Detach() hands it over, and a constructor takes one over.
 *
 * Arguments are borrowed for the call. Text is a literal, a std::string or a
 * std::string_view; Bytes is any contiguous container of plain values, text or
 * a pointer and a size; ids in a row are a vector, an array or a span of
 * ObjectID. Times are in milliseconds: kNoWait (0), kForever (-1) or more.
 *
 * Threads. As in C: a ClientContext, a list and a Subscription may be used by
 * any number of threads at once, but not while it is moved, connected or
 * disconnected; a buffer by one at a time.
 */

#ifndef PLASMA_HPP
#define PLASMA_HPP

#include <plasma.h>

#if __cplusplus < 201703L
#error "plasma.hpp needs C++17; plasma.h does with C++11"
#endif

#include <cstring>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#ifdef __cpp_exceptions
#include <stdexcept>
#endif

/** Immutable objects in memory that processes share. */
namespace plasma {

/** A time-out: do not wait. */
inline constexpr int64_t kNoWait = 0;
/** A time-out: wait for ever. */
inline constexpr int64_t kForever = -1;

/** The version of the library that runs, as 0xMMmmpp: plasma_version(). */
inline uint32_t Version() noexcept
{
    return plasma_version();
}

/** The same as "major.minor.patch": plasma_version_string(). */
inline const char *VersionString() noexcept
{
    return plasma_version_string();
}

/* ---- Results ---- */

/**
 * What a call came to: PLASMA_OK or a PLASMA_ERR_*, the number of plasma.h.
 *
 * It compares with those: status == PLASMA_ERR_TIMEOUT.
 *
 * Threads: any; a copy each.
 */
class [[nodiscard]] Status {
public:
    /** PLASMA_OK. */
    Status() noexcept = default;
    /** What a call of plasma.h returned. */
    Status(plasma_status_t code) noexcept : code_(code) {}

    /** Whether it is PLASMA_OK. */
    bool ok() const noexcept { return code_ == PLASMA_OK; }
    /** The number. */
    plasma_status_t code() const noexcept { return code_; }
    /** Its name, such as "PLASMA_ERR_NOT_FOUND": plasma_status_name(). */
    const char *name() const noexcept { return plasma_status_name(code_); }

    /**
     * This thread's last failure in words: plasma_error_message(). It is not
     * kept in the status, so ask before the next call.
     */
    static const char *message() noexcept { return plasma_error_message(); }
    /** The errno behind that failure, or 0: plasma_error_errno(). */
    static int error_errno() noexcept { return plasma_error_errno(); }

    /** The same number. */
    friend bool operator==(Status left, Status right) noexcept
    {
        return left.code_ == right.code_;
    }
    /** Another number. */
    friend bool operator!=(Status left, Status right) noexcept
    {
        return left.code_ != right.code_;
    }

private:
    plasma_status_t code_ = PLASMA_OK;
};

#ifdef __cpp_exceptions
/** A failed call, for those who want exceptions; see ThrowOnError(). */
class Error : public std::runtime_error {
public:
    /** A failure of this thread's last call, whose message it takes. */
    explicit Error(Status status)
        : std::runtime_error(std::string(status.name()) + ": " +
                             Status::message()),
          status_(status)
    {
    }

    /** What the call came to. */
    Status status() const noexcept { return status_; }

private:
    Status status_;
};

/**
 * Throw an Error unless a call went well.
 *
 * For programs that prefer exceptions, around any call that returns a Status:
 *
 *     plasma::ThrowOnError(client.GetObject(id, buffer));
 *
 * Only where the compiler has exceptions; nothing else in this header throws.
 *
 * @param status  of the call just made in this thread, whose message it takes.
 */
inline void ThrowOnError(Status status)
{
    if (!status.ok()) {
        throw Error(status);
    }
}
#endif

/* ---- Arguments ---- */

/**
 * A text argument: a literal, a std::string or a std::string_view.
 *
 * The C API takes text that ends with a NUL, so a std::string_view is copied;
 * the others are borrowed. Text with a NUL within would be cut there: it is
 * passed on as what is not UTF-8, which every call refuses.
 */
class Text {
public:
    /** Borrowed; NULL where the C API allows it. */
    Text(const char *text) noexcept : text_(text) {}
    /** Borrowed. */
    Text(const std::string &text) noexcept : text_(Whole(text)) {}
    /** Copied. */
    Text(std::string_view text) : copy_(text), text_(Whole(copy_)) {}
    Text(const Text &) = delete;
    Text &operator=(const Text &) = delete;

    /** The text, ending with a NUL. */
    const char *c_str() const noexcept { return text_; }

private:
    static const char *Whole(const std::string &text) noexcept
    {
        return text.find('\0') == std::string::npos ? text.c_str() : "\xff";
    }

    std::string copy_{};
    const char *text_;
};

/**
 * An argument of bytes: a pointer and a size, text without its NUL, or any
 * contiguous container of plain values, such as a std::vector, a std::array, a
 * std::span, a std::string_view or a Buffer. Borrowed.
 */
class Bytes {
public:
    /** None. */
    Bytes() noexcept = default;
    /** That many at that place. */
    Bytes(const void *data, uint64_t size) noexcept : data_(data), size_(size)
    {
    }
    /** The bytes of a text, without its NUL. */
    Bytes(const char *text) noexcept : data_(text), size_(std::strlen(text)) {}
    Bytes(std::nullptr_t) = delete;
    /** An array may not end with a NUL: give its address and its size. */
    template <size_t N> Bytes(char (&array)[N]) = delete;
    /** The values of a container. */
    template <typename Container,
              typename Value = std::remove_pointer_t<
                  decltype(std::declval<const Container &>().data())>,
              std::enable_if_t<std::is_trivially_copyable_v<Value> &&
                                   !std::is_same_v<Container, Bytes>,
                               int> = 0>
    Bytes(const Container &values) noexcept
        : data_(values.data()),
          size_(uint64_t{sizeof(Value)} * uint64_t{values.size()})
    {
    }

    /** The first byte. */
    const void *data() const noexcept { return data_; }
    /** How many. */
    uint64_t size() const noexcept { return size_; }

private:
    const void *data_ = nullptr;
    uint64_t size_ = 0;
};

/** Values in a row, borrowed: what std::span is in C++20, and made from it. */
template <typename T> class Span {
public:
    /** None. */
    Span() noexcept = default;
    /** That many at that place. */
    Span(T *data, size_t size) noexcept : data_(data), size_(size) {}
    /** The elements of an array. */
    template <size_t N> Span(T (&array)[N]) noexcept : data_(array), size_(N) {}
    /** The elements of a vector, an array or a span. */
    template <typename Container,
              typename = std::enable_if_t<
                  std::is_convertible_v<
                      decltype(std::declval<const Container &>().data()),
                      T *> &&
                  !std::is_same_v<Container, Span>>>
    Span(const Container &values) noexcept
        : data_(values.data()), size_(values.size())
    {
    }

    /** The first. */
    T *data() const noexcept { return data_; }
    /** How many. */
    size_t size() const noexcept { return size_; }

private:
    T *data_ = nullptr;
    size_t size_ = 0;
};

/* ---- Values ---- */

/**
 * The identity of an object: 20 bytes of your choice, unique in a store.
 *
 * A plasma_id_t that compares, is ordered and can be a key of std::map and
 * std::unordered_map.
 *
 * Threads: any; a copy each.
 */
class ObjectID {
public:
    /** All zero: an id like any other. */
    ObjectID() noexcept = default;
    /** The same as an id of plasma.h. */
    ObjectID(const plasma_id_t &id) noexcept : id_(id) {}

    /**
     * Make a random id, 160 bits from the kernel: plasma_id_random().
     *
     * @param id  written.
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: 1 system call.   Since: 0.1
     */
    static Status Random(ObjectID &id) noexcept
    {
        return plasma_id_random(&id.id_);
    }
    /**
     * Make an id from up to 20 bytes, padded with zeros:
     * plasma_id_from_bytes().
     *
     * @param bytes  borrowed.
     * @param id     written.
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_INVALID_ARGUMENT  more than 20 bytes
     *
     * Threads: any.   Cost: none worth naming.   Since: 0.1
     */
    static Status FromBytes(const Bytes &bytes, ObjectID &id) noexcept
    {
        return plasma_id_from_bytes(bytes.data(), bytes.size(), &id.id_);
    }
    /**
     * Make an id from exactly 40 hexadecimal digits: plasma_id_from_hex().
     *
     * @param hex  borrowed.
     * @param id   written.
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_INVALID_ARGUMENT  anything else
     *
     * Threads: any.   Cost: none worth naming.   Since: 0.1
     */
    static Status FromHex(const Text &hex, ObjectID &id) noexcept
    {
        return plasma_id_from_hex(hex.c_str(), &id.id_);
    }
    /** The id as 40 lower-case hexadecimal digits: plasma_id_to_hex(). */
    std::string ToHex() const
    {
        char hex[PLASMA_ID_HEX_SIZE] = "";
        plasma_id_to_hex(&id_, hex);
        return hex;
    }

    /** The first of its bytes. */
    const uint8_t *data() const noexcept { return id_.bytes; }
    /** How many it has: 20. */
    static constexpr size_t size() noexcept { return PLASMA_ID_SIZE; }
    /** Lent to calls of plasma.h. */
    const plasma_id_t *c() const noexcept { return &id_; }

    /** The same bytes. */
    friend bool operator==(const ObjectID &left, const ObjectID &right) noexcept
    {
        return std::memcmp(left.data(), right.data(), size()) == 0;
    }
    /** Other bytes. */
    friend bool operator!=(const ObjectID &left, const ObjectID &right) noexcept
    {
        return !(left == right);
    }
    /** Before the other in the order of bytes. */
    friend bool operator<(const ObjectID &left, const ObjectID &right) noexcept
    {
        return std::memcmp(left.data(), right.data(), size()) < 0;
    }

private:
    plasma_id_t id_ = {};
};

/** How to connect: the fields of plasma_connect_options_t, begun. */
struct ConnectOptions : plasma_connect_options_t {
    /** All defaults. */
    ConnectOptions() noexcept
        : plasma_connect_options_t PLASMA_CONNECT_OPTIONS_INIT
    {
    }
};

/** One entry of an object's metadata, borrowed: a plasma_metadata_t. */
struct Metadata : plasma_metadata_t {
    /** The key has to stay where it is as long as the value has. */
    Metadata(const char *name, const Bytes &bytes) noexcept
        : plasma_metadata_t{name, bytes.data(), bytes.size()}
    {
    }
};

/** How to create an object: the fields of plasma_create_options_t, begun. */
struct CreateOptions : plasma_create_options_t {
    /** All defaults. */
    CreateOptions() noexcept
        : plasma_create_options_t PLASMA_CREATE_OPTIONS_INIT
    {
    }
    /** Set the metadata to these entries, which are borrowed. */
    void SetMetadata(Span<const Metadata> entries) noexcept
    {
        metadata = entries.data();
        metadata_count = entries.size();
    }
};

/** What the store knows of an object: the fields of plasma_object_info_t. */
struct ObjectInfo : plasma_object_info_t {
    /** Nothing yet. */
    ObjectInfo() noexcept : plasma_object_info_t PLASMA_OBJECT_INFO_INIT {}
};

/** What the store knows of a client: the fields of plasma_client_info_t. */
struct ClientInfo : plasma_client_info_t {
    /** Nothing yet. */
    ClientInfo() noexcept : plasma_client_info_t PLASMA_CLIENT_INFO_INIT {}
};

/** Numbers of a store: the fields of plasma_stats_t. */
struct Stats : plasma_stats_t {
    /** Nothing yet. */
    Stats() noexcept : plasma_stats_t PLASMA_STATS_INIT {}
};

/** One piece of news: the fields of plasma_event_t. */
struct Event : plasma_event_t {
    /** Nothing yet. */
    Event() noexcept : plasma_event_t PLASMA_EVENT_INIT {}
};

/** What a check found: the fields of plasma_check_report_t. Experimental. */
struct CheckReport : plasma_check_report_t {
    /** Nothing yet. */
    CheckReport() noexcept : plasma_check_report_t PLASMA_CHECK_REPORT_INIT {}
};

/* ---- Objects ---- */

/**
 * A read-only view of one sealed object, and a lease that keeps it.
 *
 * While it lives the bytes stay mapped and unchanged, even if the object is
 * deleted, its creator dies or the client disconnects. It is a contiguous range
 * of bytes: std::span<const uint8_t>(buffer) in C++20, view() in C++17.
 *
 * Lifetime: from a get to Release(), or to its end. May outlive the client.
 * Threads:  one at a time; may move between threads.
 * Fork:     the child may read data() while the parent holds the buffer.
 */
class Buffer {
public:
    /** No object. */
    Buffer() noexcept = default;
    /** Takes over a buffer of plasma.h; the struct given is an alias now. */
    explicit Buffer(const plasma_buffer_t &buffer) noexcept : buffer_(buffer) {}
    /** Takes the object; the other has none then. */
    Buffer(Buffer &&other) noexcept : buffer_(other.Detach()) {}
    /** Gives its object back and takes the other's. */
    Buffer &operator=(Buffer &&other) noexcept
    {
        Buffer taken(std::move(other));
        std::swap(buffer_, taken.buffer_);
        return *this;
    }
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    /** Gives the object back. */
    ~Buffer()
    {
        if (buffer_.data != nullptr) {
            plasma_release(&buffer_);
        }
    }

    /** Whether it holds an object; of size 0 too. */
    explicit operator bool() const noexcept { return buffer_.data != nullptr; }
    /** The first byte; never NULL while it holds an object. */
    const uint8_t *data() const noexcept { return buffer_.data; }
    /** The byte at an offset of at most size(). */
    const uint8_t *data(uint64_t offset) const noexcept
    {
        return buffer_.data + offset;
    }
    /** How many bytes. */
    size_t size() const noexcept { return static_cast<size_t>(buffer_.size); }
    /** Whether there are none. */
    bool empty() const noexcept { return buffer_.size == 0; }
    /** The first byte. */
    const uint8_t *begin() const noexcept { return data(); }
    /** Behind the last byte. */
    const uint8_t *end() const noexcept { return data(buffer_.size); }
    /** The bytes as text, which need not end with a NUL. */
    std::string_view view() const noexcept
    {
        return {reinterpret_cast<const char *>(buffer_.data), size()};
    }

    /**
     * Find the value of a metadata key: plasma_get_metadata().
     *
     * @param key    borrowed.
     * @param value  written: a view into shared memory, valid while the object
     *               is held.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND  the object has no such key
     *
     * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
     */
    Status GetMetadata(const Text &key, std::string_view &value) const noexcept
    {
        const void *bytes = nullptr;
        uint64_t count = 0;
        const Status status =
            plasma_get_metadata(&buffer_, key.c_str(), &bytes, &count);
        if (status.ok()) {
            value = {static_cast<const char *>(bytes), count};
        }
        return status;
    }

    /**
     * Count the metadata keys: plasma_metadata_count().
     *
     * @param count  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
     */
    Status CountMetadata(uint64_t &count) const noexcept
    {
        return plasma_metadata_count(&buffer_, &count);
    }

    /**
     * The metadata key and value at a position, in no promised order:
     * plasma_metadata_at().
     *
     * @param index  0 .. CountMetadata() - 1.
     * @param key    written: a view as value is.
     * @param value  written: a view into shared memory, valid while the object
     *               is held.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND  index is behind the last
     *
     * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
     */
    Status MetadataAt(uint64_t index, std::string_view &key,
                      std::string_view &value) const noexcept
    {
        const char *text = nullptr;
        const void *bytes = nullptr;
        uint64_t count = 0;
        const Status status =
            plasma_metadata_at(&buffer_, index, &text, &bytes, &count);
        if (status.ok()) {
            key = text;
            value = {static_cast<const char *>(bytes), count};
        }
        return status;
    }

    /**
     * What the store knows of the object: plasma_buffer_info().
     *
     * @param info  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any, one per buffer.   Cost: no lock.   Since: 0.1
     */
    Status GetInfo(ObjectInfo &info) const noexcept
    {
        return plasma_buffer_info(&buffer_, &info);
    }

    /**
     * Take a second lease on the object: plasma_retain().
     *
     * Never waits, and works after the object was deleted or the client closed.
     *
     * @param copy  written: another buffer on the same object.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_INVALID_ARGUMENT  it holds no object
     * @retval PLASMA_ERR_LIMIT             retained 32767 times already
     *
     * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
     */
    Status Retain(Buffer &copy) const noexcept
    {
        return copy.Fill([&](plasma_buffer_t *buffer) {
            return plasma_retain(&buffer_, buffer);
        });
    }

    /**
     * Give the object back before the end of the scope: plasma_release().
     *
     * It holds none then; holding none before is a no-op.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_INVALID_ARGUMENT  it was released through an alias
     *
     * Threads: any, one per buffer.   Cost: no system call, no lock.
     * Since: 0.1
     */
    Status Release() noexcept { return plasma_release(&buffer_); }

    /**
     * Give many objects back: plasma_release_many(). Each is tried, also after
     * one failed.
     *
     * @param buffers  consumed, each as by Release().
     *
     * @return PLASMA_OK, or the first failure.
     *
     * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
     */
    static Status ReleaseMany(Span<Buffer> buffers) noexcept
    {
        return plasma_release_many(
            reinterpret_cast<plasma_buffer_t *>(buffers.data()),
            buffers.size());
    }

    /** Lent to calls of plasma.h. */
    const plasma_buffer_t *c() const noexcept { return &buffer_; }
    /** Lent to calls of plasma.h that change it. */
    plasma_buffer_t *c() noexcept { return &buffer_; }
    /** Handed over: release it with plasma_release(). It holds none then. */
    [[nodiscard]] plasma_buffer_t Detach() noexcept
    {
        return std::exchange(buffer_, plasma_buffer_t{});
    }

private:
    friend class MutableBuffer;
    friend class ClientContext;

    /* Take what a call of plasma.h writes on success, and then give back what
     * was held: where that is nothing, the call can write it in place. */
    template <typename Call> Status Fill(const Call &call) noexcept
    {
        if (buffer_.data == nullptr) {
            return call(&buffer_);
        }
        Buffer fresh;
        const Status status = call(&fresh.buffer_);
        if (status.ok()) {
            std::swap(buffer_, fresh.buffer_);
        }
        return status;
    }

    plasma_buffer_t buffer_ = {};
};

/**
 * The creator's view of one object until it is sealed.
 *
 * Lifetime: from BuildObject() to Seal(), SealAndGet() or Abort(). One that
 *           ends before is aborted; should that fail, because the writer lock
 *           stays busy, the object goes when the process does. If the process
 *           ends before, the object is gone. May outlive the client.
 * Threads:  one call at a time; the bytes may be written by many.
 * Fork:     not mapped in the child.
 */
class MutableBuffer {
public:
    /** No object. */
    MutableBuffer() noexcept = default;
    /** Takes over a buffer of plasma.h; the struct given is an alias now. */
    explicit MutableBuffer(const plasma_mutable_buffer_t &buffer) noexcept
        : buffer_(buffer)
    {
    }
    /** Takes the object; the other has none then. */
    MutableBuffer(MutableBuffer &&other) noexcept
        : buffer_(std::exchange(other.buffer_, plasma_mutable_buffer_t{})),
          sealed_(std::exchange(other.sealed_, false))
    {
    }
    /** Gives its object up and takes the other's. */
    MutableBuffer &operator=(MutableBuffer &&other) noexcept
    {
        MutableBuffer taken(std::move(other));
        std::swap(buffer_, taken.buffer_);
        std::swap(sealed_, taken.sealed_);
        return *this;
    }
    MutableBuffer(const MutableBuffer &) = delete;
    MutableBuffer &operator=(const MutableBuffer &) = delete;
    /** Gives an object up that was not sealed. */
    ~MutableBuffer()
    {
        if (buffer_.data != nullptr) {
            plasma_abort(&buffer_);
        }
    }

    /** Whether it has an object that can be written; of size 0 too. */
    explicit operator bool() const noexcept { return buffer_.data != nullptr; }
    /** Whether Seal() or SealAndGet() ended it. */
    bool sealed() const noexcept { return sealed_; }
    /** The first byte, to write; Resize() may change it. */
    uint8_t *mutable_data() noexcept { return buffer_.data; }
    /** The byte at an offset of at most size(), to write. */
    uint8_t *mutable_data(uint64_t offset) noexcept
    {
        return buffer_.data + offset;
    }
    /** The first byte, to read. */
    const uint8_t *data() const noexcept { return buffer_.data; }
    /** The byte at an offset of at most size(), to read. */
    const uint8_t *data(uint64_t offset) const noexcept
    {
        return buffer_.data + offset;
    }
    /** How many bytes. */
    size_t size() const noexcept { return static_cast<size_t>(buffer_.size); }
    /** Whether there are none. */
    bool empty() const noexcept { return buffer_.size == 0; }

    /**
     * Change the size: plasma_resize().
     *
     * The bytes up to the smaller size are kept; new ones hold whatever was
     * there. It grows in place where it can, and may move: mutable_data()
     * changes then. On failure all is as before.
     *
     * @param new_size  bytes of data; 0 is fine.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_OUT_OF_MEMORY  no room now
     * @retval PLASMA_ERR_TOO_LARGE      larger than the whole store
     * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
     *
     * Threads: any, one per buffer.   Cost: the writer lock; copies when it
     * moves.   Since: 0.1
     */
    Status Resize(uint64_t new_size) noexcept
    {
        return plasma_resize(&buffer_, new_size);
    }

    /**
     * Set or replace one entry of the metadata: plasma_set_metadata().
     *
     * @param key    borrowed.
     * @param value  borrowed.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_LIMIT          over 64 KiB in all for this object
     * @retval PLASMA_ERR_OUT_OF_MEMORY  no room now
     * @retval PLASMA_ERR_TOO_LARGE      with its data larger than the whole
     *                                   store
     * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
     *
     * Threads: any, one per buffer.   Cost: the writer lock.   Since: 0.1
     */
    Status SetMetadata(const Text &key, const Bytes &value) noexcept
    {
        return plasma_set_metadata(&buffer_, key.c_str(), value.data(),
                                   value.size());
    }

    /**
     * Publish the object: plasma_seal(). From now on it never changes, and
     * anyone can get it; on failure it can still be written.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_STORE_GONE  the store was removed meanwhile
     *
     * Threads: any, one per buffer.   Cost: no lock; a system call when
     * somebody waits.   Since: 0.1
     */
    Status Seal() noexcept
    {
        const Status status = plasma_seal(&buffer_);
        sealed_ = sealed_ || status.ok();
        return status;
    }

    /**
     * Publish the object and hold it: plasma_seal_and_get(). Nobody can evict
     * or delete it in between; on failure it can still be written.
     *
     * @param buffer  written: the sealed object.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_LIMIT       too many leases
     * @retval PLASMA_ERR_STORE_GONE  the store was removed meanwhile
     *
     * Threads: any, one per buffer.   Cost: as plasma_seal().   Since: 0.1
     */
    Status SealAndGet(Buffer &buffer) noexcept
    {
        const Status status = buffer.Fill([&](plasma_buffer_t *sealed) {
            return plasma_seal_and_get(&buffer_, sealed);
        });
        sealed_ = sealed_ || status.ok();
        return status;
    }

    /**
     * Give the object up: plasma_abort(). Its id and name are free again, and
     * those who wait for it wait on; on failure it can still be written.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_TIMEOUT  the writer lock stayed busy
     *
     * Threads: any, one per buffer.   Cost: the writer lock.   Since: 0.1
     */
    Status Abort() noexcept { return plasma_abort(&buffer_); }

    /** Lent to calls of plasma.h. */
    plasma_mutable_buffer_t *c() noexcept { return &buffer_; }
    /** Handed over: end it as after plasma_create(). It has none then. */
    [[nodiscard]] plasma_mutable_buffer_t Detach() noexcept
    {
        return std::exchange(buffer_, plasma_mutable_buffer_t{});
    }

private:
    plasma_mutable_buffer_t buffer_ = {};
    bool sealed_ = false;
};

/* ---- Lists and events ---- */

/**
 * A list of objects or of clients, a copy in this process: see ObjectList and
 * ClientList.
 *
 * It is a range: for (const plasma::ObjectInfo &info : list).
 *
 * Lifetime: from ListObjects(), ListClients() or ListHolders() to its end. May
 *           outlive the client.
 * Threads:  any number at once.
 */
template <typename Handle, typename Info, auto CountOf, auto EntryAt, auto Free>
class List {
public:
    /** Goes from entry to entry, once; holds a copy of where it is. */
    class Iterator {
    public:
        /** One pass. */
        using iterator_category = std::input_iterator_tag;
        /** ObjectInfo or ClientInfo. */
        using value_type = Info;
        /** Between positions. */
        using difference_type = std::ptrdiff_t;
        /** To its copy. */
        using pointer = const Info *;
        /** To its copy. */
        using reference = const Info &;

        /** At a position of a list. */
        Iterator(const Handle *list, uint64_t index) noexcept
            : list_(list), index_(index)
        {
        }
        /** The entry, until it goes on. */
        const Info &operator*() const noexcept
        {
            EntryAt(list_, index_, &info_);
            return info_;
        }
        /** The same. */
        const Info *operator->() const noexcept { return &**this; }
        /** Go to the next. */
        Iterator &operator++() noexcept
        {
            ++index_;
            return *this;
        }
        /** Go to the next, and say where it was. */
        Iterator operator++(int) noexcept { return {list_, index_++}; }
        /** The same position. */
        friend bool operator==(const Iterator &left,
                               const Iterator &right) noexcept
        {
            return left.index_ == right.index_;
        }
        /** Another position. */
        friend bool operator!=(const Iterator &left,
                               const Iterator &right) noexcept
        {
            return left.index_ != right.index_;
        }

    private:
        const Handle *list_;
        uint64_t index_;
        mutable Info info_{};
    };

    /** Of nothing. */
    List() noexcept = default;
    /** Takes over a list of plasma.h. */
    explicit List(Handle *list) noexcept : list_(list) {}

    /** The number of entries: plasma_list_count(). */
    uint64_t size() const noexcept { return CountOf(list_.get()); }
    /** Whether there are none. */
    bool empty() const noexcept { return size() == 0; }
    /**
     * The entry at a position: plasma_list_at().
     *
     * @param index  0 .. size() - 1.
     * @param info   written.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND  index is behind the last
     */
    Status At(uint64_t index, Info &info) const noexcept
    {
        return EntryAt(list_.get(), index, &info);
    }
    /** The first entry. */
    Iterator begin() const noexcept { return {list_.get(), 0}; }
    /** Behind the last entry. */
    Iterator end() const noexcept { return {list_.get(), size()}; }

    /** Lent to calls of plasma.h. */
    const Handle *c() const noexcept { return list_.get(); }
    /** Handed over: free it with plasma_list_free(). It is empty then. */
    [[nodiscard]] Handle *Detach() noexcept { return list_.release(); }

private:
    struct Deleter {
        void operator()(Handle *list) const noexcept { Free(list); }
    };
    std::unique_ptr<Handle, Deleter> list_{};
};

/** The objects of a store, each an ObjectInfo. */
using ObjectList = List<plasma_list_t, ObjectInfo, plasma_list_count,
                        plasma_list_at, plasma_list_free>;
/** Clients of a store, each a ClientInfo. */
using ClientList =
    List<plasma_client_list_t, ClientInfo, plasma_client_list_count,
         plasma_client_list_at, plasma_client_list_free>;

/**
 * A private position in the events of a store.
 *
 * Lifetime: from Subscribe() to its end. May outlive the client, but then its
 *           calls return DISCONNECTED.
 * Threads:  any number at once; each event goes to one of them.
 * Fork:     calls in the child return FORKED.
 */
class Subscription {
public:
    /** To nothing: each call is INVALID_ARGUMENT. */
    Subscription() noexcept = default;
    /** Takes over a subscription of plasma.h. */
    explicit Subscription(plasma_subscription_t *subscription) noexcept
        : subscription_(subscription)
    {
    }

    /** Whether there is one. */
    explicit operator bool() const noexcept { return subscription_ != nullptr; }

    /**
     * Take the next event, waiting for it if need be: plasma_next_event().
     *
     * Who is too slow gets one PLASMA_EVENT_LOST for those that are gone.
     *
     * @param event       written.
     * @param timeout_ms  how long to wait.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_TIMEOUT       no event in time, also with kNoWait
     * @retval PLASMA_ERR_DISCONNECTED  the client was disconnected
     *
     * Threads: any.   Cost: no system call if there is one.   Since: 0.1
     */
    Status Next(Event &event, int64_t timeout_ms = kForever) const noexcept
    {
        return plasma_next_event(subscription_.get(), timeout_ms, &event);
    }

    /**
     * A file descriptor that is readable while events wait, for poll and epoll:
     * plasma_event_fd().
     *
     * Do not read from it: take events with Next() and kNoWait until TIMEOUT.
     * The first call starts one helper thread, all signals blocked.
     *
     * @param fd  written; the library's, closed when the subscription ends.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_LIMIT  too many open files or threads
     *
     * Threads: any.   Cost: none, but for the first call: some system calls.
     * Since: 0.1
     */
    Status GetFd(int &fd) const noexcept
    {
        return plasma_event_fd(subscription_.get(), &fd);
    }

    /** Lent to calls of plasma.h. */
    const plasma_subscription_t *c() const noexcept
    {
        return subscription_.get();
    }
    /** Handed over: end it with plasma_unsubscribe(). There is none then. */
    [[nodiscard]] plasma_subscription_t *Detach() noexcept
    {
        return subscription_.release();
    }

private:
    struct Deleter {
        void operator()(plasma_subscription_t *subscription) const noexcept
        {
            plasma_unsubscribe(subscription);
        }
    };
    std::unique_ptr<plasma_subscription_t, Deleter> subscription_{};
};

/* ---- Stores ---- */

/**
 * One connection of one process to a store.
 *
 * Before Connect() its calls return INVALID_ARGUMENT.
 *
 * Lifetime: from Connect() to Disconnect(), or to its end. Buffers of both
 *           kinds may outlive it. A process may have many, also of one store.
 * Threads:  any number at once.
 * Fork:     every call in the child returns FORKED; connect again there.
 */
class ClientContext {
public:
    /** Not connected. */
    ClientContext() noexcept = default;
    /** Takes over a client of plasma.h. */
    explicit ClientContext(plasma_client_t *client) noexcept : client_(client)
    {
    }

    /**
     * Open a store, or create it when there is none: plasma_connect().
     *
     * A connection that it had before is left, after this one is made.
     *
     * @param address  borrowed: nullptr for $PLASMA_STORE, or else "default"; a
     *                 word for a store of this user in /dev/shm; or a path with
     *                 a '/' for the directory of the store itself.
     * @param options  borrowed.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_INVALID_ARGUMENT  the address can name no store
     * @retval PLASMA_ERR_STORE_NOT_FOUND   EXISTING or READ_ONLY, and none is
     *                                      there
     * @retval PLASMA_ERR_STORE_EXISTS      EXCLUSIVE, and one is there
     * @retval PLASMA_ERR_NOT_A_STORE       a file, a link or another directory
     * @retval PLASMA_ERR_MISMATCH          made with other options than given
     * @retval PLASMA_ERR_VERSION           made by another version or word size
     * @retval PLASMA_ERR_CORRUPT           its files hold nonsense
     * @retval PLASMA_ERR_PERMISSION        the operating system refuses
     * @retval PLASMA_ERR_OUT_OF_MEMORY     no room for the store; see
     *                                      `--shm-size` in a container
     * @retval PLASMA_ERR_LIMIT             too many clients, or open files
     * @retval PLASMA_ERR_TIMEOUT           the lock_timeout_ms ran out, where
     *                                      the last of an EPHEMERAL store is
     *                                      leaving
     * @retval PLASMA_ERR_UNSUPPORTED       network file systems, hugetlbfs
     *
     * Threads: any.   Cost: about 30 system calls.   Since: 0.1
     */
    Status Connect(const Text &address = nullptr,
                   const ConnectOptions &options = ConnectOptions()) noexcept
    {
        plasma_client_t *client = nullptr;
        const Status status =
            plasma_connect(address.c_str(), &options, &client);
        if (status.ok()) {
            client_.reset(client);
        }
        return status;
    }

    /**
     * Leave the store before the end of the scope: plasma_disconnect().
     *
     * Calls of other threads that wait in this client return DISCONNECTED.
     * Buffers of both kinds stay usable, and the client counts as present in
     * the store until the last of them is gone. Not connected, it is a no-op.
     *
     * Threads: any.   Cost: a few system calls.   Since: 0.1
     */
    void Disconnect() noexcept { client_.reset(); }

    /** Whether it is connected. */
    explicit operator bool() const noexcept { return client_ != nullptr; }

    /**
     * The path of the store's directory: plasma_client_address().
     *
     * @return text valid while connected; NULL when it is not.
     *
     * Threads: any.   Cost: none worth naming.   Since: 0.1
     */
    const char *address() const noexcept
    {
        return plasma_client_address(client_.get());
    }

    /**
     * Make every call that now waits in this client return INTERRUPTED:
     * plasma_interrupt(). Calls that begin later are not affected.
     *
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: a few system calls.   Since: 0.1
     */
    Status Interrupt() const noexcept
    {
        return plasma_interrupt(client_.get());
    }

    /**
     * Remove a store and all objects in it: plasma_store_remove().
     *
     * Processes that are connected keep the buffers they hold, and their other
     * calls return STORE_GONE. Only files that belong to a store are removed.
     *
     * @param address  borrowed; as for Connect().
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_STORE_NOT_FOUND  nothing there
     * @retval PLASMA_ERR_NOT_A_STORE      something else is there
     * @retval PLASMA_ERR_VERSION          made by another version or word size
     * @retval PLASMA_ERR_CORRUPT          its files hold nonsense
     * @retval PLASMA_ERR_PERMISSION       not the owner's
     * @retval PLASMA_ERR_TIMEOUT          another remover does not get on
     * @retval PLASMA_ERR_UNSUPPORTED      the store is a mount point
     *
     * Threads: any.   Cost: grows with the number of clients.   Since: 0.1
     */
    static Status RemoveStore(const Text &address = nullptr) noexcept
    {
        return plasma_store_remove(address.c_str());
    }

    /**
     * Create an object, to be written and sealed: plasma_create().
     *
     * Its memory holds whatever was there before, as malloc's does, unless
     * PLASMA_CREATE_ZEROED is given. Nobody sees the object before it is
     * sealed.
     *
     * @param id       borrowed.
     * @param size     bytes of data; 0 is fine.
     * @param buffer   written: the object, to end with Seal(), SealAndGet() or
     *                 Abort().
     * @param options  borrowed.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_EXISTS         an object has this id, sealed or not
     * @retval PLASMA_ERR_NAME_EXISTS    an object has this name
     * @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options.timeout_ms
     * @retval PLASMA_ERR_TOO_LARGE      larger than the whole store
     * @retval PLASMA_ERR_LIMIT          too many objects, or over 64 KiB of
     *                                   metadata
     * @retval PLASMA_ERR_READ_ONLY      the client may only read
     * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
     *
     * Threads: any.   Cost: the writer lock; no system call once the memory is
     * reserved.   Since: 0.1
     */
    Status BuildObject(const ObjectID &id, uint64_t size, MutableBuffer &buffer,
                       const CreateOptions &options = CreateOptions()) const
        noexcept
    {
        MutableBuffer fresh;
        const Status status =
            plasma_create(client_.get(), id.c(), size, &options, fresh.c());
        if (status.ok()) {
            buffer = std::move(fresh);
        }
        return status;
    }

    /**
     * Create an object with a name: plasma_create() with options.name.
     *
     * @param id       borrowed.
     * @param size     bytes of data; 0 is fine.
     * @param buffer   written, as above.
     * @param name     borrowed; UTF-8, 1 to 255 bytes, unique in the store.
     * @param options  the others.
     *
     * @return as above.
     *
     * Threads: any.   Cost: the writer lock; no system call once the memory is
     * reserved.   Since: 0.1
     */
    Status BuildObject(const ObjectID &id, uint64_t size, MutableBuffer &buffer,
                       const Text &name,
                       CreateOptions options = CreateOptions()) const noexcept
    {
        options.name = name.c_str();
        return BuildObject(id, size, buffer, options);
    }

    /**
     * Create an object, copy bytes into it, and seal it: plasma_put().
     *
     * @param id       borrowed.
     * @param bytes    borrowed: its data.
     * @param options  borrowed.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_EXISTS         an object has this id, sealed or not
     * @retval PLASMA_ERR_NAME_EXISTS    an object has this name
     * @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options.timeout_ms
     * @retval PLASMA_ERR_TOO_LARGE      larger than the whole store
     * @retval PLASMA_ERR_LIMIT          too many objects, or over 64 KiB of
     *                                   metadata
     * @retval PLASMA_ERR_READ_ONLY      the client may only read
     * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
     *
     * Threads: any.   Cost: as plasma_create(), and the copy.   Since: 0.1
     */
    Status PutObject(const ObjectID &id, const Bytes &bytes,
                     const CreateOptions &options = CreateOptions()) const
        noexcept
    {
        return plasma_put(client_.get(), id.c(), bytes.data(), bytes.size(),
                          &options);
    }

    /**
     * Create, fill and seal many objects: plasma_put_many().
     *
     * Each is tried, also after one failed. The three rows go together: others
     * than ids of another length are INVALID_ARGUMENT.
     *
     * @param ids       borrowed.
     * @param datas     borrowed: pointers, each to the bytes of one.
     * @param sizes     borrowed: how many bytes.
     * @param statuses  written: one for each id, also when not all are
     *                  PLASMA_OK; INVALID_ARGUMENT when that is the result.
     * @param options   borrowed, for each. A name is INVALID_ARGUMENT with more
     *                  than one.
     *
     * @return PLASMA_OK when all are PLASMA_OK, or the first failure in the
     *         order of the ids.
     *
     * Threads: any.   Cost: as so many plasma_put().   Since: 0.1
     */
    Status PutObjects(Span<const ObjectID> ids, Span<const void *const> datas,
                      Span<const uint64_t> sizes, std::vector<Status> &statuses,
                      const CreateOptions &options = CreateOptions()) const
    {
        const size_t count = ids.size();
        const bool match = datas.size() == count && sizes.size() == count;
        statuses.assign(count, PLASMA_ERR_INVALID_ARGUMENT);
        return plasma_put_many(client_.get(), C(ids),
                               match ? datas.data() : nullptr,
                               match ? sizes.data() : nullptr, count, &options,
                               C(statuses));
    }

    /**
     * Get an object, or create it when there is none: plasma_get_or_create().
     *
     * Of many callers one creates, and the others wait until it is sealed. Look
     * which it was: if (mutable_buffer) fill and seal it.
     *
     * @param id              borrowed.
     * @param size            bytes of data, if it is created.
     * @param buffer          written: the object, or none if it was created.
     * @param mutable_buffer  written: none, or the new object if it was
     *                        created.
     * @param options         borrowed, for creating.
     * @param timeout_ms      how long to wait for another creator's seal.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_SEALED     kNoWait, and another writes it
     * @retval PLASMA_ERR_TIMEOUT        another did not seal it in time, or the
     *                                   writer lock stayed busy
     * @retval PLASMA_ERR_NAME_EXISTS    another object has this name
     * @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options.timeout_ms
     * @retval PLASMA_ERR_TOO_LARGE      larger than the whole store
     * @retval PLASMA_ERR_LIMIT          too many objects or leases, or over
     *                                   64 KiB of metadata
     * @retval PLASMA_ERR_READ_ONLY      the client may only read
     *
     * Threads: any.   Cost: as plasma_get() or plasma_create().   Since: 0.1
     */
    Status GetOrBuildObject(const ObjectID &id, uint64_t size, Buffer &buffer,
                            MutableBuffer &mutable_buffer,
                            const CreateOptions &options = CreateOptions(),
                            int64_t timeout_ms = kForever) const noexcept
    {
        Buffer existing;
        MutableBuffer created;
        int32_t is_created = 0;
        const Status status = plasma_get_or_create(
            client_.get(), id.c(), size, &options, timeout_ms, existing.c(),
            created.c(), &is_created);
        if (status.ok()) {
            buffer = std::move(existing);
            mutable_buffer = std::move(created);
        }
        return status;
    }

    /**
     * Get a read-only view of a sealed object, waiting for it if need be:
     * plasma_get().
     *
     * @param id          borrowed.
     * @param buffer      written: the object.
     * @param timeout_ms  how long to wait.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND   kNoWait, and there is none
     * @retval PLASMA_ERR_NOT_SEALED  kNoWait, and it is being written
     * @retval PLASMA_ERR_TIMEOUT     not sealed in time
     * @retval PLASMA_ERR_ABORTED     its creator died while this call waited
     * @retval PLASMA_ERR_LIMIT       too many leases
     *
     * Threads: any.   Cost: no system call, no lock if it is sealed.
     * Since: 0.1
     */
    Status GetObject(const ObjectID &id, Buffer &buffer,
                     int64_t timeout_ms = kForever) const noexcept
    {
        return buffer.Fill([&](plasma_buffer_t *found) {
            return plasma_get(client_.get(), id.c(), timeout_ms, found);
        });
    }

    /**
     * Get a read-only view of a sealed object by its name:
     * plasma_get_by_name().
     *
     * @param name        borrowed; UTF-8, 1 to 255 bytes.
     * @param buffer      written: the object.
     * @param timeout_ms  how long to wait.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND   kNoWait, and there is none
     * @retval PLASMA_ERR_NOT_SEALED  kNoWait, and it is being written
     * @retval PLASMA_ERR_TIMEOUT     not sealed in time
     * @retval PLASMA_ERR_ABORTED     its creator died while this call waited
     * @retval PLASMA_ERR_LIMIT       too many leases
     *
     * Threads: any.   Cost: as plasma_get(), and a hash of the name.
     * Since: 0.1
     */
    Status GetObjectByName(const Text &name, Buffer &buffer,
                           int64_t timeout_ms = kForever) const noexcept
    {
        return buffer.Fill([&](plasma_buffer_t *found) {
            return plasma_get_by_name(client_.get(), name.c_str(), timeout_ms,
                                      found);
        });
    }

    /**
     * Get many objects with one deadline: plasma_get_many().
     *
     * The same id may be given more than once; each buffer is a lease. What the
     * vector held before is given back first.
     *
     * @param ids         borrowed.
     * @param buffers     written: one for each id, holding none where the
     *                    status is not PLASMA_OK.
     * @param statuses    written with them, each as of GetObject();
     *                    INVALID_ARGUMENT when that is the result.
     * @param timeout_ms  how long to wait for all together.
     *
     * @return PLASMA_OK when all are PLASMA_OK, or the first failure in the
     *         order of the ids.
     *
     * Threads: any.   Cost: no system call if all are sealed.   Since: 0.1
     */
    Status GetObjects(Span<const ObjectID> ids, std::vector<Buffer> &buffers,
                      std::vector<Status> &statuses,
                      int64_t timeout_ms = kForever) const
    {
        buffers.clear();
        buffers.resize(ids.size());
        statuses.assign(ids.size(), PLASMA_ERR_INVALID_ARGUMENT);
        return plasma_get_many(client_.get(), C(ids), ids.size(), timeout_ms,
                               C(buffers), C(statuses));
    }

    /**
     * Wait until some of many objects are sealed, without getting them:
     * plasma_wait().
     *
     * @param ids          borrowed.
     * @param num_ready    how many have to be sealed; 0 is all. More than there
     *                     are ids is INVALID_ARGUMENT.
     * @param ready        written: one for each id; on PLASMA_OK and TIMEOUT 1
     *                     where the object is sealed, else 0.
     * @param ready_count  written on PLASMA_OK and TIMEOUT: how many are 1.
     * @param timeout_ms   how long to wait.
     *
     * @retval PLASMA_OK           at least num_ready are sealed
     * @retval PLASMA_ERR_TIMEOUT  fewer are, so far
     * @retval PLASMA_ERR_ABORTED  fewer can be: creators died while it waited
     *
     * Threads: any.   Cost: no system call if enough are sealed.   Since: 0.1
     */
    Status WaitForObjects(Span<const ObjectID> ids, size_t num_ready,
                          std::vector<uint8_t> &ready, size_t &ready_count,
                          int64_t timeout_ms = kForever) const
    {
        ready.assign(ids.size(), 0);
        return plasma_wait(client_.get(), C(ids), ids.size(), num_ready,
                           timeout_ms, ready.data(), &ready_count);
    }

    /**
     * Find the id of a name: plasma_lookup(). The object need not be sealed.
     *
     * @param name  borrowed; UTF-8, 1 to 255 bytes.
     * @param id    written.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND  no object has this name
     *
     * Threads: any.   Cost: no system call, no lock.   Since: 0.1
     */
    Status Lookup(const Text &name, ObjectID &id) const noexcept
    {
        plasma_id_t found = {};
        const Status status =
            plasma_lookup(client_.get(), name.c_str(), &found);
        if (status.ok()) {
            id = found;
        }
        return status;
    }

    /**
     * The state of an object: plasma_contains().
     *
     * @param id     borrowed.
     * @param state  written: PLASMA_STATE_ABSENT, _WRITING or _SEALED.
     *
     * @retval PLASMA_OK  also when there is no such object
     *
     * Threads: any.   Cost: no system call, no lock.   Since: 0.1
     */
    Status Contains(const ObjectID &id, plasma_state_t &state) const noexcept
    {
        return plasma_contains(client_.get(), id.c(), &state);
    }

    /**
     * What the store knows of an object, sealed or not: plasma_object_info().
     *
     * @param id    borrowed.
     * @param info  written.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND  there is no such object
     *
     * Threads: any.   Cost: reads the leases of every client.   Since: 0.1
     */
    Status GetObjectInfo(const ObjectID &id, ObjectInfo &info) const noexcept
    {
        return plasma_object_info(client_.get(), id.c(), &info);
    }

    /**
     * Numbers of the store: plasma_stats().
     *
     * @param stats  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: reads the leases of every client.   Since: 0.1
     */
    Status GetStats(Stats &stats) const noexcept
    {
        return plasma_stats(client_.get(), &stats);
    }

    /**
     * Delete a sealed object: plasma_delete().
     *
     * It is gone at once for new gets, and its id and name are free again. Its
     * memory follows when the last buffer on it is released.
     *
     * @param id  borrowed.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND   there is no such object
     * @retval PLASMA_ERR_NOT_SEALED  only its creator can end it: Abort()
     * @retval PLASMA_ERR_READ_ONLY   the client may only read
     * @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
     *
     * Threads: any.   Cost: the writer lock.   Since: 0.1
     */
    Status DeleteObject(const ObjectID &id) const noexcept
    {
        return plasma_delete(client_.get(), id.c());
    }

    /**
     * Delete many objects: plasma_delete_many().
     *
     * Each is tried, also after one failed.
     *
     * @param ids       borrowed.
     * @param statuses  written: one for each id, as of DeleteObject(), also
     *                  when not all are PLASMA_OK; INVALID_ARGUMENT when that
     *                  is the result.
     *
     * @return PLASMA_OK when all are PLASMA_OK, or the first failure in the
     *         order of the ids.
     *
     * Threads: any.   Cost: as so many plasma_delete().   Since: 0.1
     */
    Status DeleteObjects(Span<const ObjectID> ids,
                         std::vector<Status> &statuses) const
    {
        statuses.assign(ids.size(), PLASMA_ERR_INVALID_ARGUMENT);
        return plasma_delete_many(client_.get(), C(ids), ids.size(),
                                  C(statuses));
    }

    /**
     * Keep an object from being evicted, until UnpinObject() or DeleteObject():
     * plasma_pin(). A pin is a mark, not a count, and outlives the process that
     * set it.
     *
     * @param id  borrowed.
     *
     * @retval PLASMA_OK             also when it was pinned already
     * @retval PLASMA_ERR_NOT_FOUND  there is no such object
     * @retval PLASMA_ERR_READ_ONLY  the client may only read
     * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
     *
     * Threads: any.   Cost: the writer lock.   Since: 0.1
     */
    Status PinObject(const ObjectID &id) const noexcept
    {
        return plasma_pin(client_.get(), id.c());
    }

    /**
     * Let an object be evicted again: plasma_unpin().
     *
     * @param id  borrowed.
     *
     * @retval PLASMA_OK             also when it was not pinned
     * @retval PLASMA_ERR_NOT_FOUND  there is no such object
     * @retval PLASMA_ERR_READ_ONLY  the client may only read
     * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
     *
     * Threads: any.   Cost: the writer lock.   Since: 0.1
     */
    Status UnpinObject(const ObjectID &id) const noexcept
    {
        return plasma_unpin(client_.get(), id.c());
    }

    /**
     * Evict objects nobody holds or pinned, least recently released first:
     * plasma_evict(). Only in stores made with eviction.
     *
     * @param bytes    how much to free, at least; UINT64_MAX for all that can
     *                 be.
     * @param evicted  written: bytes freed; less than asked is no error.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_UNSUPPORTED  the store was made without eviction
     * @retval PLASMA_ERR_READ_ONLY    the client may only read
     * @retval PLASMA_ERR_TIMEOUT      the writer lock stayed busy
     *
     * Threads: any.   Cost: the writer lock, in batches.   Since: 0.1
     */
    Status Evict(uint64_t bytes, uint64_t &evicted) const noexcept
    {
        return plasma_evict(client_.get(), bytes, &evicted);
    }

    /**
     * Clean up after dead clients now, and free deleted objects nobody holds:
     * plasma_reap(). Never needed: whoever connects or is short of memory does
     * it too.
     *
     * @param reaped  written: how many dead clients there were.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_READ_ONLY  the client may only read
     * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
     *
     * Threads: any.   Cost: reads the leases of every client.   Since: 0.1
     */
    Status Reap(uint64_t &reaped) const noexcept
    {
        return plasma_reap(client_.get(), &reaped);
    }

    /**
     * Give whole free chunks of memory back to the system: plasma_trim().
     *
     * @param keep_bytes  free bytes to keep reserved for the next creates.
     * @param returned    written: bytes given back.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_READ_ONLY  the client may only read
     * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
     *
     * Threads: any.   Cost: 1 system call per run of chunks.   Since: 0.1
     */
    Status Trim(uint64_t keep_bytes, uint64_t &returned) const noexcept
    {
        return plasma_trim(client_.get(), keep_bytes, &returned);
    }

    /**
     * List the objects of the store, also unsealed and deleted ones still held:
     * plasma_list().
     *
     * Each entry is true at one instant of the call. Objects that exist
     * throughout appear exactly once. Writers are not stopped.
     *
     * @param list  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: grows with max_objects; no lock.   Since: 0.1
     */
    Status ListObjects(ObjectList &list) const noexcept
    {
        plasma_list_t *fresh = nullptr;
        const Status status = plasma_list(client_.get(), &fresh);
        if (status.ok()) {
            list = ObjectList(fresh);
        }
        return status;
    }

    /**
     * List the clients of the store, this one among them:
     * plasma_list_clients().
     *
     * @param list  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: reads the file of every client.   Since: 0.1
     */
    Status ListClients(ClientList &list) const noexcept
    {
        plasma_client_list_t *fresh = nullptr;
        const Status status = plasma_list_clients(client_.get(), &fresh);
        if (status.ok()) {
            list = ClientList(fresh);
        }
        return status;
    }

    /**
     * List the clients that hold an object: plasma_list_holders().
     *
     * @param id    borrowed.
     * @param list  written.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND  there is no such object
     *
     * Threads: any.   Cost: reads the leases of every client.   Since: 0.1
     */
    Status ListHolders(const ObjectID &id, ClientList &list) const noexcept
    {
        plasma_client_list_t *fresh = nullptr;
        const Status status =
            plasma_list_holders(client_.get(), id.c(), &fresh);
        if (status.ok()) {
            list = ClientList(fresh);
        }
        return status;
    }

    /**
     * Subscribe to the events of the store, from now on: plasma_subscribe().
     *
     * Subscribe first and list then, and nothing is missed.
     *
     * @param subscription  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: none worth naming.   Since: 0.1
     */
    Status Subscribe(Subscription &subscription) const noexcept
    {
        plasma_subscription_t *fresh = nullptr;
        const Status status = plasma_subscribe(client_.get(), &fresh);
        if (status.ok()) {
            subscription = Subscription(fresh);
        }
        return status;
    }

    /**
     * Compare all structures of the store with each other: plasma_check().
     *
     * Experimental: may change between minor versions. Changes nothing; but
     * what a dead writer left is recovered first, as by any writer. Writers
     * wait meanwhile, gets do not.
     *
     * @param report  written; see its problem_count.
     *
     * @retval PLASMA_OK             whatever was found
     * @retval PLASMA_ERR_CORRUPT    too much is wrong to look
     * @retval PLASMA_ERR_READ_ONLY  the client may only read
     * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
     *
     * Threads: any.   Cost: the writer lock, for a second per million objects
     * and some 100 bytes of memory for each.   Since: 0.1
     */
    Status CheckStore(CheckReport &report) const noexcept
    {
        return plasma_check(client_.get(), &report);
    }

    /** Lent to calls of plasma.h. */
    plasma_client_t *c() const noexcept { return client_.get(); }
    /** Handed over: end it with plasma_disconnect(). Not connected then. */
    [[nodiscard]] plasma_client_t *Detach() noexcept
    {
        return client_.release();
    }

private:
    /* Each wrapper is its C type and nothing else: see the end of the file. */
    static const plasma_id_t *C(Span<const ObjectID> ids) noexcept
    {
        return reinterpret_cast<const plasma_id_t *>(ids.data());
    }
    static plasma_status_t *C(std::vector<Status> &statuses) noexcept
    {
        return reinterpret_cast<plasma_status_t *>(statuses.data());
    }
    static plasma_buffer_t *C(std::vector<Buffer> &buffers) noexcept
    {
        return reinterpret_cast<plasma_buffer_t *>(buffers.data());
    }

    struct Deleter {
        void operator()(plasma_client_t *client) const noexcept
        {
            plasma_disconnect(client);
        }
    };
    std::unique_ptr<plasma_client_t, Deleter> client_{};
};

/* Arrays of these are passed to C as arrays of what they hold. */
static_assert(sizeof(Status) == sizeof(plasma_status_t) &&
              std::is_standard_layout_v<Status>);
static_assert(sizeof(ObjectID) == sizeof(plasma_id_t) &&
              std::is_standard_layout_v<ObjectID>);
static_assert(sizeof(Buffer) == sizeof(plasma_buffer_t) &&
              std::is_standard_layout_v<Buffer>);
static_assert(sizeof(Metadata) == sizeof(plasma_metadata_t) &&
              std::is_standard_layout_v<Metadata>);

}  // namespace plasma

/** @cond */
/** Ids as keys of std::unordered_map. */
template <> struct std::hash<plasma::ObjectID> {
    /** Of all 20 bytes. */
    size_t operator()(const plasma::ObjectID &id) const noexcept
    {
        return std::hash<std::string_view>()(
            {reinterpret_cast<const char *>(id.data()), id.size()});
    }
};
/** @endcond */

#endif  /* PLASMA_HPP */
