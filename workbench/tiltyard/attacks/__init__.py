"""Mathematics that attacks share: perturbation spaces, norms, searches, queries, triggers."""
