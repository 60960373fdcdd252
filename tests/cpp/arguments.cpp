/* Statuses, text, bytes, spans, ids and options. */

#include "check.hpp"

#include <array>
#include <map>
#include <unordered_map>
#if __cplusplus > 201703L
#include <span>
#endif

using plasma::Bytes;
using plasma::ObjectID;
using plasma::Span;
using plasma::Status;

namespace {

void TestAStatusIsANumberWithAName(const Store &)
{
    const Status none, late(PLASMA_ERR_TIMEOUT);

    CHECK(none.ok() && none == PLASMA_OK && none.code() == 0);
    CHECK(!late.ok() && late == PLASMA_ERR_TIMEOUT && late != none);
    CHECK(std::string_view(late.name()) == "PLASMA_ERR_TIMEOUT");
    CHECK(std::string_view(Status(12345).name()) == "PLASMA_ERR_UNKNOWN");
}

void TestTheMessageIsTheLastFailureOfThisThread(const Store &store)
{
    plasma::ClientContext client;
    plasma::ConnectOptions options;

    options.flags = PLASMA_CONNECT_EXISTING;
    const Status status = client.Connect(store.address(), options);
    CHECK(status == PLASMA_ERR_STORE_NOT_FOUND);
    CHECK(std::string_view(status.message()) == plasma_error_message());
    CHECK(std::string_view(status.message()).find(store.address()) !=
          std::string_view::npos);
    CHECK(status.error_errno() == plasma_error_errno());
}

void TestVersionsAreThoseOfTheLibrary(const Store &)
{
    CHECK(plasma::Version() == plasma_version());
    CHECK(plasma::Version() == PLASMA_VERSION_NUM);
    CHECK(plasma::VersionString() == std::string_view(plasma_version_string()));
}

#ifdef __cpp_exceptions
void TestAFailureIsThrownWhenAsked(const Store &store)
{
    const plasma::ClientContext client = store.Connect();
    plasma::Buffer buffer;

    plasma::ThrowOnError(client.PutObject(IdOf(1), "one"));
    bool thrown = false;
    try {
        plasma::ThrowOnError(client.PutObject(IdOf(1), "one"));
    } catch (const plasma::Error &error) {
        thrown = true;
        CHECK(error.status() == PLASMA_ERR_EXISTS);
        const std::string expected =
            std::string("PLASMA_ERR_EXISTS: ") + Status::message();
        CHECK(error.what() == expected);
    }
    CHECK(thrown);
}
#endif

void TestTextIsALiteralAStringOrAView(const Store &store)
{
    const plasma::ClientContext client = store.Connect();
    const std::string text = "a name";
    plasma::MutableBuffer buffer;
    ObjectID id;

    CHECK_OK(client.BuildObject(IdOf(1), 1, buffer, "a name"));
    CHECK_OK(client.Lookup("a name", id));
    CHECK_OK(client.Lookup(text, id));
    CHECK_OK(client.Lookup(std::string_view("a name, and more").substr(0, 6), id));
    CHECK_STATUS(client.Lookup("a name, and more", id), PLASMA_ERR_NOT_FOUND);
    CHECK(id == IdOf(1));
}

void TestTextThatWouldBeCutIsRefused(const Store &store)
{
    const plasma::ClientContext client = store.Connect();
    plasma::MutableBuffer buffer;
    const std::string_view cut("a\0b", 3);

    CHECK_STATUS(client.BuildObject(IdOf(1), 1, buffer, cut),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(client.BuildObject(IdOf(1), 1, buffer, std::string(cut)),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK(!buffer);
    CHECK(StateOf(client, 1) == PLASMA_STATE_ABSENT);
}

void TestBytesAreAnyContiguousValues(const Store &)
{
    const char text[] = "abc";
    const std::vector<uint32_t> numbers{1, 2, 3};
    const std::array<double, 2> pair{{1.0, 2.0}};
    const std::string empty;

    CHECK(Bytes().size() == 0 && Bytes().data() == nullptr);
    CHECK(Bytes(text).size() == 3 && Bytes("abcd").size() == 4);
    CHECK(Bytes(text, sizeof text).size() == 4);
    CHECK(Bytes(std::string_view("abc").substr(1)).size() == 2);
    CHECK(Bytes(std::string("a\0b", 3)).size() == 3);
    CHECK(Bytes(empty).size() == 0);
    CHECK(Bytes(numbers).size() == 12 && Bytes(numbers).data() == numbers.data());
    CHECK(Bytes(pair).size() == 16);
    CHECK(Bytes(IdOf(1)).size() == PLASMA_ID_SIZE);
    static_assert(!std::is_constructible_v<Bytes, char (&)[4]>);
    static_assert(!std::is_constructible_v<Bytes, std::nullptr_t>);
    static_assert(!std::is_constructible_v<Bytes, std::vector<std::string>>);
#if __cplusplus > 201703L
    CHECK(Bytes(std::span<const uint32_t>(numbers).subspan(1)).size() == 8);
#endif
}

void TestASpanIsAnyRow(const Store &)
{
    const std::vector<ObjectID> vector(3);
    const std::array<ObjectID, 2> array{};
    const ObjectID plain[4] = {};

    CHECK(Span<const ObjectID>().size() == 0);
    CHECK(Span<const ObjectID>(vector).size() == 3);
    CHECK(Span<const ObjectID>(vector).data() == vector.data());
    CHECK(Span<const ObjectID>(array).size() == 2);
    CHECK(Span<const ObjectID>(plain).size() == 4);
    CHECK(Span<const ObjectID>(plain, 1).size() == 1);
#if __cplusplus > 201703L
    CHECK(Span<const ObjectID>(std::span(vector)).size() == 3);
#endif
}

void TestIdsAreMadeComparedAndKept(const Store &)
{
    ObjectID one, other, read;
    std::map<ObjectID, int> ordered;
    std::unordered_map<ObjectID, int> hashed;

    CHECK(one == ObjectID() && one.ToHex() == std::string(40, '0'));
    CHECK_OK(ObjectID::Random(one));
    CHECK_OK(ObjectID::Random(other));
    CHECK(one != other && (one < other) != (other < one));
    CHECK_OK(ObjectID::FromHex(one.ToHex(), read));
    CHECK(read == one && !(read < one));
    CHECK(std::memcmp(one.data(), one.c()->bytes, one.size()) == 0);
    CHECK(ObjectID(*one.c()) == one);
    CHECK_OK(ObjectID::FromBytes("ab", read));
    CHECK(read.ToHex() == "6162" + std::string(36, '0'));
    CHECK_STATUS(ObjectID::FromBytes("more than twenty bytes", read),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ObjectID::FromHex("6162", read), PLASMA_ERR_INVALID_ARGUMENT);
    ordered[one] = hashed[one] = 1;
    ordered[other] = hashed[other] = 2;
    CHECK(ordered.at(one) == 1 && hashed.at(other) == 2 && hashed.count(read) == 0);
}

void TestStructsAreBegun(const Store &store)
{
    const plasma::ClientContext client = store.Connect();
    const plasma::Metadata entries[] = {{"format", "text"}, {"n", Bytes()}};
    plasma::CreateOptions options;
    plasma::ObjectInfo info;

    CHECK(plasma::ConnectOptions().struct_size == sizeof(plasma_connect_options_t));
    CHECK(plasma::ConnectOptions().lock_timeout_ms == -1);
    CHECK(info.struct_size == sizeof(plasma_object_info_t));
    CHECK(plasma::ClientInfo().struct_size == sizeof(plasma_client_info_t));
    CHECK(plasma::Stats().struct_size == sizeof(plasma_stats_t));
    CHECK(plasma::Event().struct_size == sizeof(plasma_event_t));
    CHECK(plasma::CheckReport().struct_size == sizeof(plasma_check_report_t));
    options.SetMetadata(entries);
    options.name = "named";
    options.flags = PLASMA_CREATE_PINNED;
    CHECK(options.metadata_count == 2 && options.metadata == entries);
    CHECK_OK(client.PutObject(IdOf(1), "text", options));
    CHECK_OK(client.GetObjectInfo(IdOf(1), info));
    CHECK(info.id == IdOf(1) && info.data_size == 4);
    CHECK(info.name == std::string_view("named"));
    CHECK(info.flags == (PLASMA_OBJECT_NAMED | PLASMA_OBJECT_PINNED));
}

}  // namespace

int main()
{
    return RunTests({
        TEST(AStatusIsANumberWithAName),
        TEST(TheMessageIsTheLastFailureOfThisThread),
        TEST(VersionsAreThoseOfTheLibrary),
#ifdef __cpp_exceptions
        TEST(AFailureIsThrownWhenAsked),
#endif
        TEST(TextIsALiteralAStringOrAView),
        TEST(TextThatWouldBeCutIsRefused),
        TEST(BytesAreAnyContiguousValues),
        TEST(ASpanIsAnyRow),
        TEST(IdsAreMadeComparedAndKept),
        TEST(StructsAreBegun),
    });
}
