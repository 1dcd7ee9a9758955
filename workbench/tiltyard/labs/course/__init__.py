"""What a teacher needs: a roster with accounts, notebooks to hand out, submissions graded anew, and a page for the projector."""
