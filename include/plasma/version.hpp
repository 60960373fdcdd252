/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The version of C++ that plasma.hpp needs, and the version of the library.
 */

#ifndef PLASMA_VERSION_HPP
#define PLASMA_VERSION_HPP

#include <plasma.h>

#ifdef PLASMA_COMMON_H
#error "plasma.hpp and plasma/client.h do not go into one source file"
#endif
#if __cplusplus < 201703L
#error "plasma.hpp needs C++17; plasma.h does with C++11"
#endif

/** Immutable objects in memory that processes share. */
namespace plasma {

/** Get the version of the loaded library as 0xMMmmpp: plasma_version(). */
inline uint32_t Version() noexcept
{
    return plasma_version();
}

/** Get it as "major.minor.patch": plasma_version_string(). */
inline const char *VersionString() noexcept
{
    return plasma_version_string();
}

}  // namespace plasma

#endif  /* PLASMA_VERSION_HPP */
