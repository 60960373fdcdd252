/* Creating, sealing, aborting and getting objects. */

#include "check.h"

#include <thread>

using plasma::ObjectBuffer;
using plasma::ObjectID;

void TestIds(const std::string &)
{
    const ObjectID id = ObjectID::from_binary("0123456789abcdefghij");
    CHECK(id.binary() == "0123456789abcdefghij");
    CHECK(id.hex() == "303132333435363738396162636465666768696a");
    CHECK(ObjectID::size() == 20 && id != IdOf('0'));
    CHECK(ObjectID::from_binary("a").binary() == "a" + std::string(19, '\0'));
    CHECK(std::hash<ObjectID>()(id) == id.hash());
    CHECK(id.hash() != IdOf('0').hash());
}

void TestErrors(const std::string &address)
{
    plasma::PlasmaClient nobody;
    CHECK(nobody.Seal(IdOf('a')).IsIOError());
    CHECK(nobody.Connect(address, "manager").IsInvalid());
    CHECK(nobody.Connect(address + "-none", "", 0, 1).IsIOError());
    CHECK(nobody.store_capacity() == 0 && nobody.Disconnect().ok());

    Connected client(address);
    CHECK(plasma::IsPlasmaObjectNotFound(client.Seal(IdOf('a'))));
    CHECK(plasma::IsPlasmaObjectNotFound(client.Abort(IdOf('a'))));
    CHECK(plasma::IsPlasmaObjectNotFound(client.Release(IdOf('a'))));
    client.Make(IdOf('a'), "text");
    const arrow::Status again = client.Seal(IdOf('a'));
    CHECK(plasma::IsPlasmaObjectAlreadySealed(again) && again.IsTypeError());
    CHECK(plasma::IsPlasmaObjectAlreadySealed(client.Abort(IdOf('a'))));
    std::shared_ptr<Buffer> data;
    const arrow::Status exists = client.Create(IdOf('a'), 1, nullptr, 0, &data);
    CHECK(plasma::IsPlasmaObjectExists(exists) && exists.IsAlreadyExists());
    CHECK(!plasma::IsPlasmaStoreFull(exists));
    CHECK(!plasma::IsPlasmaObjectNonexistent(exists));
    const arrow::Status full =
        client.Create(IdOf('b'), 100000000, nullptr, 0, &data);
    CHECK(plasma::IsPlasmaStoreFull(full) && full.IsCapacityError());
    CHECK(client.Create(IdOf('b'), -1, nullptr, 0, &data).IsInvalid());
    CHECK(client.Create(IdOf('b'), 1, nullptr, 0, &data, 1).IsNotImplemented());
    CHECK(client.SetClientOptions("tester", 1).IsNotImplemented());
    CHECK_OK(client.SetClientOptions("tester", 0));
    CHECK(client.DebugString().find("tester") != std::string::npos);
    CHECK(client.store_capacity() == 10000000);
    CHECK(!data);
}

void TestGet(const std::string &address)
{
    Connected client(address), other(address);
    CHECK(!client.Got(IdOf('a')).data && !client.Got(IdOf('a'), 10).metadata);
    client.Make(IdOf('a'), "text", "meta");
    CHECK_OK(client.Release(IdOf('a')));
    CHECK(!client.IsInUse(IdOf('a')) && !other.IsInUse(IdOf('a')));
    std::shared_ptr<Buffer> metadata;
    {
        const ObjectBuffer got = other.Got(IdOf('a'));
        CHECK(got.data->ToString() == "text" && got.device_num == 0);
        CHECK(!got.data->is_mutable());
        metadata = got.metadata;
    }
    CHECK(metadata->ToString() == "meta" && other.IsInUse(IdOf('a')));
    metadata.reset();
    CHECK(!other.IsInUse(IdOf('a')));

    std::thread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        CHECK_OK(client.CreateAndSeal(IdOf('b'), "later", ""));
    });
    std::vector<ObjectBuffer> both;
    CHECK_OK(other.Get({IdOf('b'), IdOf('a'), IdOf('b')}, -1, &both));
    later.join();
    CHECK(both[0].data->ToString() == "later" && both[0].metadata->size() == 0);
    CHECK(both[1].data->ToString() == "text" && both[2].data);
    // Buffers outlive the client.
    CHECK_OK(other.Disconnect());
    CHECK(both[1].metadata->ToString() == "meta");
}

