// A vector that grows in shared memory: its elements are written where readers
// find them, and sealing it copies nothing.
#include <plasma.hpp>

#include <algorithm>
#include <cstdio>
#include <type_traits>

using plasma::ThrowOnError;

template <typename T> class SharedVector {
    static_assert(std::is_trivially_copyable_v<T>, "other processes read it");

public:
    SharedVector(const plasma::ClientContext &client, const plasma::ObjectID &id)
    {
        ThrowOnError(client.BuildObject(id, 16 * sizeof(T), buffer_));
    }

    // Doubles the object when it is full, in place if possible.
    void push_back(const T &value)
    {
        if ((size_ + 1) * sizeof(T) > buffer_.size()) {
            ThrowOnError(buffer_.Resize(2 * buffer_.size()));
        }
        data()[size_++] = value;
    }

    T *data() { return reinterpret_cast<T *>(buffer_.mutable_data()); }
    size_t size() const { return size_; }

    // Shrinks the object to its elements, and publishes it.
    void Seal()
    {
        ThrowOnError(buffer_.Resize(size_ * sizeof(T)));
        ThrowOnError(buffer_.Seal());
    }

private:
    plasma::MutableBuffer buffer_;
    size_t size_ = 0;
};

struct Point {
    double x, y;
};

static void Run()
{
    plasma::ConnectOptions options;
    plasma::ClientContext client;
    plasma::ObjectID id;
    options.flags = PLASMA_CONNECT_EPHEMERAL;
    ThrowOnError(client.Connect(nullptr, options));
    ThrowOnError(plasma::ObjectID::Random(id));

    SharedVector<Point> points(client, id);
    for (int at = 0; at < 100000; at++) {
        points.push_back({at * 0.5, at * 2.0});
    }
    points.Seal();

    plasma::Buffer buffer;
    ThrowOnError(client.GetObject(id, buffer)); // any process
    const auto *begin = reinterpret_cast<const Point *>(buffer.data());
    const auto *end = begin + buffer.size() / sizeof(Point);
    const auto last = std::max_element(
        begin, end, [](Point a, Point b) { return a.x < b.x; });
    std::printf("%td points, the last at %.1f, %.1f\n", end - begin, last->x,
                last->y);
}

int main()
{
    try {
        Run();
    } catch (const plasma::Error &error) {
        std::fprintf(stderr, "vector: %s\n", error.what());
        return 1;
    }
    return 0;
}
