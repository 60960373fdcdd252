import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import plasma.*;

/** Objects go to and from a process in C, which may be killed. SharingTest PEER STORE */
public final class SharingTest {
    private static String[] command;
    private static int passed;

    private interface Body {
        void run() throws Exception;
    }

    private static void check(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }

    private static void test(String name, Body body) throws Exception {
        body.run();
        passed++;
        System.out.println("ok " + name);
    }

    private static <T extends Throwable> T thrown(Class<T> kind, Body body) throws Exception {
        try {
            body.run();
        } catch (Throwable thrown) {
            if (kind.isInstance(thrown)) return kind.cast(thrown);
            throw new AssertionError("another exception", thrown);
        }
        throw new AssertionError("no " + kind);
    }

    private static void fails(Status status, Body body) throws Exception {
        PlasmaException failure = thrown(PlasmaException.class, body);
        check(failure.status() == status, failure.toString());
        check(failure.getMessage().length() > status.name().length() + 2, "a message");
    }

    private static Process peer(Object... arguments) throws Exception {
        List<String> line = new ArrayList<>(List.of(command));
        for (Object argument : arguments) line.add(argument.toString());
        return new ProcessBuilder(line).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(MemorySegment data) {
        return new String(data.toArray(JAVA_BYTE), StandardCharsets.UTF_8);
    }

    public static void main(String[] arguments) throws Exception {
        command = arguments;
        String store = arguments[1];
        ConnectOptions options = new ConnectOptions(ConnectOptions.EPHEMERAL, 16 << 20, 0, 0, false);
        try (Client client = Client.connect(store, options)) {
            test("C reads what Java wrote", () -> {
                ObjectId id = ObjectId.random();
                client.put(id, bytes("from Java"), CreateOptions.NONE);
                check(peer("expect", id, "from Java").waitFor() == 0, "expect");
                ObjectId second = ObjectId.random();
                try (MutableBuffer writer = client.create(second, 4, CreateOptions.named("made"))) {
                    writer.resize(5);
                    writer.data().copyFrom(MemorySegment.ofArray(bytes("piece")));
                    writer.setMetadata("format", bytes("text"));
                    MemorySegment stale = writer.data();
                    writer.seal();
                    thrown(IllegalStateException.class, () -> stale.set(JAVA_BYTE, 0, (byte) 0));
                    thrown(IllegalStateException.class, writer::data);
                }
                check(peer("expect", second, "piece").waitFor() == 0, "expect");
            });
            test("Java reads what C wrote", () -> {
                ObjectId id = ObjectId.random();
                check(peer("put", id, "from-c", "text from C").waitFor() == 0, "put");
                check(client.lookup("from-c").equals(id), "lookup");
                thrown(IllegalArgumentException.class, () -> client.lookup("from-c\0"));
                thrown(IllegalArgumentException.class,
                        () -> client.create(ObjectId.random(), 1, CreateOptions.named("a\0b")));
                try (Buffer buffer = client.get("from-c", 0)) {
                    check(text(buffer.data()).equals("text from C"), "data");
                    check(text(buffer.metadata("format")).equals("text"), "metadata");
                    check(buffer.info().name().equals("from-c"), "info");
                    fails(Status.NOT_FOUND, () -> buffer.metadata("nothing"));
                }
            });
            test("a process that is killed takes nothing along", () -> {
                ObjectId sealed = ObjectId.random();
                ObjectId open = ObjectId.random();
                Process worker = peer("work", sealed, open, "stays");
                check(worker.inputReader().readLine().equals("ready"), "ready");
                fails(Status.NOT_SEALED, () -> client.get(open, 0));
                fails(Status.EXISTS, () -> client.put(open, bytes("x"), CreateOptions.NONE));
                try (Buffer buffer = client.get(sealed, 0)) {
                    worker.destroyForcibly().waitFor();
                    check(text(buffer.data()).equals("stays"), "data");
                    client.put(open, bytes("mine"), CreateOptions.NONE);
                    check(peer("expect", open, "mine").waitFor() == 0, "expect");
                }
            });
            test("a view ends with its buffer and cannot be written", () -> {
                ObjectId id = ObjectId.random();
                client.put(id, bytes("view"), new CreateOptions("v", Map.of("k", bytes("w")), 0, 0));
                Buffer buffer = client.get(id, 0);
                MemorySegment data = buffer.data();
                MemorySegment slice = data.asSlice(1, 2);
                ByteBuffer nio = data.asByteBuffer();
                MemorySegment value = buffer.metadata("k");
                thrown(IllegalArgumentException.class, () -> data.set(JAVA_BYTE, 0, (byte) 0));
                thrown(ReadOnlyBufferException.class, () -> nio.put(0, (byte) 0));
                check(nio.get(0) == 'v' && text(value).equals("w"), "bytes");
                client.delete(id);
                check(text(data).equals("view"), "it is held");
                check(client.list().stream().anyMatch(it -> it.id().equals(id)
                        && it.state() == ObjectInfo.STATE_DELETED), "list");
                buffer.close();
                buffer.close();
                thrown(IllegalStateException.class, () -> data.get(JAVA_BYTE, 0));
                thrown(IllegalStateException.class, () -> slice.get(JAVA_BYTE, 0));
                thrown(IllegalStateException.class, () -> nio.get(0));
                thrown(IllegalStateException.class, () -> value.get(JAVA_BYTE, 0));
                thrown(IllegalStateException.class, () -> buffer.metadata("k"));
                fails(Status.NOT_FOUND, () -> client.get(id, 0));
            });
            test("objects are found, waited for, listed and deleted, and events say so", () -> {
                ObjectId id = ObjectId.random();
                ObjectId never = ObjectId.random();
                try (Subscription events = client.subscribe()) {
                    MutableBuffer dropped = client.create(id, 8, CreateOptions.NONE);
                    check(!client.contains(id), "contains");
                    dropped.close();
                    client.create(id, 0, CreateOptions.NONE).sealAndGet().close();
                    boolean[] ready = client.await(List.of(id, never), 1, 0);
                    check(ready[0] && !ready[1], "await");
                    check(!client.await(List.of(never), 0, 1)[0], "await");
                    check(client.contains(id) && client.info(id).dataSize() == 0, "info");
                    client.delete(id);
                    int[] types = {Event.ABORTED, Event.SEALED, Event.DELETED};
                    for (int type : types) {
                        Event event = events.next(10_000);
                        check(event.type() == type && event.id().equals(id), event.toString());
                    }
                    fails(Status.TIMEOUT, () -> events.next(0));
                }
                check(ObjectId.ofHex(id.toString()).equals(id), "hex");
                fails(Status.TOO_LARGE, () -> client.create(id, 1L << 40, CreateOptions.NONE));
                fails(Status.INVALID_ARGUMENT, () -> client.get(id, -2));
            });
            test("a creator says why it fails", () -> {
                ObjectId id = ObjectId.random();
                client.create(id, 64, CreateOptions.NONE).fail("no such input");
                PlasmaException failure =
                        thrown(PlasmaException.class, () -> client.get(id, -1));
                check(failure.status() == Status.FAILED, failure.toString());
                check(failure.getMessage().contains("no such input"), failure.toString());
                client.delete(id);
            });
            test("a close ends the waits of other threads", () -> {
                Client other = Client.connect(store);
                Throwable[] ended = new Throwable[1];
                Thread waiter = new Thread(() -> {
                    try {
                        other.get(ObjectId.random(), -1);
                    } catch (Throwable thrown) {
                        ended[0] = thrown;
                    }
                });
                waiter.start();
                while (waiter.getState() == Thread.State.NEW) Thread.onSpinWait();
                other.close();
                other.close();
                waiter.join();
                check(ended[0] instanceof IllegalStateException
                        || ((PlasmaException) ended[0]).status() == Status.INTERRUPTED, "" + ended[0]);
                thrown(IllegalStateException.class, other::list);
            });
        }
        fails(Status.STORE_NOT_FOUND,
                () -> Client.connect(store, ConnectOptions.flags(ConnectOptions.EXISTING)));
        System.out.println(passed + " passed, 0 failed");
    }
}
