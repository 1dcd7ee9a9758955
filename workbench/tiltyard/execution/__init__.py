"""Where work runs: in order, side by side, in processes, on a Dask cluster."""
