// The same with plasma.hpp, whatever the compiler was told about exceptions and type information.
#include <plasma.hpp>

#include <cstdio>

static plasma::Status share()
{
    plasma::ConnectOptions options;
    plasma::ClientContext client;
    plasma::MutableBuffer writable;
    plasma::Buffer sealed;
    plasma::ObjectID id;

    options.flags = PLASMA_CONNECT_EPHEMERAL;
    if (plasma::Status status = client.Connect(nullptr, options); !status.ok())
        return status;
    if (plasma::Status status = plasma::ObjectID::Random(id); !status.ok())
        return status;
    if (plasma::Status status = client.BuildObject(id, 1, writable); !status.ok())
        return status;
    *writable.mutable_data() = 42;
    if (plasma::Status status = writable.Seal(); !status.ok())
        return status;
    plasma::Status status = client.GetObject(id, sealed);
    if (status.ok() && *sealed.data() == 42)
        std::printf("plasma %s\n", plasma_version_string());
    return status;
}

int main()
{
    plasma::Status status = share();
    if (!status.ok())
        std::fprintf(stderr, "%s\n", plasma_error_message());
    return status.ok() ? 0 : 1;
}
