"""Look and marks that controls, views and panels share."""
