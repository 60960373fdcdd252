/* Connecting, and each call on a single object or on the store. */

#include "check.hpp"

#include <atomic>
#include <thread>

using plasma::Buffer;
using plasma::ClientContext;
using plasma::MutableBuffer;

namespace {

static_assert(!std::is_copy_constructible_v<ClientContext>);
static_assert(!std::is_copy_assignable_v<ClientContext>);
static_assert(std::is_nothrow_move_constructible_v<ClientContext>);
static_assert(std::is_nothrow_move_assignable_v<ClientContext>);
static_assert(sizeof(ClientContext) == sizeof(void *));

void TestAClientLeavesAtTheEndOfItsScope(const Store &store)
{
    const ClientContext client = store.Connect();

    CHECK(client.address() == store.address());
    {
        const ClientContext other = store.Connect();
        CHECK(StatsOf(client).clients == 2);
    }
    CHECK(StatsOf(client).clients == 1);
}

void TestAClientIsMovedLeftAndConnectedAnew(const Store &store)
{
    const ClientContext witness = store.Connect();
    ClientContext first, second;

    CHECK(!first && first.address() == nullptr);
    CHECK_STATUS(first.Interrupt(), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_OK(first.Connect(store.address()));
    second = std::move(first);
    CHECK(!first && second && StatsOf(witness).clients == 2);
    CHECK_OK(second.Connect(store.address())); /* and disconnects from the first */
    CHECK(StatsOf(witness).clients == 2);
    CHECK_STATUS(second.Connect("no/such/directory"), PLASMA_ERR_STORE_NOT_FOUND);
    CHECK(second && StatsOf(witness).clients == 2);
    second.Disconnect();
    second.Disconnect();
    CHECK(!second && StatsOf(witness).clients == 1);
    plasma_client_t *c = store.Connect().Detach();
    CHECK(StatsOf(witness).clients == 2);
    CHECK(ClientContext(c).c() == c);
    CHECK(StatsOf(witness).clients == 1);
}

void TestTheAddressComesFromTheEnvironment(const Store &store)
{
    ClientContext client;

    CHECK(setenv("PLASMA_STORE", store.address().c_str(), 1) == 0);
    CHECK_OK(client.Connect());
    CHECK(client.address() == store.address());
    CHECK_OK(ClientContext::RemoveStore());
    CHECK_STATUS(ClientContext::RemoveStore(), PLASMA_ERR_STORE_NOT_FOUND);
    CHECK_STATUS(client.PutObject(IdOf(1), "one"), PLASMA_ERR_STORE_GONE);
}

void TestOneClientServesManyThreads(const Store &store)
{
    const ClientContext client = store.Connect();
    std::atomic<uint64_t> bytes{0};
    std::vector<std::thread> threads;

    for (uint64_t number = 0; number < 4; number++) {
        threads.emplace_back([&client, &bytes, number] {
            Buffer buffer;
            CHECK_OK(client.PutObject(IdOf(number), "four"));
            CHECK_OK(client.GetObject(IdOf((number + 1) % 4), buffer));
            bytes += buffer.size();
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    CHECK(bytes == 16);
}

void TestAnInterruptEndsAWait(const Store &store)
{
    const ClientContext client = store.Connect();
    std::atomic<bool> over{false};
    std::thread waiter([&] {
        Buffer buffer;
        CHECK_STATUS(client.GetObject(IdOf(1), buffer), PLASMA_ERR_INTERRUPTED);
        over = true;
    });

    while (!over) { /* the call may not wait yet */
        CHECK_OK(client.Interrupt());
        std::this_thread::yield();
    }
    waiter.join();
}

void TestANameIsFoundAndGot(const Store &store)
{
    const ClientContext client = store.Connect();
    MutableBuffer writable;
    Buffer buffer;
    plasma::ObjectID id;
    plasma::CreateOptions options;

    options.flags = PLASMA_CREATE_ZEROED;
    CHECK_OK(client.BuildObject(IdOf(1), 3, writable, "a name", options));
    CHECK_STATUS(client.GetObjectByName("a name", buffer, plasma::kNoWait),
                 PLASMA_ERR_NOT_SEALED);
    CHECK_OK(client.Lookup("a name", id));
    CHECK(id == IdOf(1));
    CHECK_OK(writable.Seal());
    CHECK_OK(client.GetObjectByName("a name", buffer));
    CHECK(buffer.view() == std::string_view("\0\0\0", 3));
    CHECK_STATUS(client.BuildObject(IdOf(2), 3, writable, "a name"),
                 PLASMA_ERR_NAME_EXISTS);
}

void TestTimeOutsAreKept(const Store &store)
{
    const ClientContext client = store.Connect();
    Buffer buffer;

    CHECK_STATUS(client.GetObject(IdOf(1), buffer, 1), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(client.GetObjectByName("none", buffer, 1), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(client.GetObject(IdOf(1), buffer, -2),
                 PLASMA_ERR_INVALID_ARGUMENT);
}

void TestOneOfManyBuildsAndTheOthersGet(const Store &store)
{
    const ClientContext client = store.Connect();
    Buffer buffer;
    MutableBuffer writable;

    CHECK_OK(client.GetOrBuildObject(IdOf(1), 3, buffer, writable));
    CHECK(!buffer && writable && writable.size() == 3);
    MutableBuffer none;
    CHECK_STATUS(client.GetOrBuildObject(IdOf(1), 3, buffer, none,
                                         plasma::CreateOptions(),
                                         plasma::kNoWait),
                 PLASMA_ERR_NOT_SEALED);
    std::memcpy(writable.mutable_data(), "one", 3);
    CHECK_OK(writable.Seal());
    CHECK_OK(client.GetOrBuildObject(IdOf(1), 3, buffer, writable));
    CHECK(buffer.view() == "one" && !writable && !writable.sealed());
}

void TestObjectsAreDeletedAndPinned(const Store &store)
{
    const ClientContext client = store.Connect(0, PLASMA_EVICTION_LRU);
    uint64_t evicted = 0;

    CHECK_OK(client.PutObject(IdOf(1), "one"));
    CHECK_OK(client.PutObject(IdOf(2), "two"));
    CHECK_OK(client.PinObject(IdOf(1)));
    CHECK_OK(client.Evict(UINT64_MAX, evicted));
    CHECK(evicted == 3 && StateOf(client, 2) == PLASMA_STATE_ABSENT);
    CHECK_OK(client.UnpinObject(IdOf(1)));
    CHECK_STATUS(client.UnpinObject(IdOf(2)), PLASMA_ERR_NOT_FOUND);
    CHECK_OK(client.DeleteObject(IdOf(1)));
    CHECK_STATUS(client.DeleteObject(IdOf(1)), PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(client.PinObject(IdOf(1)), PLASMA_ERR_NOT_FOUND);
}

void TestMemoryIsGivenBack(const Store &store)
{
    const ClientContext client = store.Connect();
    uint64_t reaped = 1, returned = 0;

    CHECK_OK(client.PutObject(IdOf(1), std::vector<uint8_t>(1 << 20)));
    CHECK_OK(client.DeleteObject(IdOf(1)));
    CHECK_OK(client.Reap(reaped));
    CHECK(reaped == 0 && StatsOf(client).used == 0);
    CHECK_OK(client.Trim(0, returned));
    CHECK(returned >= 1 << 20);
}

void TestAStoreIsLookedAt(const Store &store)
{
    const ClientContext client = store.Connect();
    const ClientContext reader = store.Connect(PLASMA_CONNECT_READ_ONLY);
    plasma::ObjectInfo info;
    plasma::CheckReport report;

    CHECK_OK(client.PutObject(IdOf(1), "one"));
    CHECK(StatsOf(reader).objects_sealed == 1 && StatsOf(reader).clients == 2);
    CHECK_OK(reader.GetObjectInfo(IdOf(1), info));
    CHECK(info.data_size == 3 && info.creator_pid == getpid());
    CHECK_STATUS(reader.GetObjectInfo(IdOf(2), info), PLASMA_ERR_NOT_FOUND);
    CHECK_OK(client.CheckStore(report));
    CHECK(report.problem_count == 0 && report.objects == 1);
    CHECK_STATUS(reader.PutObject(IdOf(2), "two"), PLASMA_ERR_READ_ONLY);
}

}  // namespace

int main()
{
    return RunTests({
        TEST(AClientLeavesAtTheEndOfItsScope),
        TEST(AClientIsMovedLeftAndConnectedAnew),
        TEST(TheAddressComesFromTheEnvironment),
        TEST(OneClientServesManyThreads),
        TEST(AnInterruptEndsAWait),
        TEST(ANameIsFoundAndGot),
        TEST(TimeOutsAreKept),
        TEST(OneOfManyBuildsAndTheOthersGet),
        TEST(ObjectsAreDeletedAndPinned),
        TEST(MemoryIsGivenBack),
        TEST(AStoreIsLookedAt),
    });
}
