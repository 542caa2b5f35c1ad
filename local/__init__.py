"""The local AWS: an emulator with its gaps closed, a front door on one port, a command line."""
