/* Calls with many objects. */

#include "check.hpp"

using plasma::Buffer;
using plasma::ClientContext;
using plasma::ObjectID;
using plasma::Status;

namespace {

void TestManyArePutGotAndDeleted(const Store &store)
{
    const ClientContext client = store.Connect();
    const std::vector<ObjectID> ids{IdOf(1), IdOf(2), IdOf(3)};
    const std::vector<const void *> datas{"one", "two", "three"};
    const std::vector<uint64_t> sizes{3, 3, 5};
    std::vector<Status> statuses;
    std::vector<Buffer> buffers;

    CHECK_OK(client.PutObjects(ids, datas, sizes, statuses));
    CHECK(statuses == std::vector<Status>(3));
    CHECK_OK(client.GetObjects(ids, buffers, statuses));
    CHECK(buffers.size() == 3 && buffers[2].view() == "three");
    CHECK(statuses == std::vector<Status>(3) && StatsOf(client).leases == 3);
    CHECK_OK(client.GetObjects(ids, buffers, statuses)); /* replaces those */
    CHECK(StatsOf(client).leases == 3);
    CHECK_OK(Buffer::ReleaseMany({buffers.data(), buffers.size()}));
    CHECK(!buffers[0] && StatsOf(client).leases == 0);
    CHECK_OK(client.DeleteObjects(ids, statuses));
    CHECK(statuses == std::vector<Status>(3));
    CHECK(StatsOf(client).objects_sealed == 0);
}

void TestPartsMakeOneObject(const Store &store)
{
    const ClientContext client = store.Connect();
    const std::vector<const void *> parts{"one", nullptr, "three"};
    const std::vector<uint64_t> sizes{3, 0, 5};
    Buffer buffer;

    CHECK_OK(client.PutParts(IdOf(1), parts, sizes));
    CHECK_OK(client.GetObject(IdOf(1), buffer));
    CHECK(buffer.view() == "onethree");
    CHECK_STATUS(client.PutParts(IdOf(2), parts, {sizes.data(), 2}), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_OK(client.PutParts(IdOf(2), {}, {}));
    CHECK_OK(client.GetObject(IdOf(2), buffer));
    CHECK(buffer.view().empty());
}

void TestEachHasItsStatus(const Store &store)
{
    const ClientContext client = store.Connect();
    const ObjectID ids[] = {IdOf(1), IdOf(2)};
    const void *datas[] = {"one", "two"};
    const uint64_t sizes[] = {3, 3};
    std::vector<Status> statuses;
    std::vector<Buffer> buffers;

    CHECK_OK(client.PutObject(IdOf(1), "first"));
    CHECK_STATUS(client.PutObjects(ids, datas, sizes, statuses), PLASMA_ERR_EXISTS);
    CHECK(statuses[0] == PLASMA_ERR_EXISTS && statuses[1] == PLASMA_OK);
    CHECK_OK(client.DeleteObject(IdOf(1)));
    CHECK_STATUS(client.GetObjects(ids, buffers, statuses, plasma::kNoWait),
                 PLASMA_ERR_NOT_FOUND);
    CHECK(statuses[0] == PLASMA_ERR_NOT_FOUND && statuses[1] == PLASMA_OK);
    CHECK(!buffers[0] && buffers[1].view() == "two");
    CHECK_STATUS(client.DeleteObjects(ids, statuses), PLASMA_ERR_NOT_FOUND);
    CHECK(statuses[0] == PLASMA_ERR_NOT_FOUND && statuses[1] == PLASMA_OK);
    CHECK(buffers[1].view() == "two");
}

void TestTheSameIdTwiceIsTwoLeases(const Store &store)
{
    const ClientContext client = store.Connect();
    const std::vector<ObjectID> ids(2, IdOf(1));
    std::vector<Status> statuses;
    std::vector<Buffer> buffers;

    CHECK_OK(client.PutObject(IdOf(1), "one"));
    CHECK_OK(client.GetObjects(ids, buffers, statuses));
    CHECK_OK(buffers[0].Release());
    CHECK(buffers[1].view() == "one");
}

void TestRowsOfAnotherLengthAreRefused(const Store &store)
{
    const ClientContext client = store.Connect();
    const std::vector<ObjectID> ids{IdOf(1), IdOf(2)};
    const std::vector<const void *> datas{"one"};
    const std::vector<uint64_t> sizes{3, 3};
    std::vector<Status> statuses;
    std::vector<Buffer> buffers;
    std::vector<uint8_t> ready;
    size_t ready_count = 7;

    CHECK_STATUS(client.PutObjects(ids, datas, sizes, statuses),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK(statuses == std::vector<Status>(2, PLASMA_ERR_INVALID_ARGUMENT));
    CHECK(StateOf(client, 1) == PLASMA_STATE_ABSENT);
    CHECK_STATUS(client.GetObjects(ids, buffers, statuses, -5),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK(statuses == std::vector<Status>(2, PLASMA_ERR_INVALID_ARGUMENT));
    CHECK(buffers.size() == 2 && !buffers[0]);
    CHECK_STATUS(client.WaitForObjects(ids, 3, ready, ready_count),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK(ready_count == 7);
}

void TestNoneIsFine(const Store &store)
{
    const ClientContext client = store.Connect();
    std::vector<Status> statuses(1);
    std::vector<Buffer> buffers(1);
    std::vector<uint8_t> ready(1);
    size_t ready_count = 7;

    CHECK_OK(client.PutObjects({}, {}, {}, statuses));
    CHECK_OK(client.GetObjects({}, buffers, statuses));
    CHECK_OK(client.DeleteObjects({}, statuses));
    CHECK_OK(client.WaitForObjects({}, 0, ready, ready_count));
    CHECK(statuses.empty() && buffers.empty() && ready.empty() && ready_count == 0);
}

void TestAWaitSaysWhichAreReady(const Store &store)
{
    const ClientContext client = store.Connect();
    const ObjectID ids[] = {IdOf(1), IdOf(2)};
    std::vector<uint8_t> ready;
    size_t ready_count = 0;

    CHECK_OK(client.PutObject(IdOf(2), "two"));
    CHECK_OK(client.WaitForObjects(ids, 1, ready, ready_count));
    CHECK(ready_count == 1 && ready[0] == 0 && ready[1] == 1);
    CHECK_STATUS(client.WaitForObjects(ids, 0, ready, ready_count, 1),
                 PLASMA_ERR_TIMEOUT);
    CHECK(ready_count == 1 && ready[0] == 0 && ready[1] == 1);
}

}  // namespace

int main()
{
    return RunTests({
        TEST(ManyArePutGotAndDeleted),
        TEST(PartsMakeOneObject),
        TEST(EachHasItsStatus),
        TEST(TheSameIdTwiceIsTwoLeases),
        TEST(RowsOfAnotherLengthAreRefused),
        TEST(NoneIsFine),
        TEST(AWaitSaysWhichAreReady),
    });
}
