/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * BLAKE2b (RFC 7693) with a digest of 8 bytes, as in Python, in
 * plasma.compat.pyarrow. Only for client.h.
 */

#ifndef PLASMA_COMPAT_DIGEST_H
#define PLASMA_COMPAT_DIGEST_H

#include <plasma/compat/blobs.h>

#include <algorithm>

namespace plasma {
inline namespace for_arrow {
namespace internal {

class Digest {
public:
    Digest() { state_[0] ^= 0x01010000 ^ static_cast<uint64_t>(kDigestSize); }

    void Add(const uint8_t *bytes, uint64_t size)
    {
        while (size > 0) {
            if (filled_ == sizeof block_) {
                total_ += filled_;
                Compress(false);
                filled_ = 0;
            }
            const size_t room = sizeof block_ - filled_;
            const size_t part = size < room ? static_cast<size_t>(size) : room;
            std::memcpy(block_ + filled_, bytes, part);
            filled_ += part;
            bytes += part;
            size -= part;
        }
    }
    void AddWord(uint64_t word)
    {
        uint8_t bytes[kWord];
        Store(word, bytes);
        Add(bytes, kWord);
    }
    void Finish(uint8_t *digest)
    {
        total_ += filled_;
        std::fill(block_ + filled_, block_ + sizeof block_, uint8_t{0});
        Compress(true);
        Store(state_[0], digest);
    }

private:
    static void Store(uint64_t word, uint8_t *bytes)
    {
        for (size_t at = 0; at < kWord; at++) {
            bytes[at] = static_cast<uint8_t>(word >> (8 * at));
        }
    }
    static uint64_t Rotated(uint64_t word, int bits)
    {
        return word >> bits | word << (64 - bits);
    }
    void Compress(bool last)
    {
        static const uint8_t order[10][16] = {
            {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
            {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
            {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
            {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
            {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
            {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
            {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
            {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
            {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
            {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
        };
        uint64_t words[16], v[16];
        for (size_t at = 0; at < 16; at++) {
            words[at] = 0;
            for (size_t byte = kWord; byte-- > 0;) {
                words[at] = words[at] << 8 | block_[kWord * at + byte];
            }
        }
        std::copy(state_, state_ + 8, v);
        std::copy(kStart, kStart + 8, v + 8);
        v[12] ^= total_;
        v[14] = last ? ~v[14] : v[14];
        for (size_t round = 0; round < 12; round++) {
            const uint8_t *next = order[round % 10];
            for (size_t at = 0; at < 8; at++) {
                const size_t turn = at < 4 ? 0 : 1, column = at % 4;
                uint64_t &a = v[column], &b = v[4 + (column + turn) % 4];
                uint64_t &c = v[8 + (column + 2 * turn) % 4];
                uint64_t &d = v[12 + (column + 3 * turn) % 4];
                a += b + words[*next++];
                d = Rotated(d ^ a, 32);
                c += d;
                b = Rotated(b ^ c, 24);
                a += b + words[*next++];
                d = Rotated(d ^ a, 16);
                c += d;
                b = Rotated(b ^ c, 63);
            }
        }
        for (size_t at = 0; at < 8; at++) {
            state_[at] ^= v[at] ^ v[at + 8];
        }
    }

    static constexpr uint64_t kStart[8] = {
        0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
        0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
        0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
    };
    uint64_t state_[8] = {kStart[0], kStart[1], kStart[2], kStart[3],
                          kStart[4], kStart[5], kStart[6], kStart[7]};
    uint64_t total_ = 0;
    uint8_t block_[128] = {};
    size_t filled_ = 0;
};

/* The digest of the data and the metadata of an object. */
inline void DigestOf(const plasma_buffer_t &buffer, uint8_t *digest)
{
    const Blob blob = BlobOf(buffer);
    Digest sum;
    sum.AddWord(buffer.size - blob.tail);
    sum.Add(buffer.data, buffer.size);
    if (blob.tail == 0) {
        sum.Add(blob.data, blob.size);
    }
    sum.Finish(digest);
}

}  // namespace internal
}  // namespace for_arrow
}  // namespace plasma

#endif  /* PLASMA_COMPAT_DIGEST_H */
