"""The whole assessment: its configuration, its policy, its baseline, its run."""
