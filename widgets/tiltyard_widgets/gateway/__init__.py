"""The server of `tiltyard app`: Voila behind a login, kernels that belong to who started them, nothing answered to anybody else."""
