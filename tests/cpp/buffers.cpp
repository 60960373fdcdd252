/* Buffers of both kinds, and their owners. */

#include "check.hpp"

#include <algorithm>
#include <sys/wait.h>
#if __cplusplus > 201703L
#include <ranges>
#include <span>
#endif

using plasma::Buffer;
using plasma::ClientContext;
using plasma::MutableBuffer;

namespace {

static_assert(!std::is_copy_constructible_v<Buffer>);
static_assert(!std::is_copy_assignable_v<Buffer>);
static_assert(std::is_nothrow_move_constructible_v<Buffer>);
static_assert(std::is_nothrow_move_assignable_v<Buffer>);
static_assert(!std::is_copy_constructible_v<MutableBuffer>);
static_assert(!std::is_copy_assignable_v<MutableBuffer>);
static_assert(std::is_nothrow_move_constructible_v<MutableBuffer>);
static_assert(std::is_nothrow_move_assignable_v<MutableBuffer>);

#if __cplusplus > 201703L
static_assert(std::ranges::contiguous_range<const Buffer>);
static_assert(std::ranges::sized_range<const Buffer>);
#endif

void Put(const ClientContext &client, uint64_t number, const char *text)
{
    CHECK_OK(client.PutObject(IdOf(number), text));
}

Buffer Get(const ClientContext &client, uint64_t number)
{
    Buffer buffer;
    CHECK_OK(client.GetObject(IdOf(number), buffer, plasma::kNoWait));
    return buffer;
}

void TestABufferIsAViewOfItsObject(const Store &store)
{
    const ClientContext client = store.Connect();

    Put(client, 1, "0123456789");
    const Buffer buffer = Get(client, 1);
    CHECK(buffer && !buffer.empty() && buffer.size() == 10);
    CHECK(buffer.view() == "0123456789");
    CHECK(*buffer.data() == '0' && *buffer.data(9) == '9');
    CHECK(std::equal(buffer.begin(), buffer.end(), "0123456789"));
    CHECK(buffer.c()->data == buffer.data());
#if __cplusplus > 201703L
    CHECK(std::span<const uint8_t>(buffer).subspan(3)[0] == '3');
#endif
    CHECK_OK(client.PutObject(IdOf(2), buffer)); /* bytes like any other */
    CHECK(Get(client, 2).view() == buffer.view());
}

void TestAnEmptyObjectIsNotNone(const Store &store)
{
    const ClientContext client = store.Connect();
    const Buffer none;

    Put(client, 1, "");
    const Buffer buffer = Get(client, 1);
    CHECK(buffer && buffer.empty() && buffer.data() != nullptr);
    CHECK(buffer.view().empty() && buffer.begin() == buffer.end());
    CHECK(!none && none.empty() && none.data() == nullptr && none.view().empty());
}

void TestALeaseEndsWithItsScope(const Store &store)
{
    const ClientContext client = store.Connect();

    Put(client, 1, "one");
    {
        const Buffer buffer = Get(client, 1);
        CHECK(StatsOf(client).leases == 1);
    }
    CHECK(StatsOf(client).leases == 0);
}

void TestAMoveTakesTheLease(const Store &store)
{
    const ClientContext client = store.Connect();

    Put(client, 1, "one");
    Put(client, 2, "two");
    Buffer first = Get(client, 1);
    Buffer second(std::move(first));
    CHECK(!first && second.view() == "one");
    first = Get(client, 2);
    CHECK(StatsOf(client).leases == 2);
    second = std::move(first); /* releases "one" */
    CHECK(!first && second.view() == "two");
    CHECK(StatsOf(client).leases == 1);
    Buffer &same = second;
    second = std::move(same);
    CHECK(second.view() == "two");
    CHECK_OK(second.Release());
    CHECK(!second && StatsOf(client).leases == 0);
    CHECK_OK(second.Release());
}

void TestAFailedCallLeavesWhatWasHeld(const Store &store)
{
    const ClientContext client = store.Connect();

    Put(client, 1, "one");
    Buffer buffer = Get(client, 1);
    CHECK_STATUS(client.GetObject(IdOf(2), buffer, plasma::kNoWait),
                 PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(client.GetObjectByName("none", buffer, plasma::kNoWait),
                 PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(Buffer().Retain(buffer), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK(buffer.view() == "one" && StatsOf(client).leases == 1);
    Put(client, 2, "two");
    CHECK_OK(client.GetObject(IdOf(2), buffer));
    CHECK(buffer.view() == "two" && StatsOf(client).leases == 1);
}

void TestACopyIsAskedFor(const Store &store)
{
    const ClientContext client = store.Connect();
    Buffer copy;

    Put(client, 1, "one");
    Buffer buffer = Get(client, 1);
    CHECK_OK(buffer.Retain(copy));
    CHECK_OK(buffer.Release());
    CHECK_OK(client.DeleteObject(IdOf(1)));
    CHECK(copy.view() == "one");
}

void TestBuffersGoToCAndBack(const Store &store)
{
    const ClientContext client = store.Connect();

    Put(client, 1, "one");
    plasma_buffer_t c = Get(client, 1).Detach();
    CHECK(c.size == 3 && StatsOf(client).leases == 1);
    {
        const Buffer taken(c);
        CHECK(taken.view() == "one");
    }
    CHECK(StatsOf(client).leases == 0);
    CHECK_STATUS(plasma_release(&c), PLASMA_ERR_INVALID_ARGUMENT);
    Buffer filled;
    CHECK_OK(plasma_get(client.c(), IdOf(1).c(), 0, filled.c()));
    CHECK(filled.view() == "one");
}

void TestMetadataIsRead(const Store &store)
{
    const ClientContext client = store.Connect();
    MutableBuffer writable;
    Buffer buffer;
    plasma::ObjectInfo info;
    std::string_view key, value = "as before";
    uint64_t count = 0;

    CHECK_OK(client.BuildObject(IdOf(1), 0, writable));
    CHECK_OK(writable.SetMetadata("format", "arrow"));
    CHECK_OK(writable.SetMetadata(std::string("raw"), {"\0\1", 2}));
    CHECK_OK(writable.SealAndGet(buffer));
    CHECK_STATUS(buffer.GetMetadata("none", value), PLASMA_ERR_NOT_FOUND);
    CHECK(value == "as before");
    CHECK_OK(buffer.GetMetadata("format", value));
    CHECK(value == "arrow");
    CHECK_OK(buffer.GetMetadata(std::string_view("raw"), value));
    CHECK(value == std::string_view("\0\1", 2));
    CHECK_OK(buffer.CountMetadata(count));
    CHECK(count == 2);
    bool found = false;
    for (uint64_t at = 0; at < count; at++) {
        CHECK_OK(buffer.MetadataAt(at, key, value));
        found = found || (key == "format" && value == "arrow");
    }
    CHECK(found);
    CHECK_STATUS(buffer.MetadataAt(2, key, value), PLASMA_ERR_NOT_FOUND);
    CHECK_OK(buffer.GetInfo(info));
    CHECK(info.id == IdOf(1) && info.state == PLASMA_STATE_SEALED);
    CHECK_STATUS(Buffer().CountMetadata(count), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(Buffer().GetInfo(info), PLASMA_ERR_INVALID_ARGUMENT);
}

void TestAnObjectIsWrittenResizedAndSealed(const Store &store)
{
    const ClientContext client = store.Connect();
    MutableBuffer writable;
    Buffer buffer;

    CHECK(!writable && !writable.sealed() && writable.size() == 0);
    CHECK_OK(client.BuildObject(IdOf(1), 4, writable));
    CHECK(writable && !writable.sealed() && writable.size() == 4);
    CHECK(StateOf(client, 1) == PLASMA_STATE_WRITING);
    std::memcpy(writable.mutable_data(), "abcd", 4);
    CHECK_OK(writable.Resize(100000));
    CHECK(writable.size() == 100000 && !writable.empty());
    CHECK(std::memcmp(writable.data(), "abcd", 4) == 0);
    *writable.mutable_data(4) = 'e';
    CHECK(*writable.data(4) == 'e');
    CHECK_STATUS(writable.Resize(uint64_t{1} << 40), PLASMA_ERR_TOO_LARGE);
    CHECK(writable.size() == 100000);
    CHECK_OK(writable.Resize(5));
    CHECK_OK(writable.Seal());
    CHECK(!writable && writable.sealed() && writable.mutable_data() == nullptr);
    CHECK_STATUS(writable.Seal(), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK(writable.sealed());
    CHECK(Get(client, 1).view() == "abcde");
    CHECK_OK(client.BuildObject(IdOf(2), 1, writable)); /* used again */
    CHECK(writable && !writable.sealed());
    *writable.mutable_data() = 'x';
    CHECK_OK(writable.SealAndGet(buffer));
    CHECK(writable.sealed() && buffer.view() == "x");
}

void TestWhatIsNotSealedIsAborted(const Store &store)
{
    const ClientContext client = store.Connect();

    {
        MutableBuffer writable;
        CHECK_OK(client.BuildObject(IdOf(1), 10, writable));
    }
    CHECK(StateOf(client, 1) == PLASMA_STATE_ABSENT);
    MutableBuffer writable;
    CHECK_OK(client.BuildObject(IdOf(1), 10, writable));
    CHECK_OK(client.BuildObject(IdOf(2), 10, writable)); /* aborts 1 */
    CHECK(StateOf(client, 1) == PLASMA_STATE_ABSENT);
    CHECK_STATUS(client.BuildObject(IdOf(2), 10, writable), PLASMA_ERR_EXISTS);
    CHECK(StateOf(client, 2) == PLASMA_STATE_WRITING);
    CHECK_OK(writable.Abort());
    CHECK(!writable && !writable.sealed());
    CHECK(StateOf(client, 2) == PLASMA_STATE_ABSENT);
    CHECK(StatsOf(client).objects_writing == 0);
}

void TestAnObjectFailsAndIsMadeAgainByItsName(const Store &store)
{
    const ClientContext client = store.Connect();
    MutableBuffer writer;
    Buffer buffer;

    CHECK_OK(client.GetOrBuildObjectByName("it", 100, buffer, writer));
    CHECK(writer && !buffer);
    CHECK_OK(writer.Fail("no such table"));
    CHECK(!writer && !writer.sealed());
    CHECK_STATUS(client.GetOrBuildObjectByName("it", 100, buffer, writer),
                 PLASMA_ERR_FAILED);
    CHECK(std::string(plasma::Status::message()) ==
          "the creator failed: no such table");
    CHECK_STATUS(writer.Fail("again"), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_OK(client.DeleteObjectByName("it"));
    CHECK_STATUS(client.DeleteObjectByName("it"), PLASMA_ERR_NOT_FOUND);
    CHECK_OK(client.GetOrBuildObjectByName("it", 3, buffer, writer));
    CHECK_OK(writer.Seal());
    CHECK_OK(client.GetOrBuildObjectByName("it", 3, buffer, writer));
    CHECK(!writer && buffer.size() == 3);
}

void TestAMoveTakesTheWriter(const Store &store)
{
    const ClientContext client = store.Connect();
    MutableBuffer first;

    CHECK_OK(client.BuildObject(IdOf(1), 10, first));
    MutableBuffer second(std::move(first));
    CHECK(!first && second && StateOf(client, 1) == PLASMA_STATE_WRITING);
    CHECK_OK(client.BuildObject(IdOf(2), 10, first));
    second = std::move(first); /* aborts 1 */
    CHECK(!first && StateOf(client, 1) == PLASMA_STATE_ABSENT);
    CHECK_OK(second.Seal());
    first = std::move(second);
    CHECK(first.sealed() && !second.sealed());
}

void TestWritersGoToCAndBack(const Store &store)
{
    const ClientContext client = store.Connect();
    MutableBuffer writable;

    CHECK_OK(client.BuildObject(IdOf(1), 10, writable));
    const plasma_mutable_buffer_t c = writable.Detach();
    CHECK(!writable && StateOf(client, 1) == PLASMA_STATE_WRITING);
    MutableBuffer taken(c);
    CHECK_OK(plasma_resize(taken.c(), 20));
    CHECK(taken.size() == 20);
    CHECK_OK(taken.Seal());
    CHECK(Get(client, 1).size() == 20);
}

void TestBuffersOutliveTheirClient(const Store &store)
{
    Buffer buffer;
    MutableBuffer writable;
    {
        const ClientContext client = store.Connect();
        Put(client, 1, "one");
        buffer = Get(client, 1);
        CHECK_OK(client.BuildObject(IdOf(2), 10, writable));
    }
    CHECK(buffer.view() == "one");
    CHECK_OK(writable.Seal());
    CHECK(Get(store.Connect(), 2).size() == 10);
}

/* Runs in a child of its own, which has to succeed. */
template <typename Body> void InChild(Body body)
{
    const pid_t child = fork();
    int status = -1;
    CHECK(child >= 0);
    if (child == 0) {
        body();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void TestAChildLeavesWhatTheParentHolds(const Store &store)
{
    ClientContext client = store.Connect();
    MutableBuffer writable;

    Put(client, 1, "one");
    Buffer buffer = Get(client, 1);
    CHECK_OK(client.BuildObject(IdOf(2), 10, writable));
    InChild([&] {
        CHECK(buffer.view() == "one");
        CHECK_STATUS(client.DeleteObject(IdOf(1)), PLASMA_ERR_FORKED);
        /* The work of their destructors at the end of a scope. */
        const Buffer inherited(std::move(buffer));
        const MutableBuffer writer(std::move(writable));
        client.Disconnect();
        const ClientContext own = store.Connect();
        CHECK(StateOf(own, 2) == PLASMA_STATE_WRITING);
        CHECK(Get(own, 1).view() == "one");
    });
    CHECK(buffer.view() == "one" && StatsOf(client).leases == 1);
    CHECK_OK(writable.Seal());
}

}  // namespace

int main()
{
    return RunTests({
        TEST(ABufferIsAViewOfItsObject),
        TEST(AnEmptyObjectIsNotNone),
        TEST(ALeaseEndsWithItsScope),
        TEST(AMoveTakesTheLease),
        TEST(AFailedCallLeavesWhatWasHeld),
        TEST(ACopyIsAskedFor),
        TEST(BuffersGoToCAndBack),
        TEST(MetadataIsRead),
        TEST(AnObjectIsWrittenResizedAndSealed),
        TEST(WhatIsNotSealedIsAborted),
        TEST(AnObjectFailsAndIsMadeAgainByItsName),
        TEST(AMoveTakesTheWriter),
        TEST(WritersGoToCAndBack),
        TEST(BuffersOutliveTheirClient),
        TEST(AChildLeavesWhatTheParentHolds),
    });
}
