// Create, write, seal, get: one object in the store $PLASMA_STORE.
#include <plasma.hpp>

#include <cstdio>
#include <cstring>
#include <string_view>

using plasma::ThrowOnError;

static void Hello()
{
    constexpr std::string_view text = "hello from shared memory";
    plasma::ConnectOptions options;
    plasma::ClientContext client;
    plasma::MutableBuffer writable;
    plasma::Buffer sealed;
    plasma::ObjectID id;

    // A store created here is removed when its last client leaves.
    options.flags = PLASMA_CONNECT_EPHEMERAL;
    ThrowOnError(client.Connect(nullptr, options));

    ThrowOnError(plasma::ObjectID::Random(id));
    ThrowOnError(client.BuildObject(id, text.size(), writable, "hello"));
    std::memcpy(writable.mutable_data(), text.data(), text.size());
    ThrowOnError(writable.Seal()); // from now on it never changes

    ThrowOnError(client.GetObjectByName("hello", sealed)); // any process
    std::printf("%.*s (%zu bytes in %s)\n", static_cast<int>(sealed.size()),
                sealed.view().data(), sealed.size(), client.address());
} // gives the object back and leaves the store

int main()
{
    try {
        Hello();
    } catch (const plasma::Error &error) {
        std::fprintf(stderr, "hello: %s\n", error.what());
        return 1;
    }
    return 0;
}
