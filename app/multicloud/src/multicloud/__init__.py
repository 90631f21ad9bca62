"""The Multi-Cloud API: a framework-free core and two thin adapters."""
