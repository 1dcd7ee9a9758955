"""Federated rounds as plain functions on arrays: the same in this process and in Flower's. Imported only when used."""
