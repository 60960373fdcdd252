// A pipeline of three processes: one makes blocks of numbers, one squares them,
// one adds them up. A block goes from stage to stage as a named object, is
// never copied, and is deleted when the next stage is done with it.
#include <plasma.hpp>

#include <cstdio>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

using plasma::ThrowOnError;

constexpr size_t kBlocks = 8, kNumbers = 1 << 16;

static plasma::MutableBuffer Build(const plasma::ClientContext &client,
                                   const std::string &name, size_t size)
{
    plasma::ObjectID id;
    plasma::MutableBuffer buffer;
    ThrowOnError(plasma::ObjectID::Random(id));
    ThrowOnError(client.BuildObject(id, size, buffer, name));
    return buffer;
}

// Waits for the numbers of a block, and deletes it: no other stage needs it.
static plasma::Buffer Take(const plasma::ClientContext &client,
                           const std::string &name)
{
    plasma::Buffer buffer;
    plasma::ObjectInfo info;
    ThrowOnError(client.GetObjectByName(name, buffer));
    ThrowOnError(buffer.GetInfo(info));
    ThrowOnError(client.DeleteObject(info.id));
    return buffer;
}

static const uint64_t *Numbers(const plasma::Buffer &buffer)
{
    return reinterpret_cast<const uint64_t *>(buffer.data());
}

static uint64_t *Numbers(plasma::MutableBuffer &buffer)
{
    return reinterpret_cast<uint64_t *>(buffer.mutable_data());
}

static void Make(const plasma::ClientContext &client)
{
    for (size_t block = 0; block < kBlocks; block++) {
        plasma::MutableBuffer made = Build(
            client, "made/" + std::to_string(block), kNumbers * sizeof(uint64_t));
        for (size_t at = 0; at < kNumbers; at++) {
            Numbers(made)[at] = block * kNumbers + at;
        }
        ThrowOnError(made.Seal());
    }
}

static void Square(const plasma::ClientContext &client)
{
    for (size_t block = 0; block < kBlocks; block++) {
        const std::string number = std::to_string(block);
        const plasma::Buffer made = Take(client, "made/" + number);
        plasma::MutableBuffer squared =
            Build(client, "squared/" + number, made.size());
        for (size_t at = 0; at < kNumbers; at++) {
            Numbers(squared)[at] = Numbers(made)[at] * Numbers(made)[at];
        }
        ThrowOnError(squared.Seal());
    }
}

static void Add(const plasma::ClientContext &client)
{
    plasma::MutableBuffer sum = Build(client, "sum", sizeof(uint64_t));
    *Numbers(sum) = 0;
    for (size_t block = 0; block < kBlocks; block++) {
        const plasma::Buffer squared =
            Take(client, "squared/" + std::to_string(block));
        for (size_t at = 0; at < kNumbers; at++) {
            *Numbers(sum) += Numbers(squared)[at];
        }
    }
    ThrowOnError(sum.Seal());
}

// Runs a stage in a process of its own, with a connection of its own.
static void Start(void (*stage)(const plasma::ClientContext &))
{
    if (fork() == 0) {
        try {
            plasma::ClientContext client;
            ThrowOnError(client.Connect());
            stage(client);
        } catch (const plasma::Error &error) {
            std::fprintf(stderr, "pipeline: %s\n", error.what());
            _exit(1);
        }
        _exit(0);
    }
}

static bool Run()
{
    plasma::ConnectOptions options;
    plasma::ClientContext client;
    options.flags = PLASMA_CONNECT_EPHEMERAL;
    ThrowOnError(client.Connect(nullptr, options));
    Start(Make);
    Start(Square);
    Start(Add);
    for (int stage = 0, status = 0; stage < 3; stage++) {
        if (wait(&status) < 0 || status != 0) {
            // The stages that wait for its blocks get STORE_GONE.
            ThrowOnError(plasma::ClientContext::RemoveStore(client.address()));
            return false;
        }
    }
    const plasma::Buffer sum = Take(client, "sum");
    plasma::Stats stats;
    ThrowOnError(client.GetStats(stats));
    std::printf("the sum of the squares below %zu is %llu\n", kBlocks * kNumbers,
                static_cast<unsigned long long>(*Numbers(sum)));
    std::printf("%d objects are left\n", static_cast<int>(stats.objects_sealed));
    return true;
}

int main()
{
    try {
        return Run() ? 0 : 1;
    } catch (const plasma::Error &error) {
        std::fprintf(stderr, "pipeline: %s\n", error.what());
        return 1;
    }
}
