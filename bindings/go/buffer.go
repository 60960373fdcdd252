package plasma

// #include <plasma.h>
// #include <stdlib.h>
import "C"

import (
	"io"
	"sync"
	"time"
	"unsafe"
)

// views counts the functions that read or write the bytes of a buffer. Go cannot end a slice, so
// the memory is given back after the last of them.
type views struct {
	mutex  sync.Mutex
	count  int
	closed bool
}

// during calls body while the buffer keeps its memory. The last body after an end calls last.
func (views *views) during(body func() error, last func() error) (err error) {
	views.mutex.Lock()
	if views.closed {
		views.mutex.Unlock()
		return &Error{ErrInvalidArgument, "the buffer is closed"}
	}
	views.count++
	views.mutex.Unlock()
	defer func() {
		views.mutex.Lock()
		defer views.mutex.Unlock()
		views.count--
		if views.closed && views.count == 0 {
			if failed := last(); err == nil {
				err = failed
			}
		}
	}()
	return body()
}

// Buffer is a read-only view of one sealed object, which it keeps until it is closed.
type Buffer struct {
	views  views
	buffer C.plasma_buffer_t
	size   int64
}

// Len returns the size of the object in bytes.
func (buffer *Buffer) Len() int64 { return buffer.size }

// View calls body with the object's bytes, in shared memory. They are valid until body returns, and
// a write to them is a fatal fault. A Close in the meantime takes effect afterwards.
func (buffer *Buffer) View(body func(bytes []byte) error) error {
	return buffer.views.during(func() error {
		bytes := unsafe.Slice((*byte)(unsafe.Pointer(buffer.buffer.data)), buffer.size)
		return body(bytes[:buffer.size:buffer.size])
	}, buffer.release)
}

// ReadAt copies bytes out, as io.ReaderAt.
func (buffer *Buffer) ReadAt(into []byte, offset int64) (n int, err error) {
	err = buffer.View(func(bytes []byte) error {
		if offset < 0 || offset > int64(len(bytes)) {
			return io.EOF
		}
		if n = copy(into, bytes[offset:]); n < len(into) {
			return io.EOF
		}
		return nil
	})
	return n, err
}

// Metadata returns a copy of the value of a metadata key.
func (buffer *Buffer) Metadata(key string) (value []byte, err error) {
	text := cString(key)
	defer C.free(unsafe.Pointer(text))
	err = buffer.call(func() C.plasma_status_t {
		var data unsafe.Pointer
		var size C.uint64_t
		status := C.plasma_get_metadata(&buffer.buffer, text, &data, &size)
		if status == C.PLASMA_OK {
			value = C.GoBytes(data, C.int(size))
		}
		return status
	})
	return value, err
}

// Info returns facts about the object.
func (buffer *Buffer) Info() (*ObjectInfo, error) {
	info := newInfo()
	if err := buffer.call(func() C.plasma_status_t { return C.plasma_buffer_info(&buffer.buffer, info) }); err != nil {
		return nil, err
	}
	return goInfo(info), nil
}

// call makes a call with the buffer, one at a time.
func (buffer *Buffer) call(call func() C.plasma_status_t) error {
	buffer.views.mutex.Lock()
	defer buffer.views.mutex.Unlock()
	if buffer.views.closed {
		return &Error{ErrInvalidArgument, "the buffer is closed"}
	}
	return check(call)
}

func (buffer *Buffer) release() error {
	return check(func() C.plasma_status_t { return C.plasma_release(&buffer.buffer) })
}

// Close releases the object, after the last View.
func (buffer *Buffer) Close() error {
	buffer.views.mutex.Lock()
	defer buffer.views.mutex.Unlock()
	if buffer.views.closed {
		return nil
	}
	buffer.views.closed = true
	if buffer.views.count > 0 {
		return nil
	}
	return buffer.release()
}

func newBuffer(fill func(*C.plasma_buffer_t) error) (*Buffer, error) {
	buffer := new(Buffer)
	if err := fill(&buffer.buffer); err != nil {
		return nil, err
	}
	buffer.size = int64(buffer.buffer.size)
	return buffer, nil
}

// Get gets an object.
func (client *Client) Get(id ID, timeout time.Duration) (*Buffer, error) {
	return newBuffer(func(buffer *C.plasma_buffer_t) error {
		return client.call(func(handle *C.plasma_client_t) C.plasma_status_t {
			return C.plasma_get(handle, id.c(), milliseconds(timeout), buffer)
		})
	})
}

// GetByName gets an object by its name.
func (client *Client) GetByName(name string, timeout time.Duration) (*Buffer, error) {
	text := cString(name)
	defer C.free(unsafe.Pointer(text))
	return newBuffer(func(buffer *C.plasma_buffer_t) error {
		return client.call(func(handle *C.plasma_client_t) C.plasma_status_t {
			return C.plasma_get_by_name(handle, text, milliseconds(timeout), buffer)
		})
	})
}
