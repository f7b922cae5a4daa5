"""The agent: watches one cluster for one environment and tells Gimlet what it sees."""

VERSION = "0.1.0"