void TestGetUntilRelease(const std::string &address)
{
    Connected client(address), other(address);
    client.Make(IdOf('a'), "text", "meta");
    const ObjectID ids[] = {IdOf('a'), IdOf('b')};
    {
        ObjectBuffer buffers[2];
        CHECK_OK(other.Get(ids, 2, 0, buffers));
        CHECK(buffers[0].data->ToString() == "text" && !buffers[1].data);
    }
    CHECK(other.IsInUse(IdOf('a')) && !other.IsInUse(IdOf('b')));
    CHECK_OK(other.Release(IdOf('a')));
    CHECK(!other.IsInUse(IdOf('a')));
    CHECK(plasma::IsPlasmaObjectNotFound(other.Release(IdOf('a'))));
}

void TestAbort(const std::string &address)
{
    Connected client(address), other(address);
    std::shared_ptr<Buffer> data;
    CHECK_OK(client.Create(IdOf('a'), 4, nullptr, 0, &data));
    CHECK(client.Has(IdOf('a')) && !other.Has(IdOf('a')));
    CHECK(!other.Got(IdOf('a')).data);
    CHECK(client.Abort(IdOf('a')).IsInvalid());
    CHECK_OK(client.Release(IdOf('a')));
    CHECK(client.Release(IdOf('a')).IsInvalid() && client.IsInUse(IdOf('a')));
    CHECK_OK(client.Abort(IdOf('a')));
    CHECK(!client.IsInUse(IdOf('a')) && !client.Has(IdOf('a')));
    CHECK_OK(client.CreateAndSeal(IdOf('a'), "again", ""));
    CHECK(client.Got(IdOf('a')).data->ToString() == "again");

    // Unsealed objects go with the client and its last buffer.
    CHECK_OK(client.Create(IdOf('b'), 4, nullptr, 0, &data));
    CHECK_OK(client.Disconnect());
    data->mutable_data()[0] = 1;
    data.reset();
    CHECK_OK(other.CreateAndSeal(IdOf('b'), "other", ""));
}

void TestBatches(const std::string &address)
{
    Connected client(address);
    CHECK_OK(client.CreateAndSealBatch({IdOf('a'), IdOf('b')}, {"hello", ""},
                                       {"1", LargeBlob()}));
    CHECK(client.Got(IdOf('a')).data->ToString() == "hello");
    CHECK(client.Got(IdOf('b')).data->size() == 0);
    CHECK(client.Got(IdOf('b')).metadata->ToString() == LargeBlob());
    // All or none.
    CHECK(plasma::IsPlasmaObjectExists(client.CreateAndSealBatch(
        {IdOf('c'), IdOf('a')}, {"1", "2"}, {"", ""})));
    CHECK(!client.Has(IdOf('c')));
    CHECK(client.CreateAndSealBatch({IdOf('c')}, {}, {""}).IsInvalid());
    uint8_t one[plasma::kDigestSize], other[plasma::kDigestSize];
    CHECK_OK(client.Hash(IdOf('a'), one));
    CHECK_OK(client.Hash(IdOf('b'), other));
    CHECK(std::memcmp(one, other, sizeof one) != 0);
    CHECK(plasma::IsPlasmaObjectNotFound(client.Hash(IdOf('c'), one)));
}

/* Many threads use one client, and the last buffers go in any of them. */
void TestThreads(const std::string &address)
{
    Connected client(address);
    CHECK_OK(client.CreateAndSeal(IdOf('z'), "shared", "meta"));
    std::vector<std::thread> threads;
    for (char byte = 'a'; byte < 'e'; byte++) {
        threads.emplace_back([&client, byte] {
            for (int round = 0; round < 200; round++) {
                client.Make(IdOf(byte), "own");
                const ObjectBuffer own = client.Got(IdOf(byte));
                const ObjectBuffer shared = client.Got(IdOf('z'));
                CHECK(shared.metadata->ToString() == "meta");
                CHECK_OK(client.Delete(IdOf(byte)));
                CHECK(own.data->ToString() == "own" && client.Has(IdOf(byte)));
                CHECK_OK(client.Release(IdOf(byte)));
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    CHECK(!client.IsInUse(IdOf('z')) && !client.Has(IdOf('a')));
}
