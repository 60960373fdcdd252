package plasma

// #include <plasma.h>
import "C"

import (
	"sync"
	"time"
	"unsafe"
)

// ObjectInfo has facts about an object. The state is one of StateWriting and so on.
type ObjectInfo struct {
	ID             ID
	State          int32
	Name           string
	DataSize       uint64
	MetadataSize   uint64
	Created        time.Time
	Construction   time.Duration // negative until it is sealed
	CreatorPid     int32
	CreatorAddress string
	LeaseCount     uint32
}

func newInfo() *C.plasma_object_info_t {
	return &C.plasma_object_info_t{struct_size: C.sizeof_plasma_object_info_t}
}

func goInfo(info *C.plasma_object_info_t) *ObjectInfo {
	return &ObjectInfo{
		ID:             *(*ID)(unsafe.Pointer(&info.id)),
		State:          int32(info.state),
		Name:           C.GoString(&info.name[0]),
		DataSize:       uint64(info.data_size),
		MetadataSize:   uint64(info.metadata_size),
		Created:        time.UnixMicro(int64(info.create_time_us)),
		Construction:   time.Duration(info.construct_duration_us) * time.Microsecond,
		CreatorPid:     int32(info.creator_pid),
		CreatorAddress: C.GoString(&info.creator_address[0]),
		LeaseCount:     uint32(info.lease_count),
	}
}

// Info returns facts about an object, sealed or not.
func (client *Client) Info(id ID) (*ObjectInfo, error) {
	info := newInfo()
	err := client.call(func(handle *C.plasma_client_t) C.plasma_status_t {
		return C.plasma_object_info(handle, id.c(), info)
	})
	if err != nil {
		return nil, err
	}
	return goInfo(info), nil
}

// List returns facts about all objects.
func (client *Client) List() ([]*ObjectInfo, error) {
	var list *C.plasma_list_t
	err := client.call(func(handle *C.plasma_client_t) C.plasma_status_t { return C.plasma_list(handle, &list) })
	if err != nil {
		return nil, err
	}
	defer C.plasma_list_free(list)
	all := make([]*ObjectInfo, C.plasma_list_count(list))
	for at := range all {
		info := newInfo()
		if err := check(func() C.plasma_status_t { return C.plasma_list_at(list, C.uint64_t(at), info) }); err != nil {
			return nil, err
		}
		all[at] = goInfo(info)
	}
	return all, nil
}

// Event is an event of a store. The type is one of EventSealed and so on; ignore others.
type Event struct {
	Type      int32
	Sequence  uint64
	Time      time.Time
	ID        ID
	DataSize  uint64
	LostCount uint64
}

// Subscription is a reader of the events of a store, for one goroutine at a time.
type Subscription struct {
	mutex  sync.Mutex
	handle *C.plasma_subscription_t
}

// Subscribe subscribes to the events of the store, from now on.
func (client *Client) Subscribe() (*Subscription, error) {
	subscription := new(Subscription)
	err := client.call(func(handle *C.plasma_client_t) C.plasma_status_t {
		return C.plasma_subscribe(handle, &subscription.handle)
	})
	if err != nil {
		return nil, err
	}
	return subscription, nil
}

// Next takes the next event. Client.Interrupt ends its wait.
func (subscription *Subscription) Next(timeout time.Duration) (*Event, error) {
	subscription.mutex.Lock()
	defer subscription.mutex.Unlock()
	if subscription.handle == nil {
		return nil, &Error{ErrDisconnected, "the subscription is closed"}
	}
	event := C.plasma_event_t{struct_size: C.sizeof_plasma_event_t}
	err := check(func() C.plasma_status_t {
		return C.plasma_next_event(subscription.handle, milliseconds(timeout), &event)
	})
	if err != nil {
		return nil, err
	}
	return &Event{
		Type:      int32(event._type),
		Sequence:  uint64(event.sequence),
		Time:      time.UnixMicro(int64(event.time_us)),
		ID:        *(*ID)(unsafe.Pointer(&event.id)),
		DataSize:  uint64(event.data_size),
		LostCount: uint64(event.lost_count),
	}, nil
}

// Close ends the subscription, after the Next in flight.
func (subscription *Subscription) Close() error {
	subscription.mutex.Lock()
	defer subscription.mutex.Unlock()
	C.plasma_unsubscribe(subscription.handle)
	subscription.handle = nil
	return nil
}
