"""Workers of a DataLoader that share one dataset, and map the weights of one model.

    python torch_loader.py [ITEMS] [WORKERS]

With a list in place of SharedDataset each worker comes to have a copy of each item it touches.
"""

import sys

import torch
from torch.utils.data import DataLoader

import plasma
import plasma.torch


def make_items(count):
    """Items of the kind that the workers of a DataLoader replicate: many small objects."""
    return [
        {"x": torch.full((32,), float(n)), "name": f"item {n}", "y": n % 10} for n in range(count)
    ]


class Scored:
    """Gives each item its score by a model, whose weights all workers map."""

    def __init__(self, items, client):
        self.items, self.client, self.model = items, client, None

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        if self.model is None:
            self.model = self.client.get_object("model")
        item = self.items[index]
        with torch.no_grad():
            return item["y"], self.model(item["x"]).sum()


def main(count=10_000, workers=2):
    with plasma.connect("torch-loader", ephemeral=True, capacity="256M") as client:
        model = torch.nn.Linear(32, 4)
        torch.nn.init.ones_(model.weight)
        torch.nn.init.zeros_(model.bias)
        client.put(model, name="model")
        items = plasma.torch.SharedDataset(make_items(count), client)
        loader = DataLoader(Scored(items, client), batch_size=64, num_workers=workers)
        total = sum(float(score.sum()) for _, score in loader)
        del loader, items
    assert total == 4 * 32 * sum(range(count)), total
    print(f"{count} items, scored by {workers} workers")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
