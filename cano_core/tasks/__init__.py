"""The processing models that users subclass: tasks that are made of several methods."""
