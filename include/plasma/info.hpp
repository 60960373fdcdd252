/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Facts about objects, clients and the store.
 */

#ifndef PLASMA_INFO_HPP
#define PLASMA_INFO_HPP

#include <plasma/version.hpp>

namespace plasma {

/** Facts about an object: the fields of plasma_object_info_t. */
struct ObjectInfo : plasma_object_info_t {
    /** Empty: all fields are 0 except struct_size. */
    ObjectInfo() noexcept : plasma_object_info_t PLASMA_OBJECT_INFO_INIT {}
};

/** Facts about a client: the fields of plasma_client_info_t. */
struct ClientInfo : plasma_client_info_t {
    /** Empty: all fields are 0 except struct_size. */
    ClientInfo() noexcept : plasma_client_info_t PLASMA_CLIENT_INFO_INIT {}
};

/** Statistics and options of a store: the fields of plasma_stats_t. */
struct Stats : plasma_stats_t {
    /** Empty: all fields are 0 except struct_size. */
    Stats() noexcept : plasma_stats_t PLASMA_STATS_INIT {}
};

/** An event of a store: the fields of plasma_event_t. */
struct Event : plasma_event_t {
    /** Empty: all fields are 0 except struct_size. */
    Event() noexcept : plasma_event_t PLASMA_EVENT_INIT {}
};

/** The result of a check: the fields of plasma_check_report_t. Experimental. */
struct CheckReport : plasma_check_report_t {
    /** Empty: all fields are 0 except struct_size. */
    CheckReport() noexcept : plasma_check_report_t PLASMA_CHECK_REPORT_INIT {}
};

}  // namespace plasma

#endif  /* PLASMA_INFO_HPP */
