package plasma

// Objects go to and from a process in C, which may be killed: $PLASMA_PEER. Stores begin with
// $PLASMA_TEST_STORE.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

func peer(t *testing.T, store string, words ...any) *exec.Cmd {
	t.Helper()
	line := []string{store}
	for _, word := range words {
		line = append(line, fmt.Sprint(word))
	}
	command := exec.Command(os.Getenv("PLASMA_PEER"), line...)
	command.Stderr = os.Stderr
	return command
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func need(t *testing.T, holds bool, what ...any) {
	t.Helper()
	if !holds {
		t.Fatal(what...)
	}
}

func fails(t *testing.T, err error, status Status) {
	t.Helper()
	var failure *Error
	if !errors.Is(err, status) || !errors.As(err, &failure) || failure.Message == "" {
		t.Fatalf("%v, not %v", err, status)
	}
}

func text(t *testing.T, buffer *Buffer) (text string) {
	t.Helper()
	must(t, buffer.View(func(bytes []byte) error {
		text = string(bytes)
		return nil
	}))
	return text
}

func connect(t *testing.T) (*Client, string) {
	t.Helper()
	store := os.Getenv("PLASMA_TEST_STORE") + "-" + t.Name()
	client, err := Connect(store, &ConnectOptions{Flags: ConnectEphemeral, Capacity: 16 << 20})
	must(t, err)
	t.Cleanup(func() { must(t, client.Close()) })
	return client, store
}

func random(t *testing.T) ID {
	t.Helper()
	id, err := RandomID()
	must(t, err)
	return id
}

func TestCReadsWhatGoWrote(t *testing.T) {
	client, store := connect(t)
	id := random(t)
	must(t, client.Put(id, []byte("from Go"), nil))
	must(t, peer(t, store, "expect", id, "from Go").Run())

	id = random(t)
	writer, err := client.Create(id, 4, &CreateOptions{Name: "made"})
	must(t, err)
	must(t, writer.Resize(5))
	must(t, writer.Fill(func(bytes []byte) error {
		need(t, copy(bytes, "piece") == 5)
		fails(t, writer.Seal(), ErrInvalidArgument)
		return nil
	}))
	must(t, writer.SetMetadata("format", []byte("text")))
	must(t, writer.Seal())
	fails(t, writer.Seal(), ErrInvalidArgument)
	fails(t, writer.Fill(func([]byte) error { return nil }), ErrInvalidArgument)
	must(t, writer.Close())
	must(t, peer(t, store, "expect", id, "piece").Run())
}

func TestGoReadsWhatCWrote(t *testing.T) {
	client, store := connect(t)
	id := random(t)
	must(t, peer(t, store, "put", id, "from-c", "text from C").Run())
	found, err := client.Lookup("from-c")
	need(t, err == nil && found == id, err)
	_, err = client.Lookup("from-c\x00")
	fails(t, err, ErrInvalidArgument)
	_, err = client.Create(random(t), 1, &CreateOptions{Name: "a\x00b"})
	fails(t, err, ErrInvalidArgument)
	_, err = client.Create(random(t), 1, &CreateOptions{Metadata: map[string][]byte{"a\x00b": nil}})
	fails(t, err, ErrInvalidArgument)
	_, err = Connect(store+"\x00", nil)
	fails(t, err, ErrInvalidArgument)
	buffer, err := client.GetByName("from-c", 0)
	must(t, err)
	defer buffer.Close()
	need(t, text(t, buffer) == "text from C" && buffer.Len() == 11)
	part := make([]byte, 4)
	n, err := buffer.ReadAt(part, 5)
	need(t, n == 4 && err == nil && string(part) == "from", n, err)
	n, err = buffer.ReadAt(part, 9)
	need(t, n == 2 && err == io.EOF, n, err)
	value, err := buffer.Metadata("format")
	need(t, err == nil && string(value) == "text", err)
	_, err = buffer.Metadata("nothing")
	fails(t, err, ErrNotFound)
	info, err := buffer.Info()
	need(t, err == nil && info.Name == "from-c", err)
}

func TestAProcessThatIsKilledTakesNothingAlong(t *testing.T) {
	client, store := connect(t)
	sealed, open := random(t), random(t)
	worker := peer(t, store, "work", sealed, open, "stays")
	output, err := worker.StdoutPipe()
	must(t, err)
	must(t, worker.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	need(t, line == "ready\n", line, err)
	_, err = client.Get(open, 0)
	fails(t, err, ErrNotSealed)
	fails(t, client.Put(open, nil, nil), ErrExists)
	buffer, err := client.Get(sealed, 0)
	must(t, err)
	must(t, worker.Process.Kill())
	_ = worker.Wait()
	need(t, text(t, buffer) == "stays")
	must(t, buffer.Close())
	must(t, client.Put(open, []byte("mine"), nil))
	must(t, peer(t, store, "expect", open, "mine").Run())
}

func TestAViewKeepsTheLease(t *testing.T) {
	client, _ := connect(t)
	id := random(t)
	must(t, client.Put(id, []byte("view"), &CreateOptions{Name: "v", Metadata: map[string][]byte{"k": []byte("w"), "empty": nil}}))
	buffer, err := client.Get(id, 0)
	must(t, err)
	value, err := buffer.Metadata("empty")
	need(t, err == nil && len(value) == 0, err)
	leases := func() uint32 {
		info, err := client.Info(id)
		must(t, err)
		return info.LeaseCount
	}
	must(t, buffer.View(func(bytes []byte) error {
		must(t, buffer.Close())
		must(t, buffer.Close())
		need(t, leases() == 1, "the view has no lease")
		need(t, string(bytes) == "view" && cap(bytes) == 4)
		return nil
	}))
	need(t, leases() == 0, "the lease stays")
	fails(t, buffer.View(func([]byte) error { return nil }), ErrInvalidArgument)
	_, err = buffer.ReadAt(make([]byte, 1), 0)
	fails(t, err, ErrInvalidArgument)
	_, err = buffer.Metadata("k")
	fails(t, err, ErrInvalidArgument)

	// The kernel guards sealed bytes; the language cannot.
	buffer, err = client.Get(id, 0)
	must(t, err)
	debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(false)
	faulted := func() (faulted bool) {
		defer func() { faulted = recover() != nil }()
		return buffer.View(func(bytes []byte) error { bytes[0] = 0; return nil }) == nil && false
	}()
	need(t, faulted, "a sealed object was written")
	must(t, buffer.Close())
	need(t, leases() == 0, "a panic in a view keeps the lease")
	must(t, client.Delete(id))
	_, err = client.Get(id, 0)
	fails(t, err, ErrNotFound)
}

func TestObjectsAreFoundWaitedForListedAndDeleted(t *testing.T) {
	client, _ := connect(t)
	id, never := random(t), random(t)
	events, err := client.Subscribe()
	must(t, err)
	dropped, err := client.Create(id, 8, nil)
	must(t, err)
	there, err := client.Contains(id)
	need(t, err == nil && !there)
	must(t, dropped.Close())
	must(t, dropped.Close())
	writer, err := client.Create(id, 0, nil)
	must(t, err)
	empty, err := writer.SealAndGet()
	must(t, err)
	need(t, text(t, empty) == "")
	must(t, empty.Close())
	ready, err := client.Wait([]ID{id, never}, 1, 0)
	need(t, err == nil && ready[0] && !ready[1], err)
	ready, err = client.Wait([]ID{never}, 0, time.Millisecond)
	need(t, err == nil && !ready[0], err)
	list, err := client.List()
	need(t, err == nil && len(list) == 1 && list[0].ID == id && list[0].State == StateSealed, err)
	must(t, client.Delete(id))
	for _, kind := range []int32{EventAborted, EventSealed, EventDeleted} {
		event, err := events.Next(10 * time.Second)
		need(t, err == nil && event.Type == kind && event.ID == id, err)
	}
	_, err = events.Next(0)
	fails(t, err, ErrTimeout)
	must(t, events.Close())
	must(t, events.Close())
	_, err = events.Next(0)
	fails(t, err, ErrDisconnected)
	_, err = client.Create(id, 1<<40, nil)
	fails(t, err, ErrTooLarge)
}

func TestACreatorSaysWhyItFails(t *testing.T) {
	client, _ := connect(t)
	id := random(t)
	writer, err := client.Create(id, 64, nil)
	must(t, err)
	must(t, writer.Fail("no such input"))
	_, err = client.Get(id, -1)
	fails(t, err, ErrFailed)
	need(t, strings.Contains(err.Error(), "no such input"), err)
	must(t, client.Delete(id))
}

func TestACloseEndsTheWaitsOfOtherGoroutines(t *testing.T) {
	_, store := connect(t)
	other, err := Connect(store, nil)
	must(t, err)
	ended := make(chan error)
	for range 4 {
		go func() {
			_, err := other.Get(ID{1}, -1)
			ended <- err
		}()
	}
	must(t, other.Close())
	must(t, other.Close())
	for range 4 {
		err := <-ended
		need(t, errors.Is(err, ErrInterrupted) || errors.Is(err, ErrDisconnected), err)
	}
	_, err = other.List()
	fails(t, err, ErrDisconnected)
	_, err = Connect("no-such-store", &ConnectOptions{Flags: ConnectExisting})
	fails(t, err, ErrStoreNotFound)
}
