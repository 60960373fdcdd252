/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Plasma for C++17: the C API of plasma.h with owners in place of handles.
 *
 * This header adds no behaviour: each method makes one call of plasma.h, which
 * its comment names, and what is said there holds here: read its caveats first.
 * What it adds is ownership. A ClientContext disconnects, a Buffer is released,
 * and a MutableBuffer that was not sealed is aborted, when its scope ends.
 *
 * Example
 * -------
 *
 *     // c++ -std=c++17 hello.cpp -lplasma
 *     #include <plasma.hpp>
 *     #include <cstdio>
 *     #include <cstring>
 *
 *     static plasma::Status Hello()
 *     {
 *         plasma::ClientContext client;
 *         plasma::MutableBuffer writable;
 *         plasma::Buffer sealed;
 *         plasma::ObjectID id;
 *
 *         if (auto status = client.Connect("hello"); !status.ok())
 *             return status;
 *         if (auto status = plasma::ObjectID::Random(id); !status.ok())
 *             return status;
 *         if (auto status = client.BuildObject(id, 6, writable); !status.ok())
 *             return status;
 *         std::memcpy(writable.mutable_data(), "hello", 6);
 *         if (auto status = writable.Seal(); !status.ok())
 *             return status;
 *         if (auto status = client.GetObject(id, sealed); !status.ok())
 *             return status;
 *         std::printf("%s\n", sealed.view().data());
 *         return plasma::ClientContext::RemoveStore("hello");
 *     }
 *
 *     int main()
 *     {
 *         if (Hello().ok())
 *             return 0;
 *         std::fprintf(stderr, "%s\n", plasma::Status::message());
 *         return 1;
 *     }
 *
 * With exceptions each of these calls is one line:
 *
 *     plasma::ThrowOnError(client.BuildObject(id, 6, writable));
 *
 * Conventions
 * -----------
 *
 * Results. A call that can fail returns a Status, which the compiler wants
 * looked at. Nothing here throws but ThrowOnError(), and what std::string and
 * std::vector throw when memory is out where they are used: for text given as
 * std::string_view and for the vectors of the calls with many objects. It
 * compiles with -fno-exceptions and -fno-rtti.
 *
 * Outputs are references, and come after what is given. They are written on
 * PLASMA_OK only, and what they owned before is then given back; in vectors it
 * is given back first.
 *
 * Ownership. The classes that own something are moved, not copied. A moved-from
 * one is empty, as a new one is. c() lends the handle of plasma.h for calls of
 * the C API, Detach() hands it over, and a constructor takes one over.
 *
 * Arguments are borrowed for the call. Text is a literal, a std::string or a
 * std::string_view; Bytes is any contiguous container of plain values, text or
 * a pointer and a size; ids in a row are a vector, an array or a span of
 * ObjectID. Times are in milliseconds: kNoWait (0), kForever (-1) or more.
 *
 * Threads. As in C: a ClientContext, a list and a Subscription may be used by
 * any number of threads at once, but not while it is moved, connected or
 * disconnected; a buffer by one at a time.
 */

#ifndef PLASMA_HPP
#define PLASMA_HPP

#include <plasma/version.hpp>
#include <plasma/status.hpp>
#include <plasma/arguments.hpp>
#include <plasma/id.hpp>
#include <plasma/options.hpp>
#include <plasma/info.hpp>
#include <plasma/buffer.hpp>
#include <plasma/mutable_buffer.hpp>
#include <plasma/list.hpp>
#include <plasma/subscription.hpp>
#include <plasma/connection.hpp>
#include <plasma/client.hpp>

#endif  /* PLASMA_HPP */
