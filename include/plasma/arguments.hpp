/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What calls take: text, bytes, values in a row, and times.
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

/** A time-out: do not wait. */
inline constexpr int64_t kNoWait = 0;
/** A time-out: wait for ever. */
inline constexpr int64_t kForever = -1;

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

/**
 * Values in a row, borrowed: what std::span is in C++20, and made from it.
 *
 * Of T that may be written it is made from what may be written: an array, a
 * vector or another container of just T, but no temporary one.
 */
template <typename T> class Span {
    /* Whether a container lends values of T: the same values, so that the
     * next is where it is looked for, with no more rights than they give. */
    template <typename Container>
    using IfItLends = std::enable_if_t<
        std::is_convertible_v<
            std::remove_pointer_t<
                decltype(std::declval<Container &>().data())> (*)[],
            T (*)[]> &&
            !std::is_same_v<std::remove_const_t<Container>, Span>,
        int>;

public:
    /** None. */
    Span() noexcept = default;
    /** That many at that place. */
    Span(T *data, size_t size) noexcept : data_(data), size_(size) {}
    /** The elements of an array. */
    template <size_t N> Span(T (&array)[N]) noexcept : data_(array), size_(N) {}
    /** The elements of a vector, an array or a MutableBuffer. */
    template <typename Container, IfItLends<Container> = 0>
    Span(Container &values) noexcept
        : data_(values.data()), size_(static_cast<size_t>(values.size()))
    {
    }
    /** The same to read only; and the elements of a span. */
    template <typename Container, IfItLends<const Container> = 0>
    Span(const Container &values) noexcept
        : data_(values.data()), size_(static_cast<size_t>(values.size()))
    {
    }

    /** The first. */
    T *data() const noexcept { return data_; }
    /** How many. */
    size_t size() const noexcept { return size_; }
    /** The first. */
    T *begin() const noexcept { return data_; }
    /** Past the last. */
    T *end() const noexcept { return data_ + size_; }

private:
    T *data_ = nullptr;
    size_t size_ = 0;
};

}  // namespace plasma

#endif  /* PLASMA_ARGUMENTS_HPP */
