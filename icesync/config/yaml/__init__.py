"""YAML files as text, data, tree and positions: the only place that knows libyaml."""
