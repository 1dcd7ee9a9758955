"""Encryption and signatures of models, data and reports: manifests of hashes, Ed25519, AES-256-GCM in chunks."""
