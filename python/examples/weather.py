"""Processes share one xarray Dataset and answer with polars frames.

python weather.py
"""

import concurrent.futures
import multiprocessing

import numpy as np
import polars as pl
import xarray as xr

import plasma


def means(client, month):
    weather = client.get_object("weather")  # its variables are views of shared memory
    days = weather.sel(time=weather.time.dt.month == month)
    frame = pl.DataFrame(
        {"month": month, "station": days.station.values, "mean": days.t.mean("time").values}
    )
    return client.put(frame)


def main(stations=50):
    days = np.arange("2026-01-01", "2027-01-01", dtype="M8[D]").astype("M8[ns]")
    weather = xr.Dataset(
        {"t": (("station", "time"), np.random.default_rng(1).normal(10, 5, (stations, len(days))))},
        coords={"station": np.arange(stations), "time": days},
        attrs={"unit": "degrees Celsius"},
    )
    with plasma.connect("weather", ephemeral=True) as client:
        client.put(weather, name="weather")
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
            keys = list(executor.map(means, [client] * 12, range(1, 13)))
        frames = [client.get_object(key) for key in keys]  # views, too
        assert pl.concat(frames).shape == (12 * stations, 3)
    print(f"{len(frames)} means of {len(days)} days, in views")


if __name__ == "__main__":
    main()
