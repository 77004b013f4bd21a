"""Builds, boots and tests Lichen. `./lichen help` says how."""
