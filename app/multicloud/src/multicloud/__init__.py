"""The Multi-Cloud API: a framework-free core, its HTTP client, and two thin adapters."""
