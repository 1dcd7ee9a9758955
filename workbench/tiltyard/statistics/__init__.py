"""Statistics that topics share: intervals, paired differences, the majority-class baseline."""
