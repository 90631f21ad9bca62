"""A stand-in for A&AI and MSB with drivers like a tiny cloud, for a first look; everything is in memory.

It is no part of a real deployment: nothing is checked but what an example needs, and nothing outlives the process.
"""
