/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Helpers of the C++ tests. Each file ends with
 *
 *     int main()
 *     {
 *         return RunTests({ TEST(One), TEST(Two) });
 *     }
 *
 * where TEST(One) is `void TestOne(const Store &store)`. Each test has a store
 * of its own.
 */

#ifndef CHECK_HPP
#define CHECK_HPP

#include <plasma.hpp>

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <unistd.h>

#define CHECK(condition)                                                      \
    do {                                                                      \
        if (!(condition)) {                                                   \
            Fail(__FILE__, __LINE__, #condition, "is false");                 \
        }                                                                     \
    } while (false)

/* A call returns this status. */
#define CHECK_STATUS(call, expected)                                          \
    do {                                                                      \
        const plasma::Status status_ = (call);                                \
        if (status_ != (expected)) {                                          \
            Fail(__FILE__, __LINE__, #call " == " #expected, status_.name()); \
        }                                                                     \
    } while (false)

/* A call succeeds. */
#define CHECK_OK(call)                                                        \
    do {                                                                      \
        const plasma::Status status_ = (call);                                \
        if (!status_.ok()) {                                                  \
            Fail(__FILE__, __LINE__, #call, status_.message());               \
        }                                                                     \
    } while (false)

#define TEST(name) { #name, Test##name }

namespace {

[[noreturn]] inline void Fail(const char *file, int line, const char *what,
                              const char *why)
{
    std::fprintf(stderr, "%s:%d: %s: %s\n", file, line, what, why);
    std::fflush(stderr);
    _exit(1);
}

/* The store of one test. */
class Store {
public:
    explicit Store(const char *test)
        : address_(std::string(std::getenv("PLASMA_TEST_DIR")) + "/" + test)
    {
    }

    const std::string &address() const { return address_; }

    /* A new connection; the first makes the store, of 4 MiB. */
    plasma::ClientContext Connect(uint32_t flags = 0, uint32_t eviction = 0) const
    {
        plasma::ClientContext client;
        plasma::ConnectOptions options;
        options.flags = flags;
        options.capacity = (flags & PLASMA_CONNECT_READ_ONLY) ? 0 : 4 << 20;
        options.eviction = eviction;
        CHECK_OK(client.Connect(address_, options));
        return client;
    }

private:
    std::string address_;
};

struct Test {
    const char *name;
    void (*run)(const Store &store);
};

inline int RunTests(std::initializer_list<Test> tests)
{
    for (const Test &test : tests) {
        const Store store(test.name);
        std::printf("%s\n", test.name);
        std::fflush(stdout);
        test.run(store);
        const plasma::Status removed =
            plasma::ClientContext::RemoveStore(store.address());
        CHECK(removed.ok() || removed == PLASMA_ERR_STORE_NOT_FOUND);
    }
    return 0;
}

/* The id for a number. */
inline plasma::ObjectID IdOf(uint64_t number)
{
    plasma::ObjectID id;
    CHECK_OK(plasma::ObjectID::FromBytes({&number, sizeof number}, id));
    return id;
}

/* The state of an object. */
inline plasma_state_t StateOf(const plasma::ClientContext &client, uint64_t number)
{
    plasma_state_t state = -1;
    CHECK_OK(client.Contains(IdOf(number), state));
    return state;
}

/* The statistics of a store. */
inline plasma::Stats StatsOf(const plasma::ClientContext &client)
{
    plasma::Stats stats;
    CHECK_OK(client.GetStats(stats));
    return stats;
}

}  // namespace

#endif /* CHECK_HPP */
