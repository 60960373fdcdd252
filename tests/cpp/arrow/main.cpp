/* The tests of plasma/client.h: without arguments their names, otherwise one of
 * them with the address of a store. Those that end with
 * Python need the stores and objects of test_cpp_client.py. */

#include "check.h"

void TestIds(const std::string &address);
void TestErrors(const std::string &address);
void TestGet(const std::string &address);
void TestGetUntilRelease(const std::string &address);
void TestAbort(const std::string &address);
void TestBatches(const std::string &address);
void TestThreads(const std::string &address);
void TestDelete(const std::string &address);
void TestDeleteOfAnObjectThatIsMadeAgain(const std::string &address);
void TestEvict(const std::string &address);
void TestRefresh(const std::string &address);
void TestList(const std::string &address);
void TestNotifications(const std::string &address);
void TestManyNotifications(const std::string &address);
void TestFork(const std::string &address);
std::string ReadWithPlasmaHpp(const std::string &address, char byte);

namespace {

void TestBothHeaders(const std::string &address)
{
    Connected client(address);
    CHECK_OK(client.CreateAndSeal(IdOf('a'), "text", "meta"));
    CHECK(ReadWithPlasmaHpp(address, 'a') == "text");
}

/* Prints the digests, and the next notification, in hexadecimal. */
void WriteForPython(const std::string &address)
{
    Connected client(address);
    CHECK_OK(client.CreateAndSeal(IdOf('a'), "none", ""));
    CHECK_OK(client.CreateAndSeal(IdOf('b'), "small", "meta"));
    CHECK_OK(client.CreateAndSeal(IdOf('c'), "large", LargeBlob()));
    for (const char byte : {'a', 'b', 'c'}) {
        uint8_t digest[plasma::kDigestSize];
        CHECK_OK(client.Hash(IdOf(byte), digest));
        for (const uint8_t digit : digest) {
            std::printf("%02x", digit);
        }
        std::printf("\n");
    }
    int fd = -1;
    CHECK_OK(client.Delete(IdOf('a')));
    CHECK_OK(client.Delete(IdOf('b')));
    CHECK_OK(client.Subscribe(&fd));
    uint8_t message[44] = {};
    CHECK(read(fd, message, sizeof message) == sizeof message);
    for (size_t at = 8; at < sizeof message; at++) {
        std::printf("%02x", message[at]);
    }
    std::printf("\n");
    close(fd);
}

void ReadFromPython(const std::string &address)
{
    Connected client(address);
    plasma::ObjectBuffer got = client.Got(IdOf('a'));
    CHECK(got.data->ToString() == "none" && got.metadata->size() == 0);
    got = client.Got(IdOf('b'));
    CHECK(got.data->ToString() == "small");
    CHECK(got.metadata->ToString() == "meta");
    got = client.Got(IdOf('c'));
    CHECK(got.data->ToString() == "large");
    CHECK(got.metadata->ToString() == LargeBlob());
}

/* Of a store whose clients move evicted objects to files. */
void RefusedWithSpillByPython(const std::string &address)
{
    plasma::PlasmaClient client;
    CHECK(client.Connect(address).IsNotImplemented());
    CHECK(client.store_capacity() == 0);
}

const struct {
    const char *name;
    void (*run)(const std::string &address);
} kTests[] = {
    {"Ids", TestIds},
    {"Errors", TestErrors},
    {"Get", TestGet},
    {"GetUntilRelease", TestGetUntilRelease},
    {"Abort", TestAbort},
    {"Batches", TestBatches},
    {"Threads", TestThreads},
    {"Delete", TestDelete},
    {"DeleteOfAnObjectThatIsMadeAgain", TestDeleteOfAnObjectThatIsMadeAgain},
    {"Evict", TestEvict},
    {"Refresh", TestRefresh},
    {"List", TestList},
    {"Notifications", TestNotifications},
    {"ManyNotifications", TestManyNotifications},
    {"Fork", TestFork},
    {"BothHeaders", TestBothHeaders},
    {"WriteForPython", WriteForPython},
    {"ReadFromPython", ReadFromPython},
    {"RefusedWithSpillByPython", RefusedWithSpillByPython},
};

}  // namespace

int main(int argc, char **argv)
{
    for (const auto &test : kTests) {
        if (argc == 1) {
            std::printf("%s\n", test.name);
        } else if (argc == 3 && std::strcmp(argv[1], test.name) == 0) {
            test.run(argv[2]);
            return 0;
        }
    }
    return argc == 1 ? 0 : 2;
}
