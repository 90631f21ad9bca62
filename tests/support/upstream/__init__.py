"""A stand-in for A&AI and MSB, scripted by the tests."""
