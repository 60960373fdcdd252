/* Lists as ranges, and subscriptions. */

#include "check.hpp"

#include <poll.h>
#include <set>

using plasma::ClientContext;
using plasma::ClientInfo;
using plasma::ClientList;
using plasma::Event;
using plasma::ObjectID;
using plasma::ObjectInfo;
using plasma::ObjectList;
using plasma::Subscription;

namespace {

static_assert(!std::is_copy_constructible_v<ObjectList>);
static_assert(std::is_nothrow_move_constructible_v<ObjectList>);
static_assert(!std::is_copy_constructible_v<Subscription>);
static_assert(std::is_nothrow_move_assignable_v<Subscription>);

void TestAListIsARange(const Store &store)
{
    const ClientContext client = store.Connect();
    ObjectList list;
    std::set<ObjectID> seen;
    ObjectInfo info;

    CHECK(list.empty() && list.size() == 0 && list.begin() == list.end());
    CHECK_STATUS(list.At(0, info), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_OK(client.PutObject(IdOf(1), "one"));
    CHECK_OK(client.PutObject(IdOf(2), "two"));
    CHECK_OK(client.ListObjects(list));
    CHECK(list.size() == 2 && !list.empty());
    for (const ObjectInfo &object : list) {
        CHECK(object.state == PLASMA_STATE_SEALED && object.data_size == 3);
        seen.insert(object.id);
    }
    CHECK((seen == std::set<ObjectID>{IdOf(1), IdOf(2)}));
    const std::vector<ObjectInfo> copies(list.begin(), list.end());
    CHECK(copies.size() == 2);
    CHECK_OK(list.At(1, info));
    CHECK(info.id == ObjectID(copies[1].id));
    CHECK_STATUS(list.At(2, info), PLASMA_ERR_NOT_FOUND);
    ObjectList::Iterator at = list.begin();
    CHECK(at++->id == ObjectID(copies[0].id));
    CHECK(ObjectID(at->id) == copies[1].id && ++at == list.end());
}

void TestAListOutlivesItsClient(const Store &store)
{
    ObjectList list;
    {
        const ClientContext client = store.Connect();
        CHECK_OK(client.PutObject(IdOf(1), "one"));
        CHECK_OK(client.ListObjects(list));
    }
    ObjectList moved(std::move(list));
    CHECK(list.empty() && moved.size() == 1);
    CHECK(plasma_list_count(moved.c()) == 1);
    list = ObjectList(moved.Detach());
    CHECK(moved.empty() && list.size() == 1);
}

void TestClientsAndHoldersAreListed(const Store &store)
{
    const ClientContext client = store.Connect();
    const ClientContext reader = store.Connect(PLASMA_CONNECT_READ_ONLY);
    plasma::Buffer buffer;
    ClientList list;
    ClientInfo info;

    CHECK_OK(client.PutObject(IdOf(1), "one"));
    CHECK_OK(client.ListClients(list));
    CHECK(list.size() == 2);
    for (const ClientInfo &one : list) {
        CHECK(one.pid == getpid() && one.alive == 1);
    }
    CHECK_OK(client.ListHolders(IdOf(1), list));
    CHECK(list.empty());
    CHECK_OK(reader.GetObject(IdOf(1), buffer));
    CHECK_OK(client.ListHolders(IdOf(1), list));
    CHECK(list.size() == 1);
    CHECK_OK(list.At(0, info));
    CHECK(info.read_only == 1 && info.lease_count == 1);
    CHECK_STATUS(client.ListHolders(IdOf(2), list), PLASMA_ERR_NOT_FOUND);
    CHECK(list.size() == 1);
}

void TestEventsAreTaken(const Store &store)
{
    const ClientContext client = store.Connect();
    Subscription subscription;
    Event event;
    int fd = -1;

    CHECK(!subscription);
    CHECK_STATUS(subscription.Next(event, plasma::kNoWait),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_OK(client.Subscribe(subscription));
    CHECK(subscription && subscription.c() != nullptr);
    CHECK_STATUS(subscription.Next(event, plasma::kNoWait), PLASMA_ERR_TIMEOUT);
    CHECK_OK(subscription.GetFd(fd));
    CHECK_OK(client.PutObject(IdOf(1), "one"));
    pollfd ready = {fd, POLLIN, 0};
    CHECK(poll(&ready, 1, -1) == 1);
    CHECK_OK(subscription.Next(event));
    CHECK(event.type == PLASMA_EVENT_SEALED && event.id == IdOf(1));
    CHECK(event.data_size == 3);
}

void TestListsAndEventsOfNamesThatMatch(const Store &store)
{
    const ClientContext client = store.Connect();
    plasma::CreateOptions named, other;
    Subscription subscription;
    ObjectList list;
    Event event;

    named.name = "data/1";
    other.name = "other";
    CHECK_STATUS(client.SubscribeMatching("", subscription),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK(!subscription);
    CHECK_OK(client.SubscribeMatching("data/*", subscription));
    CHECK_OK(client.PutObject(IdOf(1), "one", other));
    CHECK_OK(client.PutObject(IdOf(2), "two", named));
    CHECK_OK(client.ListMatching("*/?", list));
    CHECK(list.size() == 1 && list.begin()->id == IdOf(2));
    CHECK_STATUS(client.ListMatching("", list), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK(list.size() == 1);
    CHECK_OK(subscription.Next(event));
    CHECK(event.id == IdOf(2));
    CHECK_STATUS(subscription.Next(event, plasma::kNoWait), PLASMA_ERR_TIMEOUT);
}

void TestASubscriptionIsMovedAndOutlivesItsClient(const Store &store)
{
    Subscription first, second;
    Event event;
    {
        const ClientContext client = store.Connect();
        CHECK_OK(client.Subscribe(first));
        second = std::move(first);
        CHECK(!first && second);
        first = Subscription(second.Detach());
    }
    CHECK(first && !second);
    CHECK_STATUS(first.Next(event), PLASMA_ERR_DISCONNECTED);
}

}  // namespace

int main()
{
    return RunTests({
        TEST(AListIsARange),
        TEST(AListOutlivesItsClient),
        TEST(ClientsAndHoldersAreListed),
        TEST(EventsAreTaken),
        TEST(ListsAndEventsOfNamesThatMatch),
        TEST(ASubscriptionIsMovedAndOutlivesItsClient),
    });
}
