/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Helpers of the tests of plasma/client.h. main.cpp lists the tests, each of
 * which gets the address of a store of 10 MB, as of plasma_store.
 */

#ifndef CHECK_H
#define CHECK_H

#include <plasma/client.h>

#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                      \
    do {                                                                      \
        if (!(condition)) {                                                   \
            std::fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__,  \
                         #condition);                                         \
            _exit(1);                                                         \
        }                                                                     \
    } while (false)

/* A call succeeds. */
#define CHECK_OK(call)                                                        \
    do {                                                                      \
        const arrow::Status status_ = (call);                                 \
        if (!status_.ok()) {                                                  \
            std::fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__,       \
                         #call, status_.ToString().c_str());                  \
            _exit(1);                                                         \
        }                                                                     \
    } while (false)

/* The id of 20 equal bytes. */
inline plasma::ObjectID IdOf(char byte)
{
    return plasma::ObjectID::from_binary(std::string(20, byte));
}

/* A client of a store. */
struct Connected : plasma::PlasmaClient {
    explicit Connected(const std::string &address)
    {
        CHECK_OK(Connect(address));
    }
    bool Has(const plasma::ObjectID &id)
    {
        bool has = false;
        CHECK_OK(Contains(id, &has));
        return has;
    }
    /* A sealed object, of which this client has one reference. */
    void Make(const plasma::ObjectID &id, const std::string &text,
              const std::string &metadata = "")
    {
        std::shared_ptr<Buffer> data;
        CHECK_OK(Create(id, static_cast<int64_t>(text.size()),
                        reinterpret_cast<const uint8_t *>(metadata.data()),
                        static_cast<int64_t>(metadata.size()), &data));
        std::memcpy(data->mutable_data(), text.data(), text.size());
        CHECK_OK(Seal(id));
    }
    plasma::ObjectBuffer Got(const plasma::ObjectID &id, int64_t timeout_ms = 0)
    {
        std::vector<plasma::ObjectBuffer> buffers;
        CHECK_OK(Get({id}, timeout_ms, &buffers));
        CHECK(buffers.size() == 1);
        return buffers[0];
    }
};

/* The blobs that main.cpp and test_cpp_client.py agree on. */
inline std::string LargeBlob()
{
    return std::string(100000, 'L');
}

#endif  /* CHECK_H */
