"""The Multi-Cloud API without a web framework: its routes, rules and messages stand here, once."""
