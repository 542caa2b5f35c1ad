"""The console: a web page that asks the API and shows what it did, served beside it."""
