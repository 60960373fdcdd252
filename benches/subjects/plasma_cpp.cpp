/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Plasma through its C++ header: the cost of its owner types beside the C API,
 * with the same workloads as plasma_single.c.
 */

#include "../bench.h"

#include <plasma.hpp>
#include <string>
#include <vector>

using plasma::ThrowOnError;

/** A store for the time of a workload, with room for its objects. */
class Store {
public:
    Store(uint64_t objects, uint64_t max_objects, uint64_t size,
          bool huge_pages = false)
        : ids_(max_objects),
          source_(static_cast<uint8_t *>(
              aligned_alloc(4096, (size + 4095) & ~UINT64_C(4095)))),
          size_(size)
    {
        plasma::ConnectOptions options;

        NEED(source_ != nullptr);
        memset(source_, 7, size);
        for (uint64_t at = 0; at < max_objects; at++) {
            ThrowOnError(
                plasma::ObjectID::FromBytes({ &at, sizeof at }, ids_[at]));
        }
        options.flags |= PLASMA_CONNECT_EXCLUSIVE;
        options.max_objects = max_objects + 1024;
        options.capacity =
            (UINT64_C(64) << 20) + objects * ((size + 63) & ~UINT64_C(63));
        options.huge_pages = huge_pages;
        ThrowOnError(client_.Connect(address_, options));
    }

    ~Store()
    {
        client_.Disconnect();
        static_cast<void>(plasma::ClientContext::RemoveStore(address_));
        free(source_);
    }

    Store(const Store &) = delete;
    Store &operator=(const Store &) = delete;

    uint64_t objects() const { return ids_.size(); }

    void Get(uint64_t which) const
    {
        plasma::Buffer buffer;
        ThrowOnError(client_.GetObject(ids_[which], buffer, plasma::kNoWait));
        touch(buffer.data());
    }

    void Create(uint64_t at) const
    {
        plasma::MutableBuffer writable;
        ThrowOnError(client_.BuildObject(id(at), size_, writable));
        memcpy(writable.mutable_data(), source_, size_);
        ThrowOnError(writable.Seal());
    }

    void Put(uint64_t at) const
    {
        ThrowOnError(client_.PutObject(id(at), { source_, size_ }));
    }

    void Delete(uint64_t at) const
    {
        ThrowOnError(client_.DeleteObject(id(at)));
    }

    void Trim() const
    {
        uint64_t returned = 0;
        ThrowOnError(client_.Trim(0, returned));
    }

private:
    const plasma::ObjectID &id(uint64_t at) const
    {
        return ids_[at % ids_.size()];
    }

    const std::string address_ = "bench-cpp-" + std::to_string(getpid());
    plasma::ClientContext client_;
    std::vector<plasma::ObjectID> ids_;
    uint8_t *source_;
    uint64_t size_;
};

/* ---- Workloads ---- */

struct gets {
    const Store *store;
    uint64_t random;
};

static void get_hot(void *state, uint64_t)
{
    static_cast<struct gets *>(state)->store->Get(0);
}

static void get_random(void *state, uint64_t)
{
    auto *gets = static_cast<struct gets *>(state);

    gets->store->Get(pick(&gets->random, gets->store->objects()));
}

static void create_one(void *state, uint64_t at)
{
    static_cast<const Store *>(state)->Create(at);
}

static void put_one(void *state, uint64_t at)
{
    static_cast<const Store *>(state)->Put(at);
}

static void delete_one(void *state, uint64_t at)
{
    static_cast<const Store *>(state)->Delete(at);
}

static void get()
{
    const uint64_t objects = number_arg("objects", 1000);
    const Store store(objects, objects, number_arg("size", 100));
    struct gets gets = { &store, 1 };

    for (uint64_t at = 0; at < objects; at++) {
        store.Put(at);
    }
    time_operation("get", arg_is("order", "random") ? get_random : get_hot,
                   &gets, 0);
}

static void create()
{
    const uint64_t batch = number_arg("batch", 100);
    const uint64_t size = number_arg("size", 100);
    Store store(2 * batch, 64 * batch, size);

    time_pair("create", create_one, "delete", delete_one, &store, batch,
              static_cast<double>(size));
}

static void put()
{
    const uint64_t size = number_arg("size", UINT64_C(1) << 20);
    const uint64_t end = now_ns() + 3 * time_to_spend();
    struct samples samples = { nullptr, 0, 0 };

    if (number_arg("threads", 1) != 1) {
        exit(UNSUPPORTED); /* PutObject() decides by itself */
    }
    Store store(2, 64, size, true);
    if (!arg_is("memory", "fresh")) {
        time_pair("put", put_one, "delete", delete_one, &store, 1,
                  static_cast<double>(size));
        return;
    }
    for (uint64_t at = 0; now_ns() < end || samples.count < 3; at++) {
        const uint64_t start = now_ns();
        store.Put(at);
        add_sample(&samples, static_cast<double>(now_ns() - start)
                                 - clock_cost());
        store.Delete(at);
        store.Trim();
    }
    print_latency("put", &samples, nullptr, static_cast<double>(size));
}

int main(int argc, char **argv)
{
    static const struct workload workloads[] = {
        { "get", get },
        { "create", create },
        { "put", put },
    };

    try {
        return run_workload(argc, argv, workloads,
                            sizeof workloads / sizeof workloads[0]);
    } catch (const plasma::Error &error) {
        fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
