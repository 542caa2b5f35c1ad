"""Trains, evaluates and generates what the functions ship; never deployed."""
