"""The same client and server code in processes of their own, under Flower. Imported only when used."""
