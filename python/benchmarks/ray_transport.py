"""A tensor of 200 MB from actor to actor: by plasma.ray, and through Ray's own store.

python ray_transport.py [ROUNDS]
"""

import statistics
import sys
import time

import numpy as np
import ray
import torch

import plasma.ray

plasma.ray.register()  # before the classes of actors

COUNT = 50_000_000


@ray.remote
class Producer:
    def __init__(self):
        self.tensor, self.array = torch.ones(COUNT), np.ones(COUNT, "f4")

    @ray.method(tensor_transport="plasma")
    def tensor_by_plasma(self):
        return self.tensor

    @ray.method(tensor_transport="plasma_numpy")
    def array_by_plasma(self):
        return self.array


@ray.remote
class Plain:
    def __init__(self):
        self.tensor, self.array = torch.ones(COUNT), np.ones(COUNT, "f4")

    def tensor_by_ray(self):
        return self.tensor

    def array_by_ray(self):
        return self.array


@ray.remote(enable_tensor_transport=True)
class Consumer:
    def use(self, value):
        return float(value[::4096].sum())


def main(rounds=7):
    ray.init(num_cpus=3, include_dashboard=False, object_store_memory=2_000_000_000)
    producer, plain, consumer = Producer.remote(), Plain.remote(), Consumer.remote()
    times = {
        "tensor, plasma": (producer.tensor_by_plasma, []),
        "tensor, Ray": (plain.tensor_by_ray, []),
        "array, plasma": (producer.array_by_plasma, []),
        "array, Ray": (plain.array_by_ray, []),
    }
    for _ in range(rounds + 1):
        for make, took in times.values():
            began = time.perf_counter()
            assert ray.get(consumer.use.remote(make.remote())) == COUNT // 4096 + 1
            took.append(time.perf_counter() - began)
    for kind, (_, took) in times.items():
        print(f"{kind}: {statistics.median(took[1:]) * 1000:.0f} ms, least {min(took) * 1000:.0f}")
    ray.shutdown()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
