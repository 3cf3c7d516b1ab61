"""The parts of plant.py: what is planted, in which words, on which numbers."""
