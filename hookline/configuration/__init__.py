"""The configuration file: read, checked as a whole with every problem at its line, and written for a beginner."""
