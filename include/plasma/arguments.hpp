/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Types of arguments: text, bytes, spans and timeouts.
 */

#ifndef PLASMA_ARGUMENTS_HPP
#define PLASMA_ARGUMENTS_HPP

#include <plasma/version.hpp>

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace plasma {

/** A timeout: do not wait. */
inline constexpr int64_t kNoWait = 0;
/** A timeout: wait forever. */
inline constexpr int64_t kForever = -1;

/**
 * A text argument: a literal, a std::string or a std::string_view.
 *
 * The C API takes text that ends with a NUL, so a std::string_view is copied;
 * the others are borrowed. Text that contains a NUL is passed on as invalid
 * UTF-8, which every call refuses.
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
    /** No bytes or elements. */
    Bytes() noexcept = default;
    /** `size` bytes or elements at an address. */
    Bytes(const void *data, uint64_t size) noexcept : data_(data), size_(size)
    {
    }
    /** The bytes of a text, without its NUL. */
    Bytes(const char *text) noexcept : data_(text), size_(std::strlen(text)) {}
    Bytes(std::nullptr_t) = delete;
    /** Deleted: an array need not end with a NUL. Pass its address and size. */
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
    /** The number of bytes or elements. */
    uint64_t size() const noexcept { return size_; }

private:
    const void *data_ = nullptr;
    uint64_t size_ = 0;
};

/**
 * A borrowed range of contiguous elements, like std::span in C++20.
 *
 * It is made from a std::span, an array, a vector or another container of T. A
 * Span of non-const T is only made from an lvalue that can be written.
 */
template <typename T> class Span {
    /* Whether the elements of a container are of type T, or of T without its
     * const: then the elements have T's size, and const is not cast away. */
    template <typename Container>
    using IfItLends = std::enable_if_t<
        std::is_convertible_v<
            std::remove_pointer_t<
                decltype(std::declval<Container &>().data())> (*)[],
            T (*)[]> &&
            !std::is_same_v<std::remove_const_t<Container>, Span>,
        int>;

public:
    /** No bytes or elements. */
    Span() noexcept = default;
    /** `size` bytes or elements at an address. */
    Span(T *data, size_t size) noexcept : data_(data), size_(size) {}
    /** The elements of an array. */
    template <size_t N> Span(T (&array)[N]) noexcept : data_(array), size_(N) {}
    /** The elements of a vector, an array or a MutableBuffer. */
    template <typename Container, IfItLends<Container> = 0>
    Span(Container &values) noexcept
        : data_(values.data()), size_(static_cast<size_t>(values.size()))
    {
    }
    /** The elements of a const or temporary container, or of a span. */
    template <typename Container, IfItLends<const Container> = 0>
    Span(const Container &values) noexcept
        : data_(values.data()), size_(static_cast<size_t>(values.size()))
    {
    }

    /** The first element. */
    T *data() const noexcept { return data_; }
    /** The number of bytes or elements. */
    size_t size() const noexcept { return size_; }
    /** The first element. */
    T *begin() const noexcept { return data_; }
    /** Past the last element. */
    T *end() const noexcept { return data_ + size_; }

private:
    T *data_ = nullptr;
    size_t size_ = 0;
};

}  // namespace plasma

#endif  /* PLASMA_ARGUMENTS_HPP */
