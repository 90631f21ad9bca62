"""The version of the code that is deployed; the proof writes another one here to have new code."""

VERSION = "1"
