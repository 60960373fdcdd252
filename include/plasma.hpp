/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Plasma for C++17: the C API of plasma.h with owners in place of handles.
 *
 * This header adds ownership and no other behaviour. Each method makes one call
 * of plasma.h, which its comment names. What plasma.h says of that call is true
 * here, so read its caveats first. At the end of its scope a ClientContext
 * disconnects, a Buffer is released, and a MutableBuffer that was not sealed is
 * aborted.
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
 * Results. A call that can fail returns a [[nodiscard]] Status. ThrowOnError()
 * throws; otherwise only std::string and std::vector throw, when they get no
 * memory: for text passed as std::string_view, and for the vectors of calls
 * with many objects. The header compiles with -fno-exceptions and -fno-rtti.
 *
 * Outputs are references and follow the inputs. They are written on PLASMA_OK
 * only, and what they owned before is released then; vectors are released
 * before the call.
 *
 * Ownership. Classes that own something can be moved, not copied. A moved-from
 * object is empty, like a new one. c() returns the handle for calls of the C
 * API, Detach() gives up ownership of it, and a constructor takes ownership.
 *
 * Arguments are borrowed during the call. Text is a literal, a std::string or a
 * std::string_view; Bytes is any contiguous container of trivially copyable
 * values, text, or a pointer and a size; many ids are a vector, an array or a
 * span of ObjectID. Timeouts are in milliseconds: kNoWait (0), kForever (-1) or
 * more.
 *
 * Threads. As in C, any number of threads may use a ClientContext, a list or a
 * Subscription at once, but not while it is moved, connected or disconnected;
 * one thread at a time may use a buffer.
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
