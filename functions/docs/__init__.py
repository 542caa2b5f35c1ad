"""The API's description of itself, served beside it: the document, and a page that shows it."""
