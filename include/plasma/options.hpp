/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Options of connecting and of creating objects.
 */

#ifndef PLASMA_OPTIONS_HPP
#define PLASMA_OPTIONS_HPP

#include <plasma/arguments.hpp>

#include <type_traits>

namespace plasma {

/**
 * Options of Connect(): the fields of plasma_connect_options_t, initialized.
 */
struct ConnectOptions : plasma_connect_options_t {
    /** All defaults. */
    ConnectOptions() noexcept
        : plasma_connect_options_t PLASMA_CONNECT_OPTIONS_INIT
    {
    }
};

/** One entry of an object's metadata, borrowed: a plasma_metadata_t. */
struct Metadata : plasma_metadata_t {
    /** Borrows the name and the bytes. */
    Metadata(const char *name, const Bytes &bytes) noexcept
        : plasma_metadata_t{name, bytes.data(), bytes.size()}
    {
    }
};

/** Options of creating: the fields of plasma_create_options_t, initialized. */
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

/* C takes arrays of these as arrays of its own type. */
static_assert(sizeof(Metadata) == sizeof(plasma_metadata_t) &&
              std::is_standard_layout_v<Metadata>);

}  // namespace plasma

#endif  /* PLASMA_OPTIONS_HPP */
