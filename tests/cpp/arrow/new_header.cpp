/* A source file of the same program that includes plasma.hpp. */

#include <plasma.hpp>

#include <string>

/* The data of the object of 20 equal bytes. */
std::string ReadWithPlasmaHpp(const std::string &address, char byte)
{
    const std::string bytes(20, byte);
    plasma::ClientContext client;
    plasma::ObjectID id;
    plasma::Buffer buffer;
    plasma::ThrowOnError(client.Connect(address));
    plasma::ThrowOnError(plasma::ObjectID::FromBytes(bytes, id));
    plasma::ThrowOnError(client.GetObject(id, buffer, plasma::kNoWait));
    return std::string(buffer.view());
}
