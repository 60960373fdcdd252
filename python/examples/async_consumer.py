"""An asyncio program follows the orders that another process puts into the store.

python async_consumer.py [ORDERS]
"""

import asyncio
import multiprocessing
import sys

import plasma

CLOSING = plasma.ObjectID.from_str("closing time")


def produce(client, orders):
    client.get("open")  # nobody would see an order before
    for number in range(orders):
        client.put({"order": number, "cups": number % 3 + 1})
    client.put_bytes(b"", id=CLOSING)


async def serve(client, events):
    """Serve orders as they are sealed, while the rest of the program runs."""
    cups = 0
    async for event in events:
        if event.id == CLOSING:
            break
        if event.type is plasma.EventType.SEALED and event.size > 0:
            cups += client.get_object(event.id)["cups"]
            client.delete(event.id)
    return cups


async def follow(client, orders):
    producer = multiprocessing.get_context("spawn").Process(target=produce, args=(client, orders))
    producer.start()
    with client.events() as events:
        client.put_bytes(b"", name="open")
        cups = await serve(client, events)
    producer.join()
    return cups


def main(orders=300):
    with plasma.connect("async-consumer", ephemeral=True) as client:
        cups = asyncio.run(follow(client, orders))
    print(f"{orders} orders, {cups} cups")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
