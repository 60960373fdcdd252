// Package plasma shares immutable objects with other processes, by plasma.h.
//
// A negative timeout waits forever, 0 does not wait. Clients may be used by any number of
// goroutines. A call that fails returns an *Error, which errors.Is compares with a Status.
package plasma

/*
#cgo LDFLAGS: -lplasma
#include <plasma.h>
#include <stdlib.h>
*/
import "C"

import (
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Error returns the name of a status.
func (status Status) Error() string {
	return C.GoString(C.plasma_status_name(C.int32_t(status)))
}

// Error is a call that failed.
type Error struct {
	Status  Status
	Message string
}

func (err *Error) Error() string { return err.Status.Error() + ": " + err.Message }

// Unwrap returns the status.
func (err *Error) Unwrap() error { return err.Status }

// check makes a call and reads its message, which belongs to the thread.
func check(call func() C.plasma_status_t) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if status := call(); status != C.PLASMA_OK {
		return &Error{Status(status), C.GoString(C.plasma_error_message())}
	}
	return nil
}

func milliseconds(timeout time.Duration) C.int64_t {
	if timeout < 0 {
		return -1
	}
	rounded := timeout / time.Millisecond
	if timeout%time.Millisecond > 0 {
		rounded++
	}
	return C.int64_t(rounded)
}

// ID is the id of an object.
type ID [20]byte

// RandomID makes a random id.
func RandomID() (id ID, err error) {
	err = check(func() C.plasma_status_t { return C.plasma_id_random(id.c()) })
	return id, err
}

// String returns 40 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

func (id *ID) c() *C.plasma_id_t { return (*C.plasma_id_t)(unsafe.Pointer(id)) }

// ConnectOptions are options of a connection; zero values take the defaults.
type ConnectOptions struct {
	Flags      uint32 // bits of ConnectExisting, ConnectReadOnly and so on
	Capacity   uint64
	MaxObjects uint64
	Mode       uint32
	Evict      bool
}

// Client is a connection to a store.
type Client struct {
	calls  sync.RWMutex // held for reading by each call
	closed atomic.Bool
	handle *C.plasma_client_t
}

// cString copies text for a call. C would end it at a NUL inside, so a byte takes its place that
// the library refuses: it is not UTF-8.
func cString(text string) *C.char {
	return C.CString(strings.ReplaceAll(text, "\x00", "\xff"))
}

func address(text string) *C.char {
	if text == "" {
		return nil
	}
	return cString(text)
}

// Connect opens a store, or creates it. An empty address is the one in $PLASMA_STORE.
func Connect(store string, options *ConnectOptions) (*Client, error) {
	at := address(store)
	defer C.free(unsafe.Pointer(at))
	how := C.plasma_connect_options_t{struct_size: C.sizeof_plasma_connect_options_t}
	if options != nil {
		how.flags = C.uint32_t(options.Flags)
		how.capacity = C.uint64_t(options.Capacity)
		how.max_objects = C.uint64_t(options.MaxObjects)
		how.mode = C.uint32_t(options.Mode)
		if options.Evict {
			how.eviction = C.PLASMA_EVICTION_LRU
		}
	}
	client := new(Client)
	err := check(func() C.plasma_status_t { return C.plasma_connect(at, &how, &client.handle) })
	if err != nil {
		return nil, err
	}
	return client, nil
}

// Remove removes a store and all objects in it.
func Remove(store string) error {
	at := address(store)
	defer C.free(unsafe.Pointer(at))
	return check(func() C.plasma_status_t { return C.plasma_store_remove(at) })
}

// call makes a call, during which Close waits.
func (client *Client) call(call func(*C.plasma_client_t) C.plasma_status_t) error {
	client.calls.RLock()
	defer client.calls.RUnlock()
	if client.closed.Load() {
		return &Error{ErrDisconnected, "the client is closed"}
	}
	return check(func() C.plasma_status_t { return call(client.handle) })
}

// Interrupt ends the wait of each call in flight with ErrInterrupted.
func (client *Client) Interrupt() error {
	return client.call(func(handle *C.plasma_client_t) C.plasma_status_t { return C.plasma_interrupt(handle) })
}

// Close disconnects, after the calls in flight; those that wait end with ErrInterrupted. Buffers
// stay usable.
func (client *Client) Close() error {
	if client.closed.Swap(true) {
		return nil
	}
	for !client.calls.TryLock() {
		C.plasma_interrupt(client.handle)
		time.Sleep(100 * time.Microsecond)
	}
	defer client.calls.Unlock()
	C.plasma_disconnect(client.handle)
	return nil
}

// Address returns the directory of the store.
func (client *Client) Address() (text string, err error) {
	err = client.call(func(handle *C.plasma_client_t) C.plasma_status_t {
		text = C.GoString(C.plasma_client_address(handle))
		return C.PLASMA_OK
	})
	return text, err
}

// Delete deletes a sealed object; its memory is freed after the last buffer on it is closed.
func (client *Client) Delete(id ID) error {
	return client.call(func(handle *C.plasma_client_t) C.plasma_status_t { return C.plasma_delete(handle, id.c()) })
}

// Contains returns whether there is a sealed object with this id.
func (client *Client) Contains(id ID) (bool, error) {
	var state C.plasma_state_t
	err := client.call(func(handle *C.plasma_client_t) C.plasma_status_t {
		return C.plasma_contains(handle, id.c(), &state)
	})
	return state == C.PLASMA_STATE_SEALED, err
}

// Lookup finds the id of the object with a name.
func (client *Client) Lookup(name string) (id ID, err error) {
	text := cString(name)
	defer C.free(unsafe.Pointer(text))
	err = client.call(func(handle *C.plasma_client_t) C.plasma_status_t {
		return C.plasma_lookup(handle, text, id.c())
	})
	return id, err
}

// Wait waits until numReady objects are sealed, 0 for all. It returns which are, also if time is up.
func (client *Client) Wait(ids []ID, numReady int, timeout time.Duration) ([]bool, error) {
	if numReady < 0 {
		return nil, fmt.Errorf("plasma: %d objects", numReady)
	}
	ready := make([]uint8, len(ids)+1)
	var count C.size_t
	err := client.call(func(handle *C.plasma_client_t) C.plasma_status_t {
		status := C.plasma_wait(handle, (*C.plasma_id_t)(unsafe.Pointer(unsafe.SliceData(ids))),
			C.size_t(len(ids)), C.size_t(numReady), milliseconds(timeout), (*C.uint8_t)(&ready[0]), &count)
		if Status(status) == ErrTimeout {
			return C.PLASMA_OK
		}
		return status
	})
	all := make([]bool, len(ids))
	for at := range all {
		all[at] = ready[at] != 0
	}
	return all, err
}
