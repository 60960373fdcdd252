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
 * A list of objects or of clients, copied into this process: see ObjectList and
 * ClientList.
 *
 * It is a range: for (const plasma::ObjectInfo &info : list).
 *
 * Lifetime: from ListObjects(), ListClients() or ListHolders() to its
 *           destructor. May outlive the client.
 * Threads:  any number at once.
 */
template <typename Handle, typename Info, auto CountOf, auto EntryAt, auto Free>
class List {
public:
    /** Visits the entries in one pass; holds a copy of the current entry. */
    class Iterator {
    public:
        /** A single-pass iterator. */
        using iterator_category = std::input_iterator_tag;
        /** ObjectInfo or ClientInfo. */
        using value_type = Info;
        /** The distance between two iterators. */
        using difference_type = std::ptrdiff_t;
        /** Points to its copy of the entry. */
        using pointer = const Info *;
        /** Points to its copy of the entry. */
        using reference = const Info &;

        /** An iterator of no list. */
        Iterator() noexcept = default;
        /** An iterator at an index of a list. */
        Iterator(const Handle *list, uint64_t index) noexcept
            : list_(list), index_(index)
        {
        }
        /** The entry, valid until the iterator advances. */
        const Info &operator*() const noexcept
        {
            EntryAt(list_, index_, &info_);
            return info_;
        }
        /** The same entry. */
        const Info *operator->() const noexcept { return &**this; }
        /** Advances to the next entry. */
        Iterator &operator++() noexcept
        {
            ++index_;
            return *this;
        }
        /** Advances to the next entry, and returns the old position. */
        Iterator operator++(int) noexcept { return {list_, index_++}; }
        /** Whether the positions are equal. */
        friend bool operator==(const Iterator &left,
                               const Iterator &right) noexcept
        {
            return left.index_ == right.index_;
        }
        /** Whether the positions differ. */
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

    /** An empty list. */
    List() noexcept = default;
    /** Takes ownership of a list of plasma.h. */
    explicit List(Handle *list) noexcept : list_(list) {}

    /** The number of entries: plasma_list_count(). */
    uint64_t size() const noexcept { return CountOf(list_.get()); }
    /** Whether size() is 0. */
    bool empty() const noexcept { return size() == 0; }
    /**
     * Get the entry at an index: plasma_list_at().
     *
     * @param index  0 .. size() - 1.
     * @param info   written.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND  index is out of range
     */
    Status At(uint64_t index, Info &info) const noexcept
    {
        return EntryAt(list_.get(), index, &info);
    }
    /** The first entry. */
    Iterator begin() const noexcept { return {list_.get(), 0}; }
    /** Past the last entry. */
    Iterator end() const noexcept { return {list_.get(), size()}; }

    /** The handle, for calls of plasma.h. */
    const Handle *c() const noexcept { return list_.get(); }
    /**
     * Gives up ownership: free the result with plasma_list_free() or
     * plasma_client_list_free(). The list is empty afterwards.
     */
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
