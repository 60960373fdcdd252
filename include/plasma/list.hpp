/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Lists of objects and of clients.
 */

#ifndef PLASMA_LIST_HPP
#define PLASMA_LIST_HPP

#include <plasma/info.hpp>
#include <plasma/status.hpp>

#include <cstddef>
#include <iterator>
#include <memory>

namespace plasma {

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

        /** Of no list. */
        Iterator() noexcept = default;
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
        const Handle *list_ = nullptr;
        uint64_t index_ = 0;
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

}  // namespace plasma

#endif  /* PLASMA_LIST_HPP */
