"""Networks, rules, the registry and the model bundle."""
