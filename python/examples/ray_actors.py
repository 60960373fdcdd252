"""Actors of Ray on one machine that pass tensors as views of shared memory.

python ray_actors.py [MEGABYTES]
"""

import sys

import ray
import torch

import plasma.ray

plasma.ray.register()  # before the classes of actors


@ray.remote
class Producer:
    @ray.method(tensor_transport="plasma")
    def make(self, count):
        return {"weights": torch.ones(count), "step": 7}


@ray.remote(enable_tensor_transport=True)
class Consumer:
    def total(self, value):
        return value["step"], value["weights"].sum().item()


def main(megabytes=100):
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    producer, consumer = Producer.remote(), Consumer.remote()
    count = megabytes * 250_000
    assert ray.get(consumer.total.remote(producer.make.remote(count))) == (7, count)
    print(f"{megabytes} MB went from actor to actor")
    ray.shutdown()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
