"""The API by Django: URLconf and views over the core."""
