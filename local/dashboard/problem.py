"""What is wrong with a widget or with a request of the page."""


class BadWidget(Exception):
    """It cannot be drawn; the text says why, to whoever wrote it."""
