package plasma

// #include <plasma.h>
// #include <stdlib.h>
import "C"

import (
	"time"
	"unsafe"
)

// CreateOptions are options of a new object; zero values take the defaults.
type CreateOptions struct {
	Name     string
	Metadata map[string][]byte
	Flags    uint32        // bits of CreateZeroed and CreatePinned
	Timeout  time.Duration // how long to wait for space
}

// c returns the options in memory of C, and what frees it.
func (options *CreateOptions) c() (how *C.plasma_create_options_t, free func()) {
	if options == nil {
		return nil, func() {}
	}
	var kept []unsafe.Pointer
	keep := func(pointer unsafe.Pointer) unsafe.Pointer {
		kept = append(kept, pointer)
		return pointer
	}
	how = (*C.plasma_create_options_t)(keep(C.calloc(1, C.sizeof_plasma_create_options_t)))
	how.struct_size = C.sizeof_plasma_create_options_t
	how.flags = C.uint32_t(options.Flags)
	how.timeout_ms = milliseconds(options.Timeout)
	if options.Name != "" {
		how.name = (*C.char)(keep(unsafe.Pointer(cString(options.Name))))
	}
	if count := len(options.Metadata); count > 0 {
		how.metadata_count = C.uint64_t(count)
		how.metadata = (*C.plasma_metadata_t)(keep(C.calloc(C.size_t(count), C.sizeof_plasma_metadata_t)))
		entries, at := unsafe.Slice(how.metadata, count), 0
		for key, value := range options.Metadata {
			entries[at].key = (*C.char)(keep(unsafe.Pointer(cString(key))))
			entries[at].value = keep(C.CBytes(value))
			entries[at].value_size = C.uint64_t(len(value))
			at++
		}
	}
	return how, func() {
		for _, pointer := range kept {
			C.free(pointer)
		}
	}
}

// Put creates an object, copies data into it, and seals it.
func (client *Client) Put(id ID, data []byte, options *CreateOptions) error {
	how, free := options.c()
	defer free()
	return client.call(func(handle *C.plasma_client_t) C.plasma_status_t {
		return C.plasma_put(handle, id.c(), unsafe.Pointer(unsafe.SliceData(data)), C.uint64_t(len(data)), how)
	})
}

// MutableBuffer is the writable view of one object until it is sealed or closed.
type MutableBuffer struct {
	views  views
	buffer C.plasma_mutable_buffer_t
}

// Create creates an object, to be written and then sealed.
func (client *Client) Create(id ID, size uint64, options *CreateOptions) (*MutableBuffer, error) {
	how, free := options.c()
	defer free()
	buffer := new(MutableBuffer)
	err := client.call(func(handle *C.plasma_client_t) C.plasma_status_t {
		return C.plasma_create(handle, id.c(), C.uint64_t(size), how, &buffer.buffer)
	})
	if err != nil {
		return nil, err
	}
	return buffer, nil
}

// Fill calls body with the object's bytes, in shared memory. They are valid until body returns;
// until then the object cannot be sealed, resized or discarded.
func (buffer *MutableBuffer) Fill(body func(bytes []byte) error) error {
	return buffer.views.during(func() error {
		size := int64(buffer.buffer.size)
		return body(unsafe.Slice((*byte)(unsafe.Pointer(buffer.buffer.data)), size)[:size:size])
	}, func() error { return nil })
}

// call makes a call while no Fill runs; one that ends the buffer closes it if it succeeds.
func (buffer *MutableBuffer) call(ends bool, call func() C.plasma_status_t) error {
	buffer.views.mutex.Lock()
	defer buffer.views.mutex.Unlock()
	if buffer.views.closed {
		return &Error{ErrInvalidArgument, "the object is sealed or discarded"}
	}
	if buffer.views.count > 0 {
		return &Error{ErrInvalidArgument, "the object is being filled"}
	}
	err := check(call)
	buffer.views.closed = ends && err == nil
	return err
}

// Resize changes the size of the object.
func (buffer *MutableBuffer) Resize(size uint64) error {
	return buffer.call(false, func() C.plasma_status_t {
		return C.plasma_resize(&buffer.buffer, C.uint64_t(size))
	})
}

// SetMetadata sets or replaces one metadata entry.
func (buffer *MutableBuffer) SetMetadata(key string, value []byte) error {
	text := cString(key)
	defer C.free(unsafe.Pointer(text))
	return buffer.call(false, func() C.plasma_status_t {
		return C.plasma_set_metadata(&buffer.buffer, text, unsafe.Pointer(unsafe.SliceData(value)), C.uint64_t(len(value)))
	})
}

// Seal publishes the object.
func (buffer *MutableBuffer) Seal() error {
	return buffer.call(true, func() C.plasma_status_t { return C.plasma_seal(&buffer.buffer) })
}

// SealAndGet publishes the object and gets it.
func (buffer *MutableBuffer) SealAndGet() (*Buffer, error) {
	return newBuffer(func(sealed *C.plasma_buffer_t) error {
		return buffer.call(true, func() C.plasma_status_t {
			return C.plasma_seal_and_get(&buffer.buffer, sealed)
		})
	})
}

// Fail ends an object that cannot be made: gets of it fail with the message.
func (buffer *MutableBuffer) Fail(message string) error {
	text := cString(message)
	defer C.free(unsafe.Pointer(text))
	return buffer.call(true, func() C.plasma_status_t { return C.plasma_fail(&buffer.buffer, text) })
}

// Close discards the object, unless it is sealed.
func (buffer *MutableBuffer) Close() error {
	buffer.views.mutex.Lock()
	closed := buffer.views.closed
	buffer.views.mutex.Unlock()
	if closed {
		return nil
	}
	return buffer.call(true, func() C.plasma_status_t { return C.plasma_abort(&buffer.buffer) })
}
