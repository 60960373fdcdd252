/* Deleting, evicting and listing objects. */

#include "check.h"

using plasma::ObjectID;

void TestDelete(const std::string &address)
{
    Connected client(address), other(address);
    CHECK_OK(client.Delete(IdOf('a')));
    std::shared_ptr<Buffer> data;
    CHECK_OK(client.Create(IdOf('a'), 4, nullptr, 0, &data));
    CHECK_OK(client.Seal(IdOf('a')));
    CHECK_OK(client.Delete(IdOf('a')));
    CHECK(client.Has(IdOf('a')));
    CHECK_OK(client.Release(IdOf('a')));
    CHECK(!client.Has(IdOf('a')));

    // One that another client holds goes later.
    CHECK_OK(client.CreateAndSeal(IdOf('b'), "text", ""));
    plasma::ObjectBuffer held = other.Got(IdOf('b'));
    CHECK_OK(client.Delete(std::vector<ObjectID>{IdOf('b'), IdOf('c')}));
    CHECK(client.Has(IdOf('b')));
    held = plasma::ObjectBuffer();
    CHECK(!client.Has(IdOf('b')));

    // At the latest when the client leaves.
    CHECK_OK(client.CreateAndSeal(IdOf('b'), "text", ""));
    held = other.Got(IdOf('b'));
    CHECK_OK(client.Delete(IdOf('b')));
    CHECK_OK(client.Disconnect());
    CHECK(!other.Has(IdOf('b')) && held.data->ToString() == "text");
}

void TestDeleteOfAnObjectThatIsMadeAgain(const std::string &address)
{
    Connected client(address), other(address);
    client.Make(IdOf('a'), "first");
    CHECK_OK(client.Delete(IdOf('a')));
    // As a client in Python does, which need not wait.
    plasma_client_t *direct = nullptr;
    CHECK(plasma_connect(address.c_str(), nullptr, &direct) == PLASMA_OK);
    const ObjectID id = IdOf('a');
    CHECK(plasma_delete(direct, plasma::internal::C(&id)) == PLASMA_OK);
    plasma_disconnect(direct);
    CHECK_OK(other.CreateAndSeal(IdOf('a'), "second", ""));
    CHECK_OK(client.Release(IdOf('a')));
    CHECK(other.Got(IdOf('a')).data->ToString() == "second");
}

void TestEvict(const std::string &address)
{
    Connected client(address);
    CHECK_OK(client.CreateAndSeal(IdOf('a'), "0123456789", "meta"));
    CHECK_OK(client.CreateAndSeal(IdOf('b'), "0123456789", ""));
    client.Make(IdOf('c'), "held");
    int64_t evicted = -1;
    CHECK_OK(client.Evict(1, evicted));
    CHECK(evicted == 14 && !client.Has(IdOf('a')) && client.Has(IdOf('b')));
    CHECK_OK(client.Evict(1000000, evicted));
    CHECK(evicted == 10 && client.Has(IdOf('c')));
    CHECK_OK(client.Evict(0, evicted));
    CHECK(evicted == 0);
}

void TestRefresh(const std::string &address)
{
    Connected client(address);
    const std::string large(2000000, 'x');
    for (const char byte : {'a', 'b', 'c', 'd'}) {
        CHECK_OK(client.CreateAndSeal(IdOf(byte), large, ""));
    }
    CHECK_OK(client.Refresh({IdOf('a'), IdOf('n')}));
    std::shared_ptr<Buffer> data;
    const arrow::Status full =
        client.Create(IdOf('e'), 4000000, nullptr, 0, &data, 0, false);
    CHECK(plasma::IsPlasmaStoreFull(full) && client.Has(IdOf('b')));
    CHECK_OK(client.Create(IdOf('e'), 4000000, nullptr, 0, &data));
    CHECK(client.Has(IdOf('a')) && !client.Has(IdOf('b')));
}

void TestList(const std::string &address)
{
    Connected client(address);
    client.Make(IdOf('a'), "text", "meta");
    CHECK_OK(client.CreateAndSeal(IdOf('b'), "text", LargeBlob()));
    std::shared_ptr<Buffer> data;
    CHECK_OK(client.Create(IdOf('c'), 9, nullptr, 0, &data));
    plasma::ObjectTable table;
    CHECK_OK(client.List(&table));
    CHECK(table.size() == 3);
    const plasma::ObjectTableEntry &a = *table[IdOf('a')];
    CHECK(a.data_size == 4 && a.metadata_size == 4 && a.ref_count == 1);
    CHECK(a.state == plasma::ObjectState::PLASMA_SEALED);
    CHECK(a.create_time > 1500000000 && a.construct_duration == 0);
    const plasma::ObjectTableEntry &b = *table[IdOf('b')];
    CHECK(b.data_size == 4 && b.metadata_size == 100000 && b.ref_count == 0);
    const plasma::ObjectTableEntry &c = *table[IdOf('c')];
    CHECK(c.data_size == 9 && c.metadata_size == 0 && c.ref_count == 1);
    CHECK(c.state == plasma::ObjectState::PLASMA_CREATED);
    CHECK(c.construct_duration == -1);
}
