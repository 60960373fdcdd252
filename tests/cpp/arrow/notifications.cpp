/* Notifications. */

#include "check.h"

#include <poll.h>
#include <sys/wait.h>

namespace {

struct Note {
    plasma::ObjectID id;
    int64_t size, metadata_size;
};

Note NextOf(plasma::PlasmaClient &client, int fd)
{
    Note note;
    CHECK_OK(client.GetNotification(fd, &note.id, &note.size,
                                    &note.metadata_size));
    return note;
}

bool Is(const Note &note, char byte, int64_t size, int64_t metadata_size)
{
    return note.id == IdOf(byte) && note.size == size &&
           note.metadata_size == metadata_size;
}

}  // namespace

void TestNotifications(const std::string &address)
{
    Connected client(address), other(address);
    CHECK_OK(client.CreateAndSeal(IdOf('a'), "text", "meta"));
    int fd = -1;
    CHECK_OK(other.Subscribe(&fd));
    CHECK(Is(NextOf(other, fd), 'a', 4, 4));
    CHECK_OK(client.Delete(IdOf('a')));
    CHECK(Is(NextOf(other, fd), 'a', -1, -1));
    CHECK_OK(client.CreateAndSealBatch({IdOf('b'), IdOf('c')}, {"1", ""},
                                       {"", LargeBlob()}));
    CHECK(Is(NextOf(other, fd), 'b', 1, 0));
    CHECK(Is(NextOf(other, fd), 'c', 0, 100000));
    pollfd ready = {fd, POLLIN, 0};
    CHECK(poll(&ready, 1, 0) == 0);
    CHECK_OK(client.CreateAndSeal(IdOf('d'), "1", ""));
    CHECK(poll(&ready, 1, 10000) == 1);
    CHECK_OK(other.Disconnect());
    CHECK(Is(NextOf(other, fd), 'd', 1, 0));
    plasma::ObjectID id;
    int64_t size = 0;
    CHECK(other.GetNotification(fd, &id, &size, &size).IsIOError());
    close(fd);
}

/* More than the socket takes, while nobody reads. */
void TestManyNotifications(const std::string &address)
{
    constexpr int kMany = 3000;
    Connected client(address);
    int fd = -1;
    CHECK_OK(client.Subscribe(&fd));
    for (int at = 0; at < kMany; at++) {
        CHECK_OK(client.CreateAndSeal(IdOf('a'), "text", ""));
        CHECK_OK(client.Delete(IdOf('a')));
    }
    for (int at = 0; at < kMany; at++) {
        CHECK(Is(NextOf(client, fd), 'a', 4, 0));
        CHECK(Is(NextOf(client, fd), 'a', -1, -1));
    }
    close(fd);
    CHECK_OK(client.CreateAndSeal(IdOf('a'), "text", ""));
}

/* A child has neither the thread nor the connection, and ends as usual. */
void TestFork(const std::string &address)
{
    Connected client(address);
    int fd = -1;
    CHECK_OK(client.Subscribe(&fd));
    client.Make(IdOf('a'), "text");
    const plasma::ObjectBuffer got = client.Got(IdOf('a'));
    const pid_t child = fork();
    if (child == 0) {
        bool has = false;
        const bool refused = client.Contains(IdOf('a'), &has).IsIOError();
        const bool readable = got.data->ToString() == "text";
        const bool left = client.Disconnect().ok();
        Connected own(address);
        _exit(refused && readable && left && own.Has(IdOf('a')) ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(client.Has(IdOf('a')) && client.IsInUse(IdOf('a')));
    close(fd);
}
