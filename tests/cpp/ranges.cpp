/* Spans, constructed from all kinds of ranges that a program may have. */

#include "check.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>
#if __cplusplus > 201703L
#include <ranges>
#include <span>
#endif

using plasma::Buffer;
using plasma::Bytes;
using plasma::ClientContext;
using plasma::ClientList;
using plasma::Metadata;
using plasma::MutableBuffer;
using plasma::ObjectID;
using plasma::ObjectList;
using plasma::Span;
using plasma::Status;

/* All members of each template, used or not. */
template class plasma::Span<Buffer>;
template class plasma::Span<const Metadata>;
template class plasma::Span<const ObjectID>;
template class plasma::Span<const uint64_t>;
template class plasma::Span<const void *const>;
template class plasma::Span<uint8_t>;
template class plasma::List<plasma_list_t, plasma::ObjectInfo, plasma_list_count,
                            plasma_list_at, plasma_list_free>;
template class plasma::List<plasma_client_list_t, plasma::ClientInfo,
                            plasma_client_list_count, plasma_client_list_at,
                            plasma_client_list_free>;

namespace {

/* Larger than its base class: a row of these is not a row of the base
 * class. */
struct TaggedID : ObjectID {
    int tag = 0;
};

template <typename To, typename From>
constexpr bool kMakes = std::is_constructible_v<To, From>;

/* A writable span cannot be constructed from a constant range, nor from a
 * temporary. */
static_assert(kMakes<Span<Buffer>, std::vector<Buffer> &>);
static_assert(kMakes<Span<Buffer>, std::array<Buffer, 2> &>);
static_assert(kMakes<Span<Buffer>, Buffer (&)[2]>);
static_assert(!kMakes<Span<Buffer>, const std::vector<Buffer> &>);
static_assert(!kMakes<Span<Buffer>, std::vector<Buffer>>);
static_assert(!kMakes<Span<Buffer>, std::vector<MutableBuffer> &>);
static_assert(kMakes<Span<const ObjectID>, const std::vector<ObjectID> &>);
static_assert(kMakes<Span<const ObjectID>, std::vector<ObjectID> &>);
static_assert(kMakes<Span<const ObjectID>, std::vector<ObjectID>>);
static_assert(kMakes<Span<const ObjectID>, ObjectID (&)[2]>);
static_assert(kMakes<Span<const ObjectID>, Span<ObjectID>>);
static_assert(!kMakes<Span<ObjectID>, Span<const ObjectID>>);
static_assert(!kMakes<Span<const ObjectID>, std::vector<TaggedID> &>);
static_assert(!kMakes<Span<const ObjectID>, TaggedID (&)[2]>);
static_assert(kMakes<Span<uint8_t>, MutableBuffer &>);
static_assert(!kMakes<Span<uint8_t>, const MutableBuffer &>);
static_assert(!kMakes<Span<uint8_t>, Buffer &>);
static_assert(kMakes<Span<const uint8_t>, const Buffer &>);
static_assert(kMakes<Bytes, const MutableBuffer &>);
static_assert(!kMakes<Bytes, const std::vector<std::string> &>);

/* A program that may only look at an object being written may not write it. */
static_assert(std::is_same_v<decltype(*std::declval<MutableBuffer &>().begin()), uint8_t &>);
static_assert(std::is_same_v<decltype(std::declval<MutableBuffer &>().data(0)), uint8_t *>);
static_assert(
    std::is_same_v<decltype(*std::declval<const MutableBuffer &>().end()), const uint8_t &>);
static_assert(
    std::is_same_v<decltype(std::declval<const MutableBuffer &>().data()), const uint8_t *>);

#if __cplusplus > 201703L
static_assert(kMakes<Span<Buffer>, std::span<Buffer>>);
static_assert(kMakes<Span<const ObjectID>, std::span<ObjectID>>);
static_assert(!kMakes<Span<Buffer>, std::span<const Buffer>>);
static_assert(std::ranges::contiguous_range<MutableBuffer>);
static_assert(std::ranges::contiguous_range<const MutableBuffer>);
static_assert(std::ranges::sized_range<MutableBuffer>);
static_assert(std::ranges::output_range<MutableBuffer, uint8_t>);
static_assert(!std::ranges::output_range<const MutableBuffer, uint8_t>);
static_assert(std::ranges::contiguous_range<Span<const ObjectID>>);
static_assert(std::ranges::input_range<const ObjectList>);
static_assert(std::ranges::input_range<const ClientList>);
static_assert(std::ranges::sized_range<const ObjectList>);
#endif

std::vector<Buffer> GetTwo(const ClientContext &client)
{
    std::vector<Buffer> buffers;
    std::vector<Status> statuses;
    CHECK_OK(client.GetObjects(std::vector<ObjectID>{IdOf(1), IdOf(2)}, buffers, statuses));
    return buffers;
}

void TestManyAreReleasedFromAnyRow(const Store &store)
{
    const ClientContext client = store.Connect();
    CHECK_OK(client.PutObject(IdOf(1), "one"));
    CHECK_OK(client.PutObject(IdOf(2), "two"));

    std::vector<Buffer> buffers = GetTwo(client);
    CHECK_OK(Buffer::ReleaseMany(buffers));
    CHECK(!buffers[0] && !buffers[1] && StatsOf(client).leases == 0);

    buffers = GetTwo(client);
    CHECK_OK(Buffer::ReleaseMany({buffers.data() + 1, 1}));
    CHECK(buffers[0] && !buffers[1] && StatsOf(client).leases == 1);

    std::array<Buffer, 2> array{std::move(buffers[0]), Buffer()};
    CHECK_OK(Buffer::ReleaseMany(array));
    CHECK(!array[0] && StatsOf(client).leases == 0);

    Buffer plain[2];
    CHECK_OK(client.GetObject(IdOf(1), plain[0]));
    CHECK_OK(Buffer::ReleaseMany(plain));
    CHECK(!plain[0] && StatsOf(client).leases == 0);
#if __cplusplus > 201703L
    buffers = GetTwo(client);
    CHECK_OK(Buffer::ReleaseMany(std::span(buffers).first(1)));
    CHECK(!buffers[0] && buffers[1]);
#endif
    CHECK_OK(Buffer::ReleaseMany({}));
}

void TestAnObjectIsWrittenAsARange(const Store &store)
{
    const ClientContext client = store.Connect();
    MutableBuffer writer;
    CHECK(writer.begin() == writer.end() && writer.begin() == nullptr);
    CHECK_OK(client.BuildObject(IdOf(1), 10, writer));

    std::fill(writer.begin(), writer.end(), uint8_t{'x'});
    std::iota(writer.begin(), writer.begin() + 3, uint8_t{'0'});
    for (uint8_t &byte : writer) {
        byte = byte == 'x' ? '-' : byte;
    }
    writer.data()[9] = '!';
    *writer.data(8) = '?';
    const std::string_view text("abc");
    std::copy(text.begin(), text.end(), std::next(std::begin(writer), 4));
    const MutableBuffer &looked_at = writer;
    CHECK(std::equal(looked_at.begin(), looked_at.end(), "012-abc-?!"));
    CHECK(std::size(looked_at) == 10 && std::data(looked_at) == writer.mutable_data());
    CHECK_OK(client.PutObject(IdOf(2), looked_at)); /* bytes like any other */

    const Span<uint8_t> bytes(writer);
    CHECK(bytes.data() == writer.data() && bytes.size() == 10);
    *bytes.begin() = '9';
    CHECK(writer.data()[0] == '9' && bytes.end() == writer.end());
#if __cplusplus > 201703L
    std::ranges::fill(writer, uint8_t{'z'});
    std::ranges::reverse(writer);
    const std::span<uint8_t> view(writer);
    view[1] = 'y';
    CHECK(std::span<const uint8_t>(looked_at)[1] == 'y');
    CHECK(std::ranges::count(looked_at, uint8_t{'z'}) == 9);
#endif
    CHECK_OK(writer.Seal());
    CHECK(writer.begin() == writer.end() && writer.size() == 0);
    Buffer copy;
    CHECK_OK(client.GetObject(IdOf(2), copy, plasma::kNoWait));
    CHECK(copy.view() == "012-abc-?!");
}

void TestAListIsARange(const Store &store)
{
    const ClientContext client = store.Connect();
    CHECK_OK(client.PutObject(IdOf(1), "one"));
    CHECK_OK(client.PutObject(IdOf(2), "three"));

    ObjectList list;
    CHECK_OK(client.ListObjects(list));
    const auto has = [](const plasma::ObjectInfo &info) { return info.data_size == 5; };
    CHECK(std::count_if(list.begin(), list.end(), has) == 1);
    CHECK(std::distance(list.begin(), list.end()) == 2);
    ObjectList::Iterator at = list.begin(), before = at++;
    CHECK(before == list.begin() && before != at && at->struct_size != 0);
    at = ObjectList::Iterator();
    CHECK(ObjectList().begin() == ObjectList().end());
#if __cplusplus > 201703L
    CHECK(std::ranges::count_if(list, has) == 1);
#if !defined(__clang__) || __clang_major__ > 15 // older ones cannot compile libstdc++'s views
    CHECK(std::ranges::distance(list | std::views::filter(has)) == 1);
#endif
#endif
}

}  // namespace

int main()
{
    return RunTests({
        TEST(ManyAreReleasedFromAnyRow),
        TEST(AnObjectIsWrittenAsARange),
        TEST(AListIsARange),
    });
}
