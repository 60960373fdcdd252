/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Stores by the name that programs pass as the path of a socket. Only for
 * client.h.
 */

#ifndef PLASMA_COMPAT_ADDRESS_H
#define PLASMA_COMPAT_ADDRESS_H

#include <plasma/compat/status.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <unistd.h>

namespace plasma {
inline namespace for_arrow {
namespace internal {

/* The facts in the file of plasma_store beside the store's path. */
struct Named {
    /* The capacity that was asked for, or 0; the store's may be larger. */
    int64_t capacity = 0;
    /* Whether clients move evicted objects to files. */
    bool spills = false;
};

inline Named NamedBy(const std::string &path)
{
    Named named;
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line) || line != "plasma-store-link 1") {
        return named;
    }
    std::getline(file, line);  // The path, which plasma_connect() follows.
    for (int facts = 0; facts < 16 && std::getline(file, line); facts++) {
        const size_t end = line.find(' ');
        if (line.compare(0, end, "capacity") == 0 && end != line.npos) {
            named.capacity = std::strtoll(line.c_str() + end, nullptr, 10);
        }
        named.spills = named.spills || line.compare(0, end, "spill") == 0;
    }
    return named;
}

/* As of a socket, a name is a path, except a word that is no file here. */
inline std::string PathOf(const std::string &name)
{
    const bool is_file = name.find('/') == std::string::npos &&
                         access(name.c_str(), F_OK) == 0;
    return is_file ? "./" + name : name;
}

/* A client of the store with a name. The server that was started a moment ago
 * may not have made it yet, and may replace another file. */
inline arrow::Status Open(const std::string &name, int retries,
                          plasma_client_t **client, Named *named)
{
    constexpr int kRetries = 80;
    constexpr auto kPause = std::chrono::milliseconds(100);
    if (name.find('\0') != std::string::npos) {
        return arrow::Status::Invalid("a NUL in the name of a store");
    }
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    options.flags = PLASMA_CONNECT_EXISTING;
    for (int left = retries < 0 ? kRetries : retries;; left--) {
        const std::string path = PathOf(name);
        const plasma_status_t status =
            plasma_connect(path.c_str(), &options, client);
        if (status == PLASMA_OK) {
            *named = NamedBy(path);
            return arrow::Status::OK();
        }
        const bool may_come = status == PLASMA_ERR_STORE_NOT_FOUND ||
                              status == PLASMA_ERR_STORE_GONE ||
                              status == PLASMA_ERR_NOT_A_STORE;
        if (!may_come || left <= 0) {
            return arrow::Status::IOError("Could not connect to socket ", name,
                                          ": ", plasma_error_message());
        }
        std::this_thread::sleep_for(kPause);
    }
}

}  // namespace internal
}  // namespace for_arrow
}  // namespace plasma

#endif  /* PLASMA_COMPAT_ADDRESS_H */
