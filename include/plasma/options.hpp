/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * How to connect, and how to create an object.
 */

#ifndef PLASMA_OPTIONS_HPP
#define PLASMA_OPTIONS_HPP

#include <plasma/arguments.hpp>

#include <type_traits>

namespace plasma {

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

/* Arrays of these are passed to C as arrays of what they hold. */
static_assert(sizeof(Metadata) == sizeof(plasma_metadata_t) &&
              std::is_standard_layout_v<Metadata>);

}  // namespace plasma

#endif  /* PLASMA_OPTIONS_HPP */
