/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What the store tells of objects, of clients and of itself.
 */

#ifndef PLASMA_INFO_HPP
#define PLASMA_INFO_HPP

#include <plasma/version.hpp>

namespace plasma {

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

}  // namespace plasma

#endif  /* PLASMA_INFO_HPP */
